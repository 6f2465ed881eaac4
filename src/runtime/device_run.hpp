#pragma once

#include <functional>
#include <list>
#include <span>

#include "runtime/host_copy.hpp"
#include "runtime/program.hpp"

namespace fovea::runtime {

/// Memory that a graph input or output is bound to.
struct Binding {
    std::byte* data = nullptr;  ///< of inputs it is only read
    Shape shape;
    backend::MemoryKind kind = backend::MemoryKind::pageable;

    [[nodiscard]] bool on_device() const { return data && kind == backend::MemoryKind::device; }
};

/// Whether a kernel of the device finds the tensor there.
inline bool on_device(const Operand& operand) {
    using Where = Operand::Where;
    return operand.where == Where::arena || operand.where == Where::input || operand.where == Where::output;
}

/// Runs programs whose tensors lie on a device: launches recorded once and replayed, with copies around them, and steps
/// on the host in between where there are any. Belongs to one context.
///
/// Recordings are kept for shapes and places of bound device memory, so many at most, the least recently used ones
/// first out. A place that is seen for the first time is copied to or from; from its second time on it has a recording
/// of its own and nothing is copied.
class DeviceRun {
  public:
    DeviceRun(const backend::Device& device, const plan::TargetSection& target, std::size_t cached_graphs);
    ~DeviceRun();
    DeviceRun(const DeviceRun&) = delete;
    DeviceRun& operator=(const DeviceRun&) = delete;

    /// Runs step `i` on the host; its tensors lie in `inputs` and `outputs` meanwhile.
    using HostStep = std::function<void(std::size_t i, const backend::KernelArgs& args)>;
    /// What an observer gets: a launch's tensors in host memory, its time, and what it has run with on the device.
    using Observer = std::function<void(std::size_t i, const backend::KernelArgs& args, double microseconds,
                                        const backend::KernelArgs* on_device)>;

    void prepare(std::shared_ptr<const Program> program);
    /// Copies inputs that are bound to host memory, runs, brings outputs to where they are bound, and others to the
    /// host unless they are kept.
    void run(const std::vector<Binding>& inputs, const std::vector<Binding>& outputs, const HostStep& host_step);
    /// The same in a queue of the caller's, behind the work there, without waiting for its end where no output is
    /// bound to pageable memory.
    void enqueue(void* queue, const std::vector<Binding>& inputs, const std::vector<Binding>& outputs,
                 const HostStep& host_step);
    /// Fills memory of the device.
    void put(std::byte* device, const std::byte* host, std::size_t bytes);
    /// As `run`, launch by launch; `name` says what profilers show a launch as. The observer gets a launch's tensors,
    /// or, without `tensors`, its time on the device.
    void observe(const std::vector<Binding>& inputs, const HostStep& host_step, const Observer& observer,
                 const std::function<std::string(std::size_t i)>& name, bool tensors);

    /// Waits for the end of the last run.
    void settle();

    /// Outputs that are not bound stay on the device: `output` is not valid then, `device_output` is.
    void keep_outputs(bool keep) { keep_outputs_ = keep; }
    [[nodiscard]] bool keeps_outputs() const { return keep_outputs_; }
    /// Whether output `i` is computed on the device.
    [[nodiscard]] bool computes(std::size_t i) const { return output_bytes_[i] > 0; }
    [[nodiscard]] std::byte* output(std::size_t i) const { return output_staging_[i].memory.get(); }
    [[nodiscard]] std::byte* device_output(std::size_t i) const;
    /// Hands over the memory of `output(i)`: later runs will not write to it.
    [[nodiscard]] std::shared_ptr<std::byte> take_output(std::size_t i);
    /// Where the last run copied input `i` to; nullptr when it lay on the device already.
    [[nodiscard]] std::byte* device_input(std::size_t i) const { return inputs_[i].memory.get(); }
    /// How the kernels follow each other from here on; otherwise as the plan says.
    void launch(plan::Launching launching);
    /// Microseconds of device time of what the last run recorded, recorded in this way; the median of `replays`.
    double time(plan::Launching launching, int replays);
    /// What the last run found, by count.
    [[nodiscard]] std::span<const std::int64_t> counts() const {
        return {reinterpret_cast<const std::int64_t*>(counts_host_.memory.get()), program_->counts};
    }
    /// Whether output `i` has the size that the device found; `output` holds as much of it then, densely.
    [[nodiscard]] bool counted(std::size_t i) const;
    /// Launches the recordings of the last run once more, without its copies and its steps on the host.
    void replay();
    [[nodiscard]] backend::Stream& stream() { return *stream_; }
    /// Kernels and copies in the recordings that the last run replayed.
    [[nodiscard]] std::size_t recorded_launches() const;
    [[nodiscard]] std::size_t recordings() const { return graph_ ? graph_->segments.size() : 0; }
    /// Sets of recordings that are kept.
    [[nodiscard]] std::size_t cached_graphs() const { return graphs_.size(); }

