#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"

namespace fovea::backend::cuda {
namespace {

bool is_norm(const ir::Node& node) { return node.op == "LayerNormalization" || node.op == "RMSNormalization"; }

/// A region decoded: a sum in front, the normalisation, and behind it a second result, the sum with a constant, or
/// another normalisation. Steps stand behind the last normalisation.
struct NormRegion {
    const ir::Node* sum = nullptr;
    const ir::Node* norm = nullptr;
    const ir::Node* second = nullptr;
    const ir::Node* next = nullptr;
    Epilogue epilogue;
};

/// The sum's constant; nullptr where `node` is no sum of `value` and a constant that repeats along its first axes.
const Tensor* added_constant(const ir::Graph& graph, const ops::ValueTable& values, const ir::Node& node,
                             ir::ValueId value) {
    if (node.op != "Add" || node.inputs[0] == node.inputs[1]) return nullptr;
    const Tensor* constant = graph.constant(node.inputs[node.inputs[0] == value ? 1 : 0]);
    const auto& info = values[static_cast<std::size_t>(value)];
    const auto& result = values[static_cast<std::size_t>(node.outputs[0])];
    const auto shape = ir::known_shape(info.dims);
    if (!constant || !shape || ir::known_shape(result.dims) != shape || !own_float(constant->dtype()) ||
        result.dtype != info.dtype)
        return nullptr;
    Shape repeated = constant->shape();
    while (!repeated.empty() && repeated[0] == 1) repeated.erase(repeated.begin());
    if (repeated.size() < 2 || repeated.size() > shape->size()) return nullptr;
    return std::equal(repeated.rbegin(), repeated.rend(), shape->rbegin()) ? constant : nullptr;
}

NormRegion read_region(const RegionContext& context) {
    NormRegion region;
    std::size_t i = is_norm(context.node(0)) ? 0 : 1;
    if (i == 1) region.sum = &context.node(0);
    region.norm = &context.node(i++);
    ir::ValueId result = region.norm->outputs[0];
    if (i < context.region.nodes.size() && is_norm(context.node(i))) {
        region.next = &context.node(i++);
        result = region.next->outputs[0];
    }
    region.epilogue.result = result;
    if (i < context.region.nodes.size() && added_constant(context.graph, context.values, context.node(i), result)) {
        region.second = &context.node(i);
        return region;
    }
    region.epilogue = read_epilogue(context, result, i);
    return region;
}

/// The first normalised axis.
std::int64_t axis_of(const ir::Node& node, const Shape& x) {
    return base::normalize_axis(node.get<std::int64_t>("axis", -1), static_cast<std::int64_t>(x.size()));
}

bool has(const std::vector<ir::ValueId>& ids, std::size_t i) { return i < ids.size() && ids[i] != ir::kNone; }

/// Why `node` cannot be computed, as far as its operands go.
std::optional<Refusal> refusal(const MatchContext& context, const ir::Node& node, const Shape& x) {
    const std::int64_t axis = axis_of(node, x);
    std::int64_t length = 1;
    for (auto i = static_cast<std::size_t>(axis); i < x.size(); ++i) length *= x[i];
    if (length > kMostRowElements) return refuse(Reason::unsupported_shape, "a mean of over 16384 elements");
    for (std::size_t i = 1; i < node.inputs.size(); ++i) {
        if (!has(node.inputs, i)) continue;
        const auto shape = context.shape(node.inputs[i]);
        if (!shape) return refuse(Reason::shape_depends_on_data);
        const bool constant = context.graph.constant(node.inputs[i]) != nullptr;
        if (base::element_count(*shape) != length && !(constant && length % base::element_count(*shape) == 0))
            return refuse(Reason::unsupported_shape, "a scale that differs between rows, or is computed and broadcast");
        if (!constant && context.info(node.inputs[i]).dtype != context.info(node.inputs[1]).dtype)
            return refuse(Reason::unsupported_dtype, "scale and shift of different types");
    }
    if (node.inputs.size() > 2 && has(node.inputs, 2) &&
        (context.graph.constant(node.inputs[1]) == nullptr) != (context.graph.constant(node.inputs[2]) == nullptr))
        return refuse(Reason::unsupported_shape, "one of scale and shift computed at run time");
    for (std::size_t i = 1; i < node.outputs.size(); ++i)
        if (has(node.outputs, i) && context.info(node.outputs[i]).dtype != DType::f32)
            return refuse(Reason::unsupported_dtype, "mean and deviation in another type than f32");
    return std::nullopt;
}

bool constant_parameters(const MatchContext& context, const ir::Node& norm) {
    return std::all_of(norm.inputs.begin() + 1, norm.inputs.end(),
                       [&](ir::ValueId id) { return id == ir::kNone || context.graph.constant(id); });
}

/// A sum of two computed tensors in front of the normalisation.
ir::NodeId sum_in_front(const MatchContext& context, const ir::Node& norm) {
    const ir::NodeId id = context.graph.value(norm.inputs[0]).producer;
    if (!context.fuse || id == ir::kNone || context.claimed[static_cast<std::size_t>(id)]) return ir::kNone;
    const ir::Node& node = context.graph.node(id);
    // Everything in the region then depends on the sum's operands alone, so that no other region can stand between.
    if (!constant_parameters(context, norm)) return ir::kNone;
    if (node.op != "Add" || node.inputs[0] == node.inputs[1]) return ir::kNone;
    for (const ir::ValueId input : node.inputs)
        if (context.graph.constant(input) || context.shape(input) != context.shape(norm.inputs[0]) ||
            context.info(input).dtype != context.info(norm.inputs[0]).dtype)
            return ir::kNone;
    return id;
}

/// The sum of `value` and a constant, among the readers of `value`.
ir::NodeId second_result(const MatchContext& context, ir::ValueId value) {
    if (!context.fuse) return ir::kNone;
    for (const ir::NodeId id : context.consumers[static_cast<std::size_t>(value)])
        if (!context.claimed[static_cast<std::size_t>(id)] &&
            added_constant(context.graph, context.values, context.graph.node(id), value))
            return id;
    return ir::kNone;
}

/// A normalisation of the same kind in front of `norm`.
ir::NodeId norm_in_front(const MatchContext& context, const ir::Node& norm, const Shape& x) {
    const ir::NodeId id = context.graph.value(norm.inputs[0]).producer;
    if (!context.fuse || id == ir::kNone || context.claimed[static_cast<std::size_t>(id)]) return ir::kNone;
    const ir::Node& node = context.graph.node(id);
    if (node.op != norm.op || axis_of(node, x) != axis_of(norm, x) || has(node.outputs, 1) || has(node.outputs, 2) ||
        has(norm.outputs, 1) || has(norm.outputs, 2) || !own_float(context.info(node.inputs[0]).dtype) ||
        context.info(node.outputs[0]).dtype != context.info(norm.outputs[0]).dtype ||
        !constant_parameters(context, node) || !constant_parameters(context, norm) || refusal(context, node, x) ||
        second_result(context, node.outputs[0]) != ir::kNone)
        return ir::kNone;
    return id;
}

bool accepts_constant_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    return accepts_row_step(context, step, chain) &&
           (step.operand == ir::kNone || context.graph.constant(step.operand));
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!is_norm(node)) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    for (const ir::ValueId id : {node.inputs[0], node.inputs[1], node.outputs[0]})
        if (!own_float(context.info(id).dtype))
            return refuse(Reason::unsupported_dtype, "normalisation takes f32, f16 or bf16");
    if (x->empty() || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    if (auto no = refusal(context, node, *x)) return *no;
    std::vector<ir::NodeId> nodes;
    const ir::NodeId norm = norm_in_front(context, node, *x), sum = sum_in_front(context, node);
    for (const ir::NodeId front : {norm, sum})
        if (front != ir::kNone) nodes.push_back(front);
    nodes.push_back(root);
    const ir::NodeId second = norm == ir::kNone ? second_result(context, node.outputs[0]) : ir::kNone;
    if (second != ir::kNone) {
        nodes.push_back(second);
    } else if (axis_of(node, *x) + 1 == static_cast<std::int64_t>(x->size())) {
        const auto epilogue = match_epilogue(context, node.outputs[0], kMostSteps,
                                             nodes.size() == 1 ? accepts_row_step : accepts_constant_step);
        nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    }
    return make_region(context, "layer_norm", std::move(nodes));
}

/// Of the tactic whose rows are shared by as many threads as few rows want.
constexpr const char* kFewRows = "registers, few rows";

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    const ir::Node& norm = *read_region(context).norm;
    const Shape x = context.shape(norm.inputs[0]);
    std::int64_t rows = 1;
    for (std::int64_t i = 0; i < axis_of(norm, x); ++i) rows *= x[static_cast<std::size_t>(i)];
    const bool few = few_rows(rows, target.device->facts().multiprocessors);
    Tactic tactic = uniform_tactic(context, few ? kFewRows : "registers", Layout::plain);
    tactic.reads_slices = tactic.writes_slices = axis_of(norm, x) + 1 == static_cast<std::int64_t>(x.size());
    return {tactic};
}

