#pragma once

#include <map>
#include <mutex>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend/cuda/driver.hpp"
#include "backend/device.hpp"
#include "backend/instruments.hpp"

namespace fovea::backend::cuda {

/// What a GPU is and can do.
struct Facts {
    std::string name;            ///< "NVIDIA H200"
    int compute_capability = 0;  ///< 90 for 9.0
    int multiprocessors = 0;
    std::size_t memory_bytes = 0;
    std::size_t l2_bytes = 0;
    int shared_bytes = 0;  ///< most shared memory that one block may have
};

/// Makes a context the calling thread's current one, and at the end the one before again: callers have GPUs of theirs.
class Current {
  public:
    explicit Current(CUcontext context);
    Current(CUcontext context, std::nothrow_t) noexcept;
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;

  private:
    CUcontext before_ = nullptr, context_;
};

/// One GPU, by its primary context.
class CudaDevice final : public Device, public std::enable_shared_from_this<CudaDevice> {
  public:
    /// Throws `invalid_argument` when there is no GPU of this number, `unsupported` without a driver.
    explicit CudaDevice(int index);
    /// A GPU of these facts that is not there: kernels are compiled and not loaded, "device" memory is the host's, and
    /// there are no streams.
    explicit CudaDevice(Facts facts) : facts_(std::move(facts)) {}
    ~CudaDevice() override;
    CudaDevice(const CudaDevice&) = delete;
    CudaDevice& operator=(const CudaDevice&) = delete;

    [[nodiscard]] int number() const override { return device_; }
    [[nodiscard]] std::shared_ptr<std::byte> allocate(std::size_t bytes) const override;
    [[nodiscard]] std::shared_ptr<std::byte> allocate_host(std::size_t bytes) const override;
    [[nodiscard]] MemoryKind kind_of(const void* pointer) const override;
    [[nodiscard]] std::unique_ptr<Stream> make_stream() const override;
    [[nodiscard]] bool overlaps() const override { return facts_.compute_capability >= 90; }
    [[nodiscard]] const Instruments* instruments() const override { return instruments_.get(); }
    [[nodiscard]] std::unique_ptr<Stream> adopt_stream(void* handle) const override;

    [[nodiscard]] const Facts& facts() const { return facts_; }
    /// The target that kernels are compiled for: "sm_80", "sm_90a".
    [[nodiscard]] std::string architecture() const;
    [[nodiscard]] bool present() const { return context_ != nullptr; }
    /// Makes this GPU the calling thread's current one.
    void use() const;
    [[nodiscard]] CUcontext context() const { return context_; }
    /// Memory on the device with this content, once the copy is done.
    [[nodiscard]] std::shared_ptr<std::byte> upload(std::span<const std::byte> content) const;
    /// The module of a binary from `compile`, loaded once for all who hold it and launch its kernels with so much
    /// dynamic shared memory.
    [[nodiscard]] std::shared_ptr<CUmod_st> load(const std::vector<char>& binary, std::size_t shared_bytes) const;

  private:
    [[nodiscard]] std::shared_ptr<std::byte> place(std::size_t bytes) const;

    CUdevice device_ = 0;
    CUcontext context_ = nullptr;
    Facts facts_;
    std::unique_ptr<Instruments> instruments_;
    mutable std::mutex mutex_;
    mutable std::map<std::pair<const char*, std::size_t>, std::weak_ptr<CUmod_st>> modules_;
    mutable std::mutex uploads_;
    mutable std::weak_ptr<std::byte> shared_;  ///< what `place` gives away
    mutable std::size_t used_ = 0;
};

class CudaRecording final : public Recording {
  public:
    CudaRecording(CUgraph graph, std::size_t size);
    ~CudaRecording() override;
    CudaRecording(const CudaRecording&) = delete;
    CudaRecording& operator=(const CudaRecording&) = delete;
    [[nodiscard]] std::size_t size() const override { return size_; }
    [[nodiscard]] CUgraphExec handle() const { return graph_; }

  private:
    CUgraphExec graph_ = nullptr;
    std::size_t size_;
};

/// A place in the queue of a stream.
class Event {
  public:
    explicit Event(CUevent_flags flags);
    ~Event();
    Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
    Event& operator=(Event&&) = delete;
    [[nodiscard]] CUevent handle() const { return event_; }

  private:
    CUevent event_ = nullptr;
};

class CudaStream final : public Stream {
  public:
    explicit CudaStream(std::shared_ptr<const CudaDevice> device);
    /// The caller's.
    CudaStream(std::shared_ptr<const CudaDevice> device, CUstream stream);
    ~CudaStream() override;
    CudaStream(const CudaStream&) = delete;
    CudaStream& operator=(const CudaStream&) = delete;

    void upload(std::byte* device, const std::byte* host, std::size_t bytes) override;
    void download(std::byte* host, const std::byte* device, std::size_t bytes) override;
    void copy(std::byte* target, const std::byte* source, std::size_t bytes) override;
    void synchronize() override;
    void mark(std::size_t mark) override;
    void await(std::size_t mark) override;
    void wait_for(const Stream& other, std::size_t mark) override;
    std::unique_ptr<Recording> record(const std::function<void()>& enqueue) override;
    void overlap(bool allowed) override { overlaps_ = allowed; }
    void replay(const Recording& recording) override;
    double time(const Recording& recording, int replays) override;
    void cool(const std::vector<std::span<const std::byte>>& kept) override;
    [[nodiscard]] CUstream handle() const { return stream_; }
    [[nodiscard]] CUcontext context() const { return device_->context(); }
    /// Whether kernels may start while those in front of them end.
    [[nodiscard]] bool overlaps() const { return overlaps_; }

  private:
    std::shared_ptr<const CudaDevice> device_;
    CUstream stream_ = nullptr;
    bool own_, overlaps_ = false;
    std::vector<Event> marks_;
    std::shared_ptr<std::byte> filling_;  ///< what `cool` writes: twice the second-level cache
};

/// A compiled kernel loaded into a device.
class Function {
  public:
    /// Compiles `source` (or takes it from the cache) and loads the kernel `name` out of it. `shared_bytes` is the
    /// dynamic shared memory that every launch will use.
    Function(std::shared_ptr<const CudaDevice> device, const std::string& source, const std::string& name,
             std::size_t shared_bytes = 0);

    struct Grid {
        unsigned x = 1, y = 1, z = 1;
    };
    /// Enqueues one launch; `parameter` is the kernel's only parameter, passed by value.
    void launch(Stream& stream, Grid grid, unsigned threads, const void* parameter) const;

  private:
    std::shared_ptr<const CudaDevice> device_;
    std::shared_ptr<CUmod_st> module_;
    CUfunction function_ = nullptr;
    std::size_t shared_bytes_;
};

}  // namespace fovea::backend::cuda
