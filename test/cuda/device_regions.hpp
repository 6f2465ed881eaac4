#pragma once

#include <algorithm>
#include <map>

#include "cuda/cases.hpp"
#include "cuda/on_device.hpp"

namespace fovea::backend {

/// The regions of a graph on the GPU, all tensors channels last in memory of their own: the inputs hold random numbers.
/// For large shapes: nothing is computed on the host.
class DeviceRegions {
  public:
    /// A kernel and its tactic's name.
    using Named = std::pair<std::string, std::unique_ptr<Kernel>>;

    /// `backend` and `graph` must stay alive.
    DeviceRegions(const Backend& backend, const ir::Graph& graph)
        : backend_(backend),
          graph_(graph),
          values_(ops::infer(graph)),
          covering_(compiler::cover(graph, values_, backend, true)),
          stream_(backend.device()->make_stream()) {
        for (const Region& region : covering_.regions) contexts_.push_back({graph_, region, values_});
        for (const ir::ValueId id : graph.inputs) {
            const Shape shape = contexts_[0].shape(id);
            upload(id, compiler::random_inputs(graph_, {shape}, 3)[0].cast(contexts_[0].dtype(id)));
        }
        for (const RegionContext& context : contexts_) {
            const ir::ValueId id = context.region.outputs[0];
            Tensor unset(context.dtype(id), context.shape(id));
            std::fill_n(unset.raw(), unset.bytes(), std::byte{0xff});
            upload(id, unset);
            unset_[id] = std::move(memory_[id]);
            upload(id, unset);
        }
    }

    [[nodiscard]] std::size_t size() const { return contexts_.size(); }
    [[nodiscard]] const Region& region(std::size_t i) const { return contexts_[i].region; }

    static bool of_library(const Tactic& tactic) { return tactic.name.find('@') != std::string::npos; }

    /// The kernels of region `i` that read and write channels last and that `wanted` wants.
    template <class Wanted>
    [[nodiscard]] std::vector<Named> kernels(std::size_t i, const Wanted& wanted) const {
        const RegionContext& context = contexts_[i];
        std::vector<std::pair<RegionContext, Tactic>> list;
        for (const Tactic& tactic : backend_.tactics(context)) {
            bool suits = tactic.outputs[0] == Layout::channels_last && wanted(tactic);
            for (std::size_t k = 0; k < tactic.inputs.size(); ++k)
                suits =
                    suits && (context.constant(context.region.inputs[k]) || tactic.inputs[k] == Layout::channels_last);
            if (suits) list.emplace_back(context, tactic);
        }
        std::vector<Named> result;
        auto ahead = backend_.prepare_ahead(list);
        ahead.resize(list.size());
        for (std::size_t k = 0; k < list.size(); ++k) try {
                if (!ahead[k]) ahead[k] = backend_.prepare(list[k].first, list[k].second);
                result.emplace_back(list[k].second.name, std::move(ahead[k]));
            } catch (const Error& error) {  // an engine that needs more memory than it may have
                if (error.code() != ErrorCode::unsupported) throw;
            }
        return result;
    }

    [[nodiscard]] Stream& stream() { return *stream_; }

    /// Enqueues: overwrites the result of region `i` with what no kernel computes.
    void forget(std::size_t i) {
        const ir::ValueId id = contexts_[i].region.outputs[0];
        stream_->copy(memory_[id].place.get(), unset_[id].place.get(), memory_[id].bytes);
    }

    /// Enqueues `kernel` of region `i`.
    void run(std::size_t i, const Kernel& kernel) {
        const RegionContext& context = contexts_[i];
        std::vector<const std::byte*> inputs;
        for (const ir::ValueId id : context.region.inputs)
            inputs.push_back(context.constant(id) ? nullptr : memory_[id].place.get());
        std::byte* output = memory_[context.region.outputs[0]].place.get();
        Scratch& scratch = scratch_[&kernel];
        if (!scratch.workspace)
            scratch = {backend_.device()->allocate(kernel.workspace_bytes() + 1), kernel.make_state()};
        kernel.run({inputs.data(), &output, scratch.workspace.get(), scratch.state.get(), stream_.get()});
    }

    /// The result of region `i`, in the order of its memory, when all work is done.
    [[nodiscard]] Tensor result(std::size_t i) {
        const ir::ValueId id = contexts_[i].region.outputs[0];
        Tensor tensor(contexts_[i].dtype(id), contexts_[i].shape(id));
        stream_->download(tensor.raw(), memory_[id].place.get(), tensor.bytes());
        stream_->synchronize();
        return tensor;
    }

  private:
    struct Memory {
        std::shared_ptr<std::byte> place;
        std::size_t bytes = 0;
    };
    struct Scratch {
        std::shared_ptr<std::byte> workspace;
        std::unique_ptr<KernelState> state;
    };

    void upload(ir::ValueId id, const Tensor& tensor) {
        memory_[id] = {backend_.device()->allocate(tensor.bytes()), tensor.bytes()};
        stream_->upload(memory_[id].place.get(), tensor.raw(), tensor.bytes());
        stream_->synchronize();
    }

    const Backend& backend_;
    const ir::Graph& graph_;
    ops::ValueTable values_;
    compiler::Covering covering_;
    std::unique_ptr<Stream> stream_;
    std::vector<RegionContext> contexts_;
    std::map<ir::ValueId, Memory> memory_, unset_;
    std::map<const Kernel*, Scratch> scratch_;
};

}  // namespace fovea::backend
