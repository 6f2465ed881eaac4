#pragma once

#include <functional>
#include <span>

#include "runtime/program.hpp"

namespace fovea::runtime {

/// Memory that a graph input is bound to.
struct Binding {
    const std::byte* data = nullptr;
    Shape shape;
    bool on_device = false;
};

/// Runs programs whose tensors lie on a device: launches recorded once and replayed, with copies around them, and steps
/// on the host in between where there are any. Belongs to one context.
class DeviceRun {
  public:
    DeviceRun(const backend::Device& device, const plan::TargetSection& target);

    /// Runs step `i` on the host; its tensors lie in `inputs` and `outputs` meanwhile.
    using HostStep = std::function<void(std::size_t i, const backend::KernelArgs& args)>;
    /// What an observer gets: a launch's tensors in host memory and its time.
    using Observer = std::function<void(std::size_t i, const backend::KernelArgs& args, double microseconds)>;

    /// Memory for `program`, which must stay alive until the next call.
    void prepare(const Program& program);
    /// Copies inputs that are bound to host memory, runs, and brings the outputs to the host unless they are kept.
    void run(const std::vector<Binding>& inputs, const HostStep& host_step);
    /// As `run`, launch by launch; `name` says what profilers show a launch as. Without `tensors`, the observer gets
    /// none.
    void observe(const std::vector<Binding>& inputs, const HostStep& host_step, const Observer& observer,
                 const std::function<std::string(std::size_t i)>& name, bool tensors);

    /// Outputs stay on the device: `output` is not valid then, `device_output` is.
    void keep_outputs(bool keep) { keep_outputs_ = keep; }
    [[nodiscard]] std::byte* output(std::size_t i) const { return output_staging_[i].get(); }
    [[nodiscard]] std::byte* device_output(std::size_t i) const;
    /// Where the last run copied input `i` to; nullptr when it lay on the device already.
    [[nodiscard]] std::byte* device_input(std::size_t i) const { return input_memory_[i].get(); }
    /// Launches the recordings of the last run once more, without its copies and its steps on the host.
    void replay();
    [[nodiscard]] backend::Stream& stream() { return *stream_; }
    /// Kernels and copies in the recordings.
    [[nodiscard]] std::size_t recorded_launches() const;
    [[nodiscard]] std::size_t recordings() const { return segments_.size(); }

  private:
    using Memory = std::shared_ptr<std::byte>;
    struct Pointers {
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
        std::unique_ptr<backend::KernelState> state;
    };
    /// Launches `first` to `last` - 1, all on the device.
    struct Segment {
        std::size_t first = 0, last = 0;
        std::unique_ptr<backend::Recording> recording;
    };
    /// A launch's tensors in host memory.
    struct Mirror {
        std::vector<Memory> memory;
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
    };

    [[nodiscard]] std::byte* place(const Operand& operand) const;
    [[nodiscard]] bool runs(std::size_t i) const;
    [[nodiscard]] backend::KernelArgs arguments(std::size_t i);
    void upload_inputs(const std::vector<Binding>& inputs);
    void resolve();
    void record();
    void download_outputs();
    void run_on_host(std::size_t i, const HostStep& host_step);
    Mirror mirror(std::size_t i, bool with_outputs);

    const backend::Device& device_;
    const plan::TargetSection& target_;
    std::unique_ptr<backend::Stream> stream_;
    const Program* program_ = nullptr;
    Memory arena_, scratch_;
    std::size_t arena_bytes_ = 0, scratch_bytes_ = 0;
    std::vector<Memory> input_memory_, input_staging_, output_staging_;
    std::vector<std::size_t> input_bytes_, output_bytes_;
    std::vector<const std::byte*> input_places_;  ///< where each input lies on the device
    std::vector<Pointers> pointers_;              ///< by launch
    std::vector<Segment> segments_;
    bool recorded_ = false, keep_outputs_ = false;
};

}  // namespace fovea::runtime
