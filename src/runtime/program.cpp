#include "runtime/program.hpp"

#include <algorithm>
#include <optional>

#include "fovea/error.hpp"
#include "ops/counted.hpp"
#include "runtime/memory_plan.hpp"

namespace fovea::runtime {
namespace {

class ProgramBuilder {
  public:
    ProgramBuilder(const plan::Plan& plan, const plan::TargetSection& target, const Backends& backends, int threads,
                   backend::PackedConstants& packed)
        : plan_(plan),
          target_(target),
          backends_(backends),
          threads_(threads),
          packed_(packed),
          program_(std::make_shared<Program>()) {}

    std::shared_ptr<const Program> build(std::vector<Shape> input_shapes) {
        ops::InferOptions options;
        for (std::size_t i = 0; i < input_shapes.size(); ++i)
            options.input_shapes[plan_.graph.value(plan_.graph.inputs[i]).name] = input_shapes[i];
        program_->input_shapes = std::move(input_shapes);
        program_->values = ops::infer(plan_.graph, options);
        if (on_device()) bound_counts();
        find_late_values();
        place_slots();
        prepare_ahead();
        for (std::size_t i = 0; i < target_.steps.size(); ++i)
            if (needed_[i]) program_->launches.push_back(launch(i));
        set_outputs();
        return program_;
    }

  private:
    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const {
        return program_->values[static_cast<std::size_t>(id)];
    }
    [[nodiscard]] bool known(ir::ValueId id) const { return ir::known_shape(info(id).dims).has_value(); }
    [[nodiscard]] bool constant(ir::ValueId id) const { return static_cast<bool>(info(id).constant); }

    /// Results of data-dependent size get room for the most that a run can find, where a kernel of the device finds it.
    void bound_counts() {
        std::vector<bool> takes(static_cast<std::size_t>(plan_.graph.node_count()), false);
        for (const plan::Step& step : target_.steps)
            for (const ir::NodeId id : step.region.nodes)
                takes[static_cast<std::size_t>(id)] = step.region.pattern != "reference";
        program_->counts = ops::bound_counts(plan_.graph, program_->values,
                                             [&](ir::NodeId id) { return takes[static_cast<std::size_t>(id)]; });
    }

    [[nodiscard]] bool counted(ir::ValueId id) const { return !constant(id) && info(id).counted.has_value(); }

    /// A step is late when a shape around it is only known at run time, when it reads what a late step made, or when it
    /// reads what the device has counted but does not run there. A step all of whose results are known before the run
    /// is not needed at all.
    void find_late_values() {
        late_.assign(program_->values.size(), false);
        for (const plan::Step& step : target_.steps) {
            const auto late_value = [&](ir::ValueId id) {
                return !constant(id) && (late_[static_cast<std::size_t>(id)] || !known(id));
            };
            const auto mixes = [&](ir::NodeId id) {
                const ir::Node& node = plan_.graph.node(id);
                return ops::reads_counted(node, program_->values) && !ops::takes_counted(node, program_->values);
            };
            const bool late = std::any_of(step.region.inputs.begin(), step.region.inputs.end(), late_value) ||
                              std::any_of(step.region.outputs.begin(), step.region.outputs.end(), late_value) ||
                              std::any_of(step.region.nodes.begin(), step.region.nodes.end(), mixes);
            if (late)
                for (const ir::ValueId id : step.region.outputs) late_[static_cast<std::size_t>(id)] = true;
            late_step_.push_back(late);
            needed_.push_back(!std::all_of(step.region.outputs.begin(), step.region.outputs.end(),
                                           [&](ir::ValueId id) { return constant(id); }));
        }
    }

    [[nodiscard]] std::int32_t root(std::int32_t slot) const {
        while (target_.slots[static_cast<std::size_t>(slot)].alias_of >= 0)
            slot = target_.slots[static_cast<std::size_t>(slot)].alias_of;
        return slot;
    }

    [[nodiscard]] bool in_arena(std::int32_t slot) const {
        const ir::ValueId id = target_.slots[static_cast<std::size_t>(slot)].value;
        return !constant(id) && !late_[static_cast<std::size_t>(id)] && known(id);
    }