class LayerNormKernel final : public Kernel {
  public:
    /// A tensor that `LayerNormArgs` points to.
    struct Operand {
        const void* LayerNormArgs::*place;
        PackedConstants::Block constant;  ///< or
        std::size_t input = 0;            ///< of the region
    };
    struct Result {
        void* LayerNormArgs::*place;
        std::size_t output;
    };

    LayerNormKernel(std::unique_ptr<Function> function, EpilogueCode epilogue, const LayerNormArgs& args,
                    std::vector<Operand> operands, std::vector<Result> results, unsigned blocks, unsigned threads)
        : function_(std::move(function)),
          epilogue_(std::move(epilogue)),
          args_(args),
          operands_(std::move(operands)),
          results_(std::move(results)),
          blocks_(blocks),
          threads_(threads) {}

    void run(const KernelArgs& args) const override {
        LayerNormArgs launch = args_;
        for (const Operand& operand : operands_)
            launch.*operand.place = operand.constant ? operand.constant.get() : args.inputs[operand.input];
        for (const Result& result : results_) launch.*result.place = args.outputs[result.output];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, {blocks_}, threads_, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "own normalisation of rows"; }

  private:
    std::unique_ptr<Function> function_;
    EpilogueCode epilogue_;
    LayerNormArgs args_;
    std::vector<Operand> operands_;
    std::vector<Result> results_;
    unsigned blocks_, threads_;
};

