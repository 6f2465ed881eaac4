#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace fovea::backend {

class Instruments;

/// Launches recorded once and replayed as a whole.
class Recording {
  public:
    virtual ~Recording() = default;
    /// Number of kernels and copies in it.
    [[nodiscard]] virtual std::size_t size() const = 0;
};

/// An ordered queue of work on a device. Belongs to one thread at a time.
class Stream {
  public:
    virtual ~Stream() = default;
    /// Copies, in the order of the queue; host memory must stay valid until `synchronize`.
    virtual void upload(std::byte* device, const std::byte* host, std::size_t bytes) = 0;
    virtual void download(std::byte* host, const std::byte* device, std::size_t bytes) = 0;
    /// Waits until all work is done; throws what went wrong in it.
    virtual void synchronize() = 0;
    /// Records what `enqueue` puts into this stream without running it.
    virtual std::unique_ptr<Recording> record(const std::function<void()>& enqueue) = 0;
    virtual void replay(const Recording& recording) = 0;
    /// Median microseconds of device time of one replay among `replays`.
    virtual double time(const Recording& recording, int replays) = 0;
};

/// Microseconds of device time that one call of `enqueue` takes when ten follow each other; runs it many times.
double time_calls(Stream& stream, const std::function<void()>& enqueue);

/// Memory and queues of a device whose kernels do not work on host memory. Safe for many threads.
class Device {
  public:
    virtual ~Device() = default;
    /// Memory on the device, at least 256-byte aligned, freed with the last copy of the pointer. Throws `out_of_range`.
    [[nodiscard]] virtual std::shared_ptr<std::byte> allocate(std::size_t bytes) const = 0;
    /// Host memory that copies to and from the device are fastest with.
    [[nodiscard]] virtual std::shared_ptr<std::byte> allocate_host(std::size_t bytes) const = 0;
    [[nodiscard]] virtual std::unique_ptr<Stream> make_stream() const = 0;
    /// What it is measured with; nullptr where it has none.
    [[nodiscard]] virtual const Instruments* instruments() const { return nullptr; }
};

}  // namespace fovea::backend