    void place_slots() {
        const std::size_t count = target_.slots.size();
        blocks_.assign(count, {0, static_cast<int>(target_.steps.size()), -1, 0});
        const auto touch = [&](std::int32_t slot, int step) {
            if (slot < 0 || !in_arena(slot)) return;
            Lifetime& block = blocks_[static_cast<std::size_t>(root(slot))];
            block.first = std::min(block.first, step);
            block.last = std::max(block.last, step);
            block.bytes = std::max(block.bytes, slot_desc(target_, program_->values, root(slot)).bytes());
        };
        for (std::size_t i = 0; i < target_.steps.size(); ++i) {
            if (!needed_[i]) continue;
            for (const std::int32_t slot : target_.steps[i].inputs) touch(slot, static_cast<int>(i));
            for (const std::int32_t slot : target_.steps[i].outputs) touch(slot, static_cast<int>(i));
        }
        for (const std::int32_t slot : target_.outputs) touch(slot, static_cast<int>(target_.steps.size()));
        for (const std::int32_t slot : target_.inputs)
            if (slot >= 0) input_roots_.push_back(root(slot));
        find_output_roots();
        std::vector<Lifetime> used;
        std::vector<std::size_t> owner;
        for (std::size_t i = 0; i < count; ++i)
            if (blocks_[i].bytes > 0 && blocks_[i].last >= 0 && !is_input(static_cast<std::int32_t>(i)) &&
                !output_of(static_cast<std::int32_t>(i))) {
                used.push_back(blocks_[i]);
                owner.push_back(i);
            }
        program_->arena_bytes = plan_memory(used);
        program_->demand_bytes = peak_demand(used);
        for (std::size_t i = 0; i < used.size(); ++i) blocks_[owner[i]].offset = used[i].offset;
    }

    [[nodiscard]] bool is_input(std::int32_t root_slot) const {
        return std::find(input_roots_.begin(), input_roots_.end(), root_slot) != input_roots_.end();
    }

    /// On a device, outputs that fill a tensor of their own lie outside the arena.
    void find_output_roots() {
        output_roots_.assign(target_.outputs.size(), -1);
        if (!on_device()) return;
        for (std::size_t i = 0; i < target_.outputs.size(); ++i) {
            const std::int32_t slot = target_.outputs[i];
            if (slot < 0 || !in_arena(slot) || is_input(root(slot)) || output_of(root(slot)) || slice(slot) >= 0 ||
                counted(plan_.graph.outputs[i].value))
                continue;
            output_roots_[i] = root(slot);
        }
    }

    [[nodiscard]] std::optional<std::size_t> output_of(std::int32_t root_slot) const {
        const auto at = std::find(output_roots_.begin(), output_roots_.end(), root_slot);
        if (at == output_roots_.end()) return std::nullopt;
        return static_cast<std::size_t>(at - output_roots_.begin());
    }

    [[nodiscard]] bool on_device() const {
        return std::any_of(backends_.begin(), backends_.end(), [&](const auto& backend) {
            return backend->name() == target_.backend && backend->device();
        });
    }

    /// The outermost slice of a wider tensor that the slot lies in, or -1.
    [[nodiscard]] std::int32_t slice(std::int32_t slot) const {
        std::int32_t found = -1;
        for (; target_.slots[static_cast<std::size_t>(slot)].alias_of >= 0;
             slot = target_.slots[static_cast<std::size_t>(slot)].alias_of)
            if (target_.slots[static_cast<std::size_t>(slot)].row_offset >= 0) found = slot;
        return found;
    }

    Operand operand(std::int32_t slot) {
        const ir::ValueId id = target_.slots[static_cast<std::size_t>(slot)].value;
        if (constant(id)) return constant_operand(id);
        Operand result;
        std::size_t offset = 0;
        const std::int64_t channel = target_.slots[static_cast<std::size_t>(slot)].row_offset;
        if (channel > 0) offset = static_cast<std::size_t>(channel) * element_bytes(info(id).dtype);
        const std::int32_t base = root(slot);
        if (is_input(base)) {
            result.where = Operand::Where::input;
            for (std::size_t i = 0; i < target_.inputs.size(); ++i)
                if (target_.inputs[i] >= 0 && root(target_.inputs[i]) == base) result.index = i;
            result.offset = offset;
        } else if (const auto output = output_of(base)) {
            result.where = Operand::Where::output;
            result.index = *output;
            result.offset = offset;
        } else if (late_[static_cast<std::size_t>(id)] || !known(id)) {
            result.where = Operand::Where::late;
        } else {
            result.where = Operand::Where::arena;
            result.offset = blocks_[static_cast<std::size_t>(base)].offset + offset;
        }
        return result;
    }

    Operand constant_operand(ir::ValueId id) {
        Operand result;
        result.where = Operand::Where::constant;
        result.data = info(id).constant.raw();
        return result;
    }

    Launch launch(std::size_t i) {
        const plan::Step& step = target_.steps[i];
        Launch result;
        result.step = &step;
        for (std::size_t k = 0; k < step.inputs.size(); ++k)
            result.inputs.push_back(step.inputs[k] < 0 ? constant_operand(step.region.inputs[k])
                                                       : operand(step.inputs[k]));
        for (const std::int32_t slot : step.outputs) result.outputs.push_back(operand(slot));
        if (!late_step_[i]) result.kernel = ahead_[i] ? std::move(ahead_[i]) : prepare(step);
        if (result.kernel) result.on_host = result.kernel->on_host() || !backend_of(step).device();
        if (result.kernel)
            program_->scratch_bytes = std::max(program_->scratch_bytes, result.kernel->workspace_bytes());
        return result;
    }