  private:
    using Memory = std::shared_ptr<std::byte>;
    /// Memory that grows with what is asked for.
    struct Block {
        Memory memory;
        std::size_t bytes = 0;
    };
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
    /// Inputs' and outputs' places on the device.
    struct Places {
        std::vector<std::byte*> inputs, outputs;
        bool operator==(const Places&) const = default;
    };
    /// A program with its tensors at certain places.
    struct Graph {
        std::shared_ptr<const Program> program;
        Places places;
        std::vector<Pointers> pointers;  ///< by launch
        std::vector<Memory> known;       ///< tensors that its shapes alone decide
        std::vector<Segment> segments;
        bool recorded = false;
    };
    /// A launch's tensors in host memory.
    struct Mirror {
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
    };

    [[nodiscard]] std::byte* place(const Operand& operand) const;
    std::byte* upload_known(const Launch& launch, std::size_t k);
    [[nodiscard]] bool runs(std::size_t i) const;
    [[nodiscard]] backend::KernelArgs arguments(std::size_t i, backend::Stream& stream);
    bool grow(Block& block, std::size_t bytes);
    void grow_pinned(Block& block, std::size_t bytes);
    void choose_graph(const std::vector<Binding>& inputs, const std::vector<Binding>& outputs);
    Graph* find(const Places& places);
    void own_places();
    void add_graph(Places places);
    void complete_graph();
    void record();
    std::unique_ptr<backend::Recording> record(const Segment& segment, plan::Launching launching);
    void record_branches(const std::vector<std::size_t>& launches, bool overlap);
    void bring_inputs(backend::Stream& stream, const std::vector<Binding>& inputs);
    void execute(backend::Stream& stream, const std::vector<Binding>& inputs, const std::vector<Binding>& outputs,
                 const HostStep& host_step);
    void deliver_outputs(backend::Stream& stream, const std::vector<Binding>& outputs);
    void run_on_host(std::size_t i, backend::Stream& stream, const HostStep& host_step);
    void mirror(std::size_t i, backend::Stream& stream, bool with_outputs);
    void read_counts(backend::Stream& stream);
    void download_filled(backend::Stream& stream, std::byte* target, std::int32_t slot, const Operand& operand);
    void enqueue_counted_outputs(backend::Stream& stream);
    void finish_counted_outputs(backend::Stream& stream);
    /// The mark behind a run.
    static constexpr std::size_t kDone = 0;

    const backend::Device& device_;
    const plan::TargetSection& target_;
    std::size_t cached_graphs_;
    plan::Launching launching_;
    std::shared_ptr<const Program> program_;
    Block arena_, scratch_;
    std::vector<Block> inputs_, outputs_;                  ///< on the device, where callers bind none
    std::vector<Block> input_staging_, output_staging_;    ///< page-locked
    std::vector<Block> mirror_memory_;                     ///< page-locked, of steps on the host
    std::vector<std::vector<Block>> spare_outputs_;        ///< handed over by `take_output`, for when they come back
    std::vector<std::size_t> input_bytes_, output_bytes_;  ///< 0: not on the device, or counted
    Block counts_, counts_host_;                           ///< the latter page-locked
    bool counts_read_ = false;                             ///< since the last launches
    std::list<Graph> graphs_;                              ///< most recently used first
    Graph* graph_ = nullptr;                               ///< of the last run
    Places wanted_, own_;
    std::list<std::pair<const Program*, Places>> seen_;  ///< bound once and copied, latest first
    Mirror mirror_;
    std::vector<std::byte> host_workspace_;
    HostCopies copies_;
    bool keep_outputs_ = false;
    // Declared last: the streams' work must end before memory goes.
    std::unique_ptr<backend::Stream> stream_, queue_;
    std::vector<std::unique_ptr<backend::Stream>> branches_;  ///< beside `stream_`, in recordings
    void* queue_handle_ = nullptr;
    backend::Stream* last_ = nullptr;  ///< where the last run was put
    bool pending_ = false;             ///< and nothing has waited for its end
};

}  // namespace fovea::runtime
