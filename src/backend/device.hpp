#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace fovea::backend {

class Instruments;

/// What memory a pointer points into.
enum class MemoryKind : std::uint8_t {
    pageable,  ///< of the host, as the system gives it
    pinned,    ///< of the host, page-locked: the device copies from and to it by itself
    device,
    foreign,  ///< of another device
};

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
    /// Copies within the device.
    virtual void copy(std::byte* target, const std::byte* source, std::size_t bytes) = 0;
    /// Waits until all work is done; throws what went wrong in it.
    virtual void synchronize() = 0;
    /// Sets mark number `mark`, or moves it, behind all work so far.
    virtual void mark(std::size_t mark) = 0;
    /// Waits until the work in front of a mark is done; throws what went wrong in it.
    virtual void await(std::size_t mark) = 0;
    /// Has the work that follows wait for that in front of a mark in another stream of the device.
    virtual void wait_for(const Stream& other, std::size_t mark) = 0;
    /// Records what `enqueue` puts into this stream without running it.
    virtual std::unique_ptr<Recording> record(const std::function<void()>& enqueue) = 0;
    /// Whether kernels from here on may start while those in front of them end: they wait where they need their
    /// results.
    virtual void overlap(bool allowed) { (void)allowed; }
    virtual void replay(const Recording& recording) = 0;
    /// Median microseconds of device time of one replay among `replays`.
    virtual double time(const Recording& recording, int replays) = 0;
    /// Fills the device's caches with other data, and then with as much of `kept` as they hold.
    virtual void cool(const std::vector<std::span<const std::byte>>& kept) { (void)kept; }
};

/// Microseconds of device time that one call of `enqueue` takes when ten follow each other; runs it many times.
double time_calls(Stream& stream, const std::function<void()>& enqueue);
/// The same when before each call the device's caches were filled with other data but for `kept`.
double time_cold_calls(Stream& stream, const std::vector<std::span<const std::byte>>& kept,
                       const std::function<void()>& enqueue);

/// Memory and queues of a device whose kernels do not work on host memory. Safe for many threads.
class Device {
  public:
    virtual ~Device() = default;
    /// Among the devices of its kind.
    [[nodiscard]] virtual int number() const = 0;
    /// Memory on the device, at least 256-byte aligned, freed with the last copy of the pointer. Throws `out_of_range`.
    [[nodiscard]] virtual std::shared_ptr<std::byte> allocate(std::size_t bytes) const = 0;
    /// Host memory that copies to and from the device are fastest with.
    [[nodiscard]] virtual std::shared_ptr<std::byte> allocate_host(std::size_t bytes) const = 0;
    [[nodiscard]] virtual MemoryKind kind_of(const void* pointer) const = 0;
    [[nodiscard]] virtual std::unique_ptr<Stream> make_stream() const = 0;
    /// Whether a kernel can start while the one in front of it ends (`Stream::overlap`).
    [[nodiscard]] virtual bool overlaps() const { return false; }
    /// What it is measured with; nullptr where it has none.
    [[nodiscard]] virtual const Instruments* instruments() const { return nullptr; }
    /// A queue that the caller made by the device's own interface (CUDA: a `cudaStream_t`) and that it keeps.
    [[nodiscard]] virtual std::unique_ptr<Stream> adopt_stream(void* handle) const = 0;
};

}  // namespace fovea::backend
