#pragma once

#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/device_run.hpp"

namespace fovea::runtime {

struct EngineOptions {
    int threads = 0;                 ///< 0: as many as the plan was built for
    std::size_t cached_shapes = 8;   ///< programs kept for different input shapes, least recently used first out
    std::size_t cached_graphs = 16;  ///< recordings that each context keeps for shapes and places of device memory
    std::string device = {};         ///< the first backend's, as the user named it, for messages; empty: any backend's
};

/// A plan ready to run on this machine. Immutable for its users; contexts of many threads share it.
class Engine {
  public:
    /// Throws `unsupported` when no target section was built for a backend and instruction set that this machine has;
    /// where a device is named, for that one.
    Engine(plan::Plan plan, Backends backends, EngineOptions options = {});

    [[nodiscard]] const plan::Plan& plan() const { return plan_; }
    [[nodiscard]] const plan::TargetSection& target() const { return *target_; }
    [[nodiscard]] int threads() const { return threads_; }
    /// Where the target's tensors lie; nullptr: in host memory.
    [[nodiscard]] const backend::Device* device() const { return device_; }
    [[nodiscard]] std::size_t cached_graphs() const { return cached_graphs_; }
    /// Prepared for these shapes, from the cache where it holds them. Throws `out_of_range` naming the input, the axis
    /// and the range when a shape lies outside the profile.
    std::shared_ptr<const Program> program(const std::vector<Shape>& input_shapes) const;
    /// Throws `out_of_range` as `program` does, without preparing anything.
    void check_profile(const std::vector<Shape>& input_shapes) const;
    /// Bytes of constants in kernel layouts.
    [[nodiscard]] std::size_t packed_bytes() const { return packed_.bytes(); }

  private:
    [[noreturn]] void refuse_machine(const std::string& device) const;

    plan::Plan plan_;
    Backends backends_;
    const plan::TargetSection* target_ = nullptr;
    const backend::Device* device_ = nullptr;
    int threads_;
    std::size_t cached_shapes_, cached_graphs_;
    mutable backend::PackedConstants packed_;
    mutable std::mutex mutex_;
    mutable std::list<std::shared_ptr<const Program>> programs_;  ///< most recently used first
};

/// What an observer sees of one executed step.
struct Observation {
    std::size_t index;  ///< among the program's launches
    const Launch& launch;
    const backend::KernelArgs& args;  ///< in host memory
    double microseconds;
    /// What a kernel on the device has run with; nullptr: `args`.
    const backend::KernelArgs* on_device = nullptr;
};

/// Runs an engine for one thread. Owns the activations' memory. A run allocates nothing in this code after the first
/// run at the same shapes, except for steps whose shapes depend on data.
class Context {
  public:
    explicit Context(std::shared_ptr<const Engine> engine);

    /// Binds graph input `index` to memory that must stay valid and unchanged during `run`. The type must be the
    /// input's. With `on_device` it is memory of the engine's device; throws `invalid_argument` when there is none.
    void bind_input(std::size_t index, DType dtype, std::span<const std::int64_t> shape, const void* data,
                    bool on_device = false);
    /// Has runs write graph output `index` to this memory, which must have the output's type and shape then; with a
    /// null pointer, not any more.
    void bind_output(std::size_t index, DType dtype, std::span<const std::int64_t> shape, void* data,
                     bool on_device = false);
    /// Runs all steps. Throws when an input is not bound or a shape is out of range.
    void run();
    /// As `run`, in a queue of the engine's device that the caller made, behind the work in it. Returns before the end
    /// where no step runs on the host. Memory that is bound must stay as it is until the queue got there.
    void enqueue(void* queue);
    /// As `run`, calling `observer` after each step: with its tensors, or, on a device, with its time instead.
    void run(const std::function<void(const Observation&)>& observer, bool tensors = true);
    /// Output `index` of the last run: a view that is valid until the next run.
    [[nodiscard]] Tensor output(std::size_t index) const;
    /// The same for good: later runs do not write to it. Outputs that are bound are copied.
    [[nodiscard]] Tensor take_output(std::size_t index);
    /// Whether `output` gives memory of the device.
    [[nodiscard]] bool output_on_device(std::size_t index) const;
    [[nodiscard]] const Program& program() const { return *program_; }
    [[nodiscard]] const Engine& engine() const { return *engine_; }
    [[nodiscard]] const std::shared_ptr<const Engine>& shared_engine() const { return engine_; }
    /// The part that runs on the engine's device; nullptr when it has none.
    [[nodiscard]] DeviceRun* device() { return device_.get(); }

  private:
    void select_program();
    void check_outputs() const;
    [[nodiscard]] backend::MemoryKind kind_of(const void* data, bool on_device) const;
    void deliver_outputs();
    [[nodiscard]] const std::byte* output_data(std::size_t index) const;
    [[nodiscard]] Tensor computed_output(std::size_t index) const;
    void prepare();
    void resolve_inputs();
    void launch(std::size_t i);
    void launch_late(const Launch& launch, const std::byte* const* inputs);
    Tensor late_input(const Launch& launch, std::size_t i, ir::ValueId id, const std::byte* data) const;
    [[nodiscard]] Tensor in_run(const ops::ValueInfo& info, backend::Layout layout, const std::byte* data) const;
    void take_counted();
    void run_host_step(std::size_t i, const backend::KernelArgs& args);
    [[nodiscard]] std::string name_of(std::size_t i) const;

    struct Pointers {
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
        std::unique_ptr<backend::KernelState> state;
    };

    std::shared_ptr<const Engine> engine_;
    std::shared_ptr<const Program> program_;
    std::vector<Binding> bindings_, output_bindings_;
    std::vector<DType> output_types_;  ///< that the outputs' memory was bound with
    bool shapes_changed_ = true;
    std::shared_ptr<std::byte> arena_, scratch_;
    std::size_t arena_bytes_ = 0, scratch_bytes_ = 0;
    std::vector<Pointers> pointers_;  ///< by launch
    std::unique_ptr<DeviceRun> device_;
    std::vector<Tensor> late_;  ///< by value
};

}  // namespace fovea::runtime