/// Collects what a region reads and writes.
class Builder {
  public:
    Builder(const Target& target, const RegionContext& context, const Tactic& tactic)
        : target_(target), context_(context), tactic_(tactic), region_(read_region(context)) {
        const Shape x = context.shape(region_.norm->inputs[0]);
        for (auto i = static_cast<std::size_t>(axis_of(*region_.norm, x)); i < x.size(); ++i) length_ *= x[i];
        rows_ = base::element_count(x) / length_;
    }

    std::unique_ptr<Kernel> build() {
        const ir::Node& norm = *region_.norm;
        EpilogueCode epilogue(target_, context_, tactic_, region_.epilogue, {});
        const TensorDesc source =
            input(region_.sum ? region_.sum->inputs[0] : norm.inputs[0], &LayerNormArgs::input, &LayerNormArgs::pitch);
        if (region_.sum) input(region_.sum->inputs[1], &LayerNormArgs::addend, &LayerNormArgs::addend_pitch);
        parameter(norm.inputs[1], "scale", &LayerNormArgs::scale);
        if (has(norm.inputs, 2)) parameter(norm.inputs[2], "shift", &LayerNormArgs::shift);
        const bool sum = region_.sum && output(norm.inputs[0], &LayerNormArgs::sum, &LayerNormArgs::sum_pitch);
        const bool first = output(region_.next ? norm.outputs[0] : region_.epilogue.result, &LayerNormArgs::output,
                                  &LayerNormArgs::output_pitch);
        if (region_.second) second();
        if (region_.next) next();
        int statistics = 0;
        if (has(norm.outputs, 1) && output(norm.outputs[1], &LayerNormArgs::mean, nullptr)) statistics |= 1;
        if (has(norm.outputs, 2) && output(norm.outputs[2], &LayerNormArgs::inverse, nullptr)) statistics |= 2;
        const DType result = context_.dtype(region_.second ? region_.second->outputs[0] : region_.epilogue.result);
        const int width = epilogue.width(width_);
        const RowGeometry geometry = row_geometry(tactic_.name == kFewRows, length_, width);
        KernelSource code;
        const bool computed = context_.constant(norm.inputs[1]) == nullptr;
        code.type("In", source.dtype).type("Out", result);
        code.type("Parameter", computed ? context_.dtype(norm.inputs[1]) : DType::f32);
        code.constant("kLength", length_).constant("kCentred", norm.op == "LayerNormalization");
        code.constant("kShift", has(norm.inputs, 2)).constant("kAdd", region_.sum != nullptr).constant("kSum", sum);
        code.constant("kFirst", first).constant("kSecond", region_.second != nullptr);
        code.constant("kStatistics", statistics).constant("kNext", region_.next != nullptr);
        code.constant("kNextShift", region_.next && has(region_.next->inputs, 2));
        epsilon(code, "kEpsilon", norm);
        epsilon(code, "kNextEpsilon", region_.next ? *region_.next : norm);
        geometry.write(code);
        code.text(epilogue.text());
        args_.rows = static_cast<int>(rows_);
        return std::make_unique<LayerNormKernel>(
            std::make_unique<Function>(target_.device, code.finish("layer_norm.cuh"), "layer_norm"),
            std::move(epilogue), args_, std::move(operands_), std::move(results_), geometry.blocks(rows_),
            static_cast<unsigned>(geometry.threads));
    }

