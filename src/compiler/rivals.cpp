#include "compiler/rivals.hpp"

#include <algorithm>

#include "base/parallel.hpp"
#include "fovea/error.hpp"
#include "tune/keys.hpp"

namespace fovea::compiler {
namespace {

/// Behind the keys of candidates whose whole results lay close to those of another one.
constexpr const char* kAgrees = "|agrees";

std::string name_of(const backend::Backend& backend, const backend::RegionContext& context,
                    const backend::Tactic& tactic) {
    return tune::candidate_key(backend, context, tactic) + "|" +
           std::to_string(context.region.nodes.empty() ? ir::kNone : context.region.nodes[0]);
}

}  // namespace

/// Kernels that will be asked are prepared side by side, where the backend can.
Rivals::Rivals(const runtime::Engine& engine, const runtime::Program& program, const RivalTactics* others)
    : engine_(engine), program_(program), others_(others) {
    std::vector<std::pair<backend::RegionContext, backend::Tactic>> list;
    std::vector<std::string> names, keys;
    for (const runtime::Launch& launch : program.launches) {
        if (!launch.kernel || launch.on_host != !engine.device()) continue;
        const auto tactics = of(*launch.step);
        if (tactics.empty() || agreed(*launch.step)) continue;
        std::string key = key_of(*launch.step);
        if (std::ranges::find(keys, key) != keys.end()) continue;
        keys.push_back(std::move(key));
        list.emplace_back(context_of(*launch.step), tactics[0]);
        names.push_back(name_of(others_->backend, list.back().first, tactics[0]));
    }
    if (list.empty()) return;
    auto kernels = others_->backend.prepare_ahead(list);
    for (std::size_t i = 0; i < kernels.size(); ++i)
        if (kernels[i]) kernels_[names[i]] = std::move(kernels[i]);
}

backend::RegionContext Rivals::context_of(const plan::Step& step) const {
    return {engine_.plan().graph, step.region, program_.values, engine_.threads()};
}

backend::TensorDesc Rivals::desc(std::int32_t slot) const {
    return runtime::slot_desc(engine_.target(), program_.values, slot);
}

backend::TensorDesc Rivals::dense(std::int32_t slot) const {
    auto result = desc(slot);
    result.pitch = result.row();
    return result;
}

/// Kernels for slices of wider tensors may be others.
std::string Rivals::key_of(const plan::Step& step) const {
    std::string key = tune::candidate_key(others_->backend, context_of(step), step.tactic);
    for (const auto& list : {step.inputs, step.outputs})
        for (const std::int32_t slot : list) {
            const std::int64_t offset =
                slot < 0 ? -1 : engine_.target().slots[static_cast<std::size_t>(slot)].row_offset;
            if (offset >= 0) key += "|" + std::to_string(offset) + "of" + std::to_string(desc(slot).pitch);
        }
    return key + kAgrees;
}

std::vector<backend::Tactic> Rivals::of(const plan::Step& step) const {
    if (!others_ || step.region.nodes.empty()) return {};
    const auto found = others_->tactics.find(step.region.nodes[0]);
    if (found == others_->tactics.end()) return {};
    return found->second;
}

bool Rivals::agreed(const plan::Step& step) const { return others_ && others_->cache.find(key_of(step)).has_value(); }

void Rivals::agree(const plan::Step& step, double distance) { others_->cache.insert(key_of(step), distance); }

std::shared_ptr<const backend::Kernel> Rivals::prepare(const plan::Step& step, const backend::Tactic& tactic) {
    const backend::RegionContext context = context_of(step);
    auto& kernel = kernels_[name_of(others_->backend, context, tactic)];
    if (!kernel) kernel = backend::prepare_kernel(others_->backend, context, tactic);
    return engine_.device() && kernel->on_host() ? nullptr : kernel;
}

/// Memory until the next run.
std::byte* Rivals::reserve(std::size_t bytes, bool on_device) {
    auto& blocks = on_device ? blocks_ : host_blocks_;
    std::size_t& used = on_device ? used_ : host_used_;
    if (used == blocks.size()) blocks.emplace_back();
    Block& block = blocks[used++];
    if (!block.memory || block.bytes < bytes) {
        block = {};
        const backend::Device* device = engine_.device();
        block = {!device     ? backend::PackedConstants::allocate(bytes)
                 : on_device ? device->allocate(bytes)
                             : device->allocate_host(bytes),
                 bytes};
    }
    return block.memory.get();
}

void Rivals::launch(const backend::Kernel& kernel, const std::vector<const std::byte*>& inputs,
                    const std::vector<std::byte*>& outputs, const backend::KernelArgs& like) {
    const auto state = kernel.make_state();
    std::byte* workspace =
        kernel.workspace_bytes() > 0 ? reserve(kernel.workspace_bytes(), engine_.device() != nullptr) : nullptr;
    kernel.run({inputs.data(), outputs.data(), workspace, state.get(), like.stream, like.counts});
    if (like.stream) like.stream->synchronize();
}

const std::byte* Rivals::converted(const backend::TensorDesc& from, const std::byte* data,
                                   const backend::TensorDesc& to, const backend::KernelArgs& like) {
    if (from == to) return data;
    std::byte* target = reserve(to.bytes(), engine_.device() != nullptr);
    launch(*others_->backend.conversion(from, to), {data}, {target}, like);
    return target;
}

const std::byte* Rivals::to_host(const std::byte* data, std::size_t bytes, const backend::KernelArgs& like) {
    if (!like.stream) return data;
    std::byte* target = reserve(bytes, false);
    like.stream->download(target, data, bytes);
    like.stream->synchronize();
    return target;
}

std::vector<const std::byte*> Rivals::run(const runtime::Observation& seen, const backend::Tactic& tactic) {
    const plan::Step& step = *seen.launch.step;
    const backend::KernelArgs& args = seen.on_device ? *seen.on_device : seen.args;
    used_ = host_used_ = 0;
    try {
        const auto kernel = prepare(step, tactic);
        if (!kernel) return {};
        std::vector<const std::byte*> inputs;
        std::vector<std::byte*> outputs;
        std::vector<backend::TensorDesc> made;
        for (std::size_t i = 0; i < step.inputs.size(); ++i) {
            if (seen.launch.inputs[i].where == runtime::Operand::Where::constant || step.inputs[i] < 0) {
                inputs.push_back(args.inputs[i]);
                continue;
            }
            auto wanted = dense(step.inputs[i]);
            wanted = backend::TensorDesc::dense(wanted.dtype, wanted.shape, tactic.inputs[i]);
            inputs.push_back(converted(desc(step.inputs[i]), args.inputs[i], wanted, args));
        }
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
            const auto own = dense(step.outputs[i]);
            made.push_back(backend::TensorDesc::dense(own.dtype, own.shape, tactic.outputs[i]));
            outputs.push_back(reserve(made.back().bytes(), engine_.device() != nullptr));
        }
        launch(*kernel, inputs, outputs, args);
        std::vector<const std::byte*> result;
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
            const auto own = dense(step.outputs[i]);
            result.push_back(to_host(converted(made[i], outputs[i], own, args), own.bytes(), args));
        }
        return result;
    } catch (const Error& error) {
        // A device may have no room for more than the plan.
        if (error.code() != ErrorCode::unsupported && error.code() != ErrorCode::out_of_range) throw;
        return {};
    }
}

std::vector<const std::byte*> Rivals::repeat(const runtime::Observation& seen, std::vector<const std::byte*>& first) {
    const plan::Step& step = *seen.launch.step;
    used_ = host_used_ = 0;
    first.assign(seen.args.outputs, seen.args.outputs + step.outputs.size());
    if (!seen.on_device)
        for (std::size_t i = 0; i < step.outputs.size(); ++i) {
            const auto bytes = static_cast<std::int64_t>(desc(step.outputs[i]).bytes());
            std::byte* copy = reserve(static_cast<std::size_t>(bytes), false);
            base::parallel_for(bytes, std::int64_t{1} << 20, [&](std::int64_t begin, std::int64_t end) {
                std::copy(seen.args.outputs[i] + begin, seen.args.outputs[i] + end, copy + begin);
            });
            first[i] = copy;
        }
    const backend::KernelArgs& args = seen.on_device ? *seen.on_device : seen.args;
    seen.launch.kernel->run(args);
    std::vector<const std::byte*> again;
    for (std::size_t i = 0; i < step.outputs.size(); ++i)
        again.push_back(to_host(args.outputs[i], desc(step.outputs[i]).bytes(), args));
    return again;
}

}  // namespace fovea::compiler
