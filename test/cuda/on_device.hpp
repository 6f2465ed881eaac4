#pragma once

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <set>
#include <string>

#include "backend/backend.hpp"
#include "backend/cuda/cuda.hpp"
#include "base/dispatch.hpp"
#include "compiler/cover.hpp"
#include "compiler/gate.hpp"
#include "compiler/region_reference.hpp"
#include "ops/infer.hpp"

namespace fovea::backend {

/// The first GPU, for all tests of a process: to make its context anew takes longer than most of them.
inline const Backend& first_gpu(bool tf32 = false) {
    static const std::unique_ptr<Backend> kBackends[] = {make_cuda_backend({0, false}), make_cuda_backend({0, true})};
    return *kBackends[tf32];
}

/// Whether kernels run for sanitizers, which are slow and compare no results: fewer and smaller ones.
inline bool for_sanitizers() {
    static const bool kSet = std::getenv("FOVEA_TEST_SANITIZE") != nullptr;
    return kSet;
}

/// The one region of a graph on the GPU, beside the reference on the host.
class OnDevice {
  public:
    /// `backend` and `graph` must stay alive.
    OnDevice(const Backend& backend, const ir::Graph& graph, std::vector<Tensor> inputs)
        : backend_(backend),
          graph_(graph),
          values_(ops::infer(graph)),
          covering_(compiler::cover(graph, values_, backend, true)),
          stream_(backend.device()->make_stream()),
          context_{graph_, covering_.regions.at(0), values_},
          inputs_(std::move(inputs)) {}

    [[nodiscard]] const Region& region() const { return context_.region; }
    [[nodiscard]] std::size_t regions() const { return covering_.regions.size(); }
    /// All; for sanitizers one of each form of fovea's own kernels.
    [[nodiscard]] std::vector<Tactic> tactics() const {
        std::vector<Tactic> result;
        std::set<std::string> forms;
        for (Tactic& tactic : backend_.tactics(context_))
            if (!for_sanitizers() ||
                (tactic.name.find('@') == std::string::npos && forms.insert(form_of(tactic.name)).second))
                result.push_back(std::move(tactic));
        return result;
    }

    void prepare_ahead() const {
        std::vector<std::pair<RegionContext, Tactic>> list;
        for (const Tactic& tactic : tactics()) list.emplace_back(context_, tactic);
        (void)backend_.prepare_ahead(list);
    }

    /// The region's results as plain tensors.
    [[nodiscard]] std::vector<Tensor> run(const Tactic& tactic) const {
        if (for_sanitizers()) std::cout << tactic.name << std::endl;
        std::vector<std::shared_ptr<std::byte>> memory;
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
        for (std::size_t i = 0; i < context_.region.inputs.size(); ++i) {
            const ir::ValueId id = context_.region.inputs[i];
            if (context_.constant(id)) {
                inputs.push_back(nullptr);
                continue;
            }
            const TensorDesc desc = context_.input_desc(i, tactic);
            Tensor laid_out(desc.dtype, desc.shape);
            lay_out(plain(desc), input(id).raw(), desc, laid_out.raw());
            memory.push_back(upload(laid_out));
            inputs.push_back(memory.back().get());
        }
        for (std::size_t i = 0; i < context_.region.outputs.size(); ++i) {
            const TensorDesc desc = context_.output_desc(i, tactic);
            memory.push_back(tactic.alias ? memory[0] : unset(desc));
            outputs.push_back(memory.back().get());
        }
        const auto kernel = backend_.prepare(context_, tactic);
        const auto state = kernel->make_state();
        const auto workspace = backend_.device()->allocate(kernel->workspace_bytes() + 1);
        kernel->run({inputs.data(), outputs.data(), workspace.get(), state.get(), stream_.get()});
        std::vector<Tensor> results;
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const TensorDesc desc = context_.output_desc(i, tactic);
            Tensor laid_out(desc.dtype, desc.shape);
            stream_->download(laid_out.raw(), outputs[i], laid_out.bytes());
            stream_->synchronize();
            results.emplace_back(desc.dtype, desc.shape);
            lay_out(desc, laid_out.raw(), plain(desc), results.back().raw());
        }
        return results;
    }

    /// What a result of this type may differ by, as in the gate: the reference rounds between the region's nodes, the
    /// kernel does not.
    [[nodiscard]] double tolerance(DType type) const {
        double most = compiler::kernel_tolerance(type);
        for (const ir::NodeId node : region().nodes)
            for (const ir::ValueId inner : graph_.node(node).outputs)
                if (inner != ir::kNone && base::is_float(type) && base::is_float(context_.dtype(inner)))
                    most = std::max(most, compiler::kernel_tolerance(context_.dtype(inner)));
        return most;
    }

    /// Nothing for sanitizers, which would wait for it.
    [[nodiscard]] std::vector<Tensor> reference() const {
        if (for_sanitizers()) return {};
        compiler::RegionReference reference(
            graph_, values_, context_.region,
            [this](ir::ValueId id, const ops::Box& box) { return compiler::crop(input(id), box); });
        std::vector<Tensor> results;
        for (const ir::ValueId output : context_.region.outputs)
            results.push_back(reference.box(output, ops::Box::whole(context_.shape(output))));
        return results;
    }

  private:
    /// A tactic's name without its numbers, but for 1, of which templates make less: one stage, one part.
    static std::string form_of(const std::string& name) {
        std::string form;
        for (std::size_t at = 0; at < name.size();) {
            const std::size_t end = std::min(name.find_first_not_of("0123456789", at), name.size());
            if (end == at) {
                form += name[at++];
            } else {
                form += name.compare(at, end - at, "1") == 0 ? '1' : 'n';
                at = end;
            }
        }
        return form;
    }

    static TensorDesc plain(const TensorDesc& desc) { return TensorDesc::dense(desc.dtype, desc.shape, Layout::plain); }

    static void lay_out(const TensorDesc& from, const std::byte* source, const TensorDesc& to, std::byte* target) {
        if (from == to)
            std::copy_n(source, from.bytes(), target);
        else
            convert(from, source, to, target);
    }

    [[nodiscard]] std::shared_ptr<std::byte> upload(const Tensor& tensor) const {
        auto memory = backend_.device()->allocate(tensor.bytes() + 1);
        stream_->upload(memory.get(), tensor.raw(), tensor.bytes());
        stream_->synchronize();
        return memory;
    }

    /// Memory in which the kernel must write everything: sanitizers know it for unset, tests by what it holds.
    [[nodiscard]] std::shared_ptr<std::byte> unset(const TensorDesc& desc) const {
        if (for_sanitizers()) return backend_.device()->allocate(desc.bytes() + 1);
        Tensor tensor(desc.dtype, desc.shape);
        std::fill_n(tensor.raw(), tensor.bytes(), std::byte{0xff});
        return upload(tensor);
    }

    [[nodiscard]] Tensor input(ir::ValueId id) const {
        if (const Tensor* constant = context_.constant(id)) return *constant;
        const auto at = std::find(graph_.inputs.begin(), graph_.inputs.end(), id) - graph_.inputs.begin();
        return inputs_[static_cast<std::size_t>(at)];
    }

    const Backend& backend_;
    const ir::Graph& graph_;
    ops::ValueTable values_;
    compiler::Covering covering_;
    std::unique_ptr<Stream> stream_;
    RegionContext context_;
    std::vector<Tensor> inputs_;
};

}  // namespace fovea::backend