  private:
    /// Elements between the starts of rows that `length_` elements long.
    int pitch(const TensorDesc& desc) const { return static_cast<int>(desc.row() == length_ ? desc.pitch : length_); }

    TensorDesc input(ir::ValueId id, const void* LayerNormArgs::*place, int LayerNormArgs::*pitch_place) {
        const std::size_t i = context_.input_index(id);
        const TensorDesc desc = context_.input_desc(i, tactic_);
        operands_.push_back({place, nullptr, i});
        args_.*pitch_place = pitch(desc);
        const auto most = static_cast<int>(16 / element_bytes(desc.dtype));
        width_ = common_width(std::min(width_, most), {length_, pitch(desc), offset_of(context_.input_offsets, i)});
        return desc;
    }

    void parameter(ir::ValueId id, const std::string& name, const void* LayerNormArgs::*place) {
        const Tensor* constant = context_.constant(id);
        if (!constant) {
            const std::size_t i = context_.input_index(id);
            operands_.push_back({place, nullptr, i});
            width_ = common_width(width_, {offset_of(context_.input_offsets, i)});
            return;
        }
        const auto given = constant->to_float();
        std::vector<float> values(static_cast<std::size_t>(length_));
        for (std::size_t i = 0; i < values.size(); ++i) values[i] = given[i % given.size()];
        operands_.push_back({place, upload(name + " " + std::to_string(length_), values), 0});
    }

    PackedConstants::Block upload(const std::string& name, const std::vector<float>& values) const {
        return device_constant(target_, context_, name, std::as_bytes(std::span(values)));
    }

    /// False where nothing outside reads `id`.
    bool output(ir::ValueId id, void* LayerNormArgs::*place, int LayerNormArgs::*pitch_place) {
        const auto& outputs = context_.region.outputs;
        const auto at = std::find(outputs.begin(), outputs.end(), id);
        if (at == outputs.end()) return false;
        const auto i = static_cast<std::size_t>(at - outputs.begin());
        results_.push_back({place, i});
        if (!pitch_place) return true;
        const TensorDesc desc = context_.output_desc(i, tactic_);
        args_.*pitch_place = pitch(desc);
        width_ = common_width(width_, {pitch(desc), offset_of(context_.output_offsets, i)});
        return true;
    }

    void second() {
        const ir::ValueId result = region_.norm->outputs[0];
        const auto values = added_constant(context_.graph, context_.values, *region_.second, result)->to_float();
        operands_.push_back({&LayerNormArgs::constant, upload("addend", values), 0});
        args_.constant_rows = make_divisor(static_cast<std::int64_t>(values.size()) / length_);
        output(region_.second->outputs[0], &LayerNormArgs::second, &LayerNormArgs::second_pitch);
    }

    void next() {
        const ir::Node& norm = *region_.next;
        parameter(norm.inputs[1], "next scale", &LayerNormArgs::next_scale);
        if (has(norm.inputs, 2)) parameter(norm.inputs[2], "next shift", &LayerNormArgs::next_shift);
        output(region_.epilogue.result, &LayerNormArgs::second, &LayerNormArgs::second_pitch);
    }

    static void epsilon(KernelSource& code, const std::string& name, const ir::Node& norm) {
        code.text("constexpr float " + name + " = " + literal(norm.get("epsilon", 1e-5f)) + ";\n");
    }

    const Target& target_;
    const RegionContext& context_;
    const Tactic& tactic_;
    NormRegion region_;
    std::int64_t length_ = 1, rows_ = 1;
    int width_ = 8;
    LayerNormArgs args_{};
    std::vector<LayerNormKernel::Operand> operands_;
    std::vector<LayerNormKernel::Result> results_;
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return Builder(target, context, tactic).build();
}

}  // namespace

CudaFamily layer_norm_kernels() { return {"layer_norm", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