    /// Lets backends that can do so prepare their kernels side by side.
    void prepare_ahead() {
        ahead_.resize(target_.steps.size());
        for (const auto& backend : backends_) {
            std::vector<std::pair<backend::RegionContext, backend::Tactic>> list;
            std::vector<std::size_t> steps;
            for (std::size_t i = 0; i < target_.steps.size(); ++i) {
                const plan::Step& step = target_.steps[i];
                if (!needed_[i] || late_step_[i] || step.region.pattern == "convert" || step.backend != backend->name())
                    continue;
                list.emplace_back(context_of(step), step.tactic);
                steps.push_back(i);
            }
            auto kernels = backend->prepare_ahead(list);
            for (std::size_t k = 0; k < kernels.size(); ++k) ahead_[steps[k]] = std::move(kernels[k]);
        }
    }

    [[nodiscard]] backend::RegionContext context_of(const plan::Step& step) const {
        backend::RegionContext context{plan_.graph, step.region, program_->values, threads_, &packed_};
        for (const std::int32_t slot : step.inputs) {
            context.input_pitches.push_back(pitch(slot));
            context.input_offsets.push_back(row_offset(slot));
        }
        for (const std::int32_t slot : step.outputs) {
            context.output_pitches.push_back(pitch(slot));
            context.output_offsets.push_back(row_offset(slot));
        }
        return context;
    }

    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const plan::Step& step) const {
        const backend::RegionContext context = context_of(step);
        const backend::Backend& backend = backend_of(step);
        if (step.region.pattern != "convert") return prepare_kernel(backend, context, step.tactic);
        return backend.conversion(context.input_desc(0, step.tactic), context.output_desc(0, step.tactic));
    }

    [[nodiscard]] const backend::Backend& backend_of(const plan::Step& step) const {
        for (const auto& backend : backends_)
            if (backend->name() == step.backend) return *backend;
        throw Error(ErrorCode::unsupported,
                    "the plan needs the backend \"" + step.backend + "\", which is not available here");
    }

    [[nodiscard]] std::int64_t row_offset(std::int32_t slot) const {
        return slot < 0 ? 0 : std::max<std::int64_t>(0, target_.slots[static_cast<std::size_t>(slot)].row_offset);
    }

    [[nodiscard]] std::int64_t pitch(std::int32_t slot) const {
        if (slot < 0 || !known(target_.slots[static_cast<std::size_t>(slot)].value)) return 0;
        const backend::TensorDesc desc = slot_desc(target_, program_->values, slot);
        return desc.pitch == desc.row() ? 0 : desc.pitch;
    }

    void set_outputs() {
        for (std::size_t i = 0; i < target_.outputs.size(); ++i) {
            const ir::ValueId id = plan_.graph.outputs[i].value;
            const bool fixed = constant(id) || (known(id) && !late_[static_cast<std::size_t>(id)] && !counted(id));
            program_->outputs.push_back(target_.outputs[i] < 0 ? constant_operand(id) : operand(target_.outputs[i]));
            program_->output_descs.push_back(fixed ? backend::TensorDesc::dense(info(id).dtype,
                                                                                *ir::known_shape(info(id).dims),
                                                                                backend::Layout::plain)
                                                   : backend::TensorDesc{});
        }
    }

    const plan::Plan& plan_;
    const plan::TargetSection& target_;
    const Backends& backends_;
    int threads_;
    backend::PackedConstants& packed_;
    std::shared_ptr<Program> program_;
    std::vector<bool> late_, late_step_, needed_;
    std::vector<std::unique_ptr<backend::Kernel>> ahead_;  ///< by step
    std::vector<Lifetime> blocks_;                         ///< by slot; only roots are used
    std::vector<std::int32_t> input_roots_;
    std::vector<std::int32_t> output_roots_;  ///< by output; -1: in the arena, an input, or another output's
};

}  // namespace

backend::TensorDesc slot_desc(const plan::TargetSection& target, const ops::ValueTable& values, std::int32_t slot) {
    const plan::Slot& s = target.slots[static_cast<std::size_t>(slot)];
    const ops::ValueInfo& info = values[static_cast<std::size_t>(s.value)];
    auto desc = backend::TensorDesc::dense(info.dtype, *ir::known_shape(info.dims), s.layout);
    if (s.row_offset >= 0) desc.pitch = slot_desc(target, values, s.alias_of).pitch;
    return desc;
}

std::shared_ptr<const Program> make_program(const plan::Plan& plan, const plan::TargetSection& target,
                                            const Backends& backends, std::vector<Shape> input_shapes, int threads,
                                            backend::PackedConstants& packed) {
    return ProgramBuilder(plan, target, backends, threads, packed).build(std::move(input_shapes));
}

}  // namespace fovea::runtime
