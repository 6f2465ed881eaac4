#include <algorithm>

#include "backend/cuda/element_code.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "base/dispatch.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostAxes = 6, kMostOperands = 8, kMostNodes = 16;
constexpr std::int64_t kMostElements = std::int64_t{1} << 30;

/// Batch normalisation by constant numbers.
std::optional<EpilogueStep> affine(const ops::ValueTable& values, const ir::Node& node) {
    if (node.inputs.empty() || node.inputs[0] == ir::kNone) return std::nullopt;
    auto step = as_step(values, node, node.inputs[0]);
    if (!step || step->kind != EpilogueStep::Kind::affine) return std::nullopt;
    return step;
}

/// What a node reads besides `chain`, which the region has computed so far; nothing where it is no part of a chain.
std::optional<std::size_t> operand_count(const MatchContext& context, const ir::Node& node, ir::ValueId chain) {
    const auto code = element_code(context.values, node);
    if (!code)
        return affine(context.values, node) && node.inputs[0] == chain ? std::optional<std::size_t>(2) : std::nullopt;
    std::size_t count = 0;
    bool reads_chain = false;
    for (std::size_t i = 0; i < code->inputs; ++i) {
        reads_chain = reads_chain || node.inputs[i] == chain;
        if (node.inputs[i] != ir::kNone && node.inputs[i] != chain) ++count;
    }
    if (!reads_chain) return std::nullopt;
    return count;
}

/// Whether `node` would turn differences in the rounding of `chain` into large ones.
bool jumps(const MatchContext& context, const ir::Node& node, ir::ValueId chain) {
    const auto code = element_code(context.values, node);
    return code && code->jumps && base::is_float(context.info(chain).dtype);
}

/// The first node of the longest chain that ends in `root` and keeps its shape: roots come from the end of the graph.
ir::NodeId chain_head(const MatchContext& context, ir::NodeId root, const Shape& shape) {
    ir::NodeId head = root;
    for (std::size_t i = 1; context.fuse && i < kMostNodes; ++i) {
        ir::NodeId above = ir::kNone;
        for (const ir::ValueId input : context.graph.node(head).inputs) {
            const ir::NodeId producer = context.sole_producer(input);
            if (producer == ir::kNone || context.shape(input) != shape) continue;
            if (!operand_count(context, context.graph.node(head), input)) continue;
            if (jumps(context, context.graph.node(head), input)) continue;
            const ir::Node& node = context.graph.node(producer);
            if (!node.inputs.empty() && operand_count(context, node, node.inputs[0])) above = producer;
        }
        if (above == ir::kNone) break;
        head = above;
    }
    return head;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!element_code(context.values, node) && !affine(context.values, node))
        return refuse(Reason::unsupported_operator);
    const auto shape = context.shape(node.outputs[0]);
    for (const ir::ValueId input : node.inputs)
        if (input != ir::kNone && !context.shape(input)) return refuse(Reason::shape_depends_on_data);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (shape->size() > kMostAxes || base::element_count(*shape) > kMostElements)
        return refuse(Reason::unsupported_shape, "more than 6 axes, or over 2^30 elements");
    const ir::NodeId head = chain_head(context, root, *shape);
    std::vector<ir::NodeId> nodes = {head};
    const ir::Node& top = context.graph.node(head);
    std::size_t operands = 1 + *operand_count(context, top, top.inputs[0]);
    if (operands > kMostOperands) return refuse(Reason::unsupported_shape, "more than 8 inputs");
    follow_chain(context, nodes, [&](const ir::Node& reader, ir::ValueId chain) {
        const auto more = operand_count(context, reader, chain);
        if (!more || jumps(context, reader, chain) || nodes.size() == kMostNodes) return false;
        operands += *more;
        return operands <= kMostOperands;
    });
    if (std::find(nodes.begin(), nodes.end(), root) == nodes.end()) nodes = {root};
    return make_region(context, "pointwise", std::move(nodes));
}

/// Writes the chain as code, and where its operands lie.
class Chain {
  public:
    Chain(const Target& target, const RegionContext& context, const Tactic& tactic)
        : target_(target), context_(context), tactic_(tactic), output_(context.output_desc(0, tactic)) {
        output_.dtype = element_type(output_.dtype);
        shape_ = output_.shape.empty() ? Shape{1} : output_.shape;
        order_ = memory_axes(shape_.size(), output_.layout);
        ir::ValueId chain = ir::kNone;
        for (std::size_t i = 0; i < context.region.nodes.size(); ++i) {
            append(context.node(i), chain, i);
            chain = context.node(i).outputs[0];
        }
        for (const std::size_t axis : order_) extents_.push_back(shape_[axis]);
        strides_.push_back(strides_of(output_));
        merge_axes();
        width_ = width();
    }

    [[nodiscard]] std::string source() const {
        std::string loads;
        for (std::size_t i = 0; i < operands_.size(); ++i) loads += load_code(i);
        KernelSource code;
        code.text("using Out = " + std::string(memory_type(output_.dtype)) + ";\n");
        code.text("using Held = " + std::string(held_type(output_.dtype)) + ";\n");
        code.constant("kAxes", static_cast<std::int64_t>(extents_.size())).constant("kWidth", width_);
        code.constant("kOperands", static_cast<std::int64_t>(operands_.size()));
        code.text(kernel_text("elements.cuh"));
        code.text("DEVICE void compute(Held (&x)[kWidth], const PointwiseArgs& args, const int* offsets) {\n" + loads +
                  steps_ + "    for (int i = 0; i < kWidth; ++i) x[i] = x" +
                  std::to_string(context_.region.nodes.size() - 1) + "[i];\n}\n");
        return code.finish("pointwise.cuh");
    }

    [[nodiscard]] PointwiseArgs arguments() const {
        PointwiseArgs args{};
        for (std::size_t i = 0; i < extents_.size(); ++i)
            args.extents[i] = make_divisor(i + 1 == extents_.size() ? extents_[i] / width_ : extents_[i]);
        for (std::size_t i = 0; i < strides_.size(); ++i)
            for (std::size_t axis = 0; axis < extents_.size(); ++axis)
                args.strides[i][axis] = static_cast<int>(strides_[i][axis]);
        args.vectors = base::element_count(shape_) / width_;
        return args;
    }

    struct Operand {
        PackedConstants::Block constant;  ///< or
        std::size_t input = 0;            ///< of the region
        DType dtype = DType::f32;
        std::int64_t offset = 0;
        ir::ValueId value = ir::kNone;
    };
    std::vector<Operand> operands_;

  private:
    [[nodiscard]] Shape strides_of(const TensorDesc& desc) const {
        const Shape strides = desc.broadcast_strides(shape_);
        Shape result;
        for (const std::size_t axis : order_) result.push_back(strides[axis]);
        return result;
    }

    /// Takes axes together along which no operand and not the result is interrupted.
    void merge_axes() {
        for (std::size_t i = extents_.size(); i-- > 1;) {
            const bool together = std::all_of(strides_.begin(), strides_.end(), [&](const Shape& strides) {
                return strides[i - 1] == strides[i] * extents_[i];
            });
            // An axis of one element has no stride, but the first one may be longer in another run of the same kernel.
            const bool alone = extents_[i] == 1 || (extents_[i - 1] == 1 && i > 1);
            if (!alone && !together) continue;
            const std::size_t dropped = extents_[i] == 1 && extents_[i - 1] != 1 ? i : i - 1;
            const std::int64_t extent = extents_[i] * extents_[i - 1];
            const auto at = static_cast<std::ptrdiff_t>(dropped);
            for (Shape& strides : strides_) strides.erase(strides.begin() + at);
            extents_.erase(extents_.begin() + at);
            extents_[i - 1] = extent;
        }
    }

    /// Neighbours that one thread computes, at most as many as the tactic's name says.
    [[nodiscard]] int width() const {
        const Shape& result = strides_.back();
        if (result.back() != 1) return 1;
        int most = std::stoi(tactic_.name.substr(tactic_.name.find(':') + 1));
        most = common_width(most, {extents_.back(), offset_of(context_.output_offsets, 0)});
        for (std::size_t axis = 0; axis + 1 < extents_.size(); ++axis) most = common_width(most, {result[axis]});
        return most;
    }

    /// Declares y<i>[] with the operand's elements.
    [[nodiscard]] std::string load_code(std::size_t i) const {
        const std::string n = std::to_string(i), memory(memory_type(operands_[i].dtype));
        const std::string base = "(static_cast<const " + memory + "*>(args.operands[" + n + "]) + offsets[" + n + "])";
        const std::string head = "    " + std::string(held_type(operands_[i].dtype)) + " y" + n + "[kWidth]; ";
        const std::string each = "for (int i = 0; i < kWidth; ++i) y" + n + "[i] = held(";
        const Shape& strides = strides_[i];
        bool whole = strides.back() == 1 && operands_[i].offset % width_ == 0;
        for (std::size_t axis = 0; axis + 1 < strides.size(); ++axis) whole = whole && strides[axis] % width_ == 0;
        if (whole)
            return head + "{ const auto vector = *reinterpret_cast<const Vector<" + memory + ", kWidth>*>" + base +
                   "; " + each + "vector.v[i]); }\n";
        if (strides.back() == 0) return head + "{ const auto one = *" + base + "; " + each + "one); }\n";
        return head + each + base + "[i * " + std::to_string(strides.back()) + "]);\n";
    }

    std::size_t add(const TensorDesc& desc, Operand operand) {
        operand.dtype = element_type(desc.dtype);
        strides_.push_back(strides_of(desc));
        operands_.push_back(std::move(operand));
        return operands_.size() - 1;
    }

    std::size_t load(ir::ValueId id) {
        for (std::size_t i = 0; i < operands_.size(); ++i)
            if (operands_[i].value == id) return i;
        Operand operand;
        operand.value = id;
        if (const Tensor* constant = context_.constant(id)) {
            const Tensor numbers = own_float(constant->dtype()) ? constant->cast(DType::f32) : *constant;
            operand.constant = upload(numbers);
            const std::size_t added =
                add(TensorDesc::dense(numbers.dtype(), numbers.shape(), Layout::plain), std::move(operand));
            // As at other sizes of the first axis.
            if (shape_.size() > 1 && (numbers.shape().size() < shape_.size() || numbers.shape()[0] == 1))
                strides_[added][0] = 0;
            return added;
        }
        operand.input = context_.input_index(id);
        operand.offset = offset_of(context_.input_offsets, operand.input);
        return add(context_.input_desc(operand.input, tactic_), std::move(operand));
    }

    /// One number for each place along an axis, or for all elements.
    std::size_t load_along(ir::ValueId id, std::int64_t axis) {
        const auto count = base::element_count(context_.shape(id)), rank = static_cast<std::int64_t>(shape_.size());
        Shape shape;
        if (count > 1) {
            shape.assign(static_cast<std::size_t>(rank - base::normalize_axis(axis, rank)), 1);
            shape[0] = count;
        }
        Operand operand;
        DType type = context_.dtype(id);
        if (const Tensor* constant = context_.constant(id)) {
            const Tensor numbers = own_float(type) ? constant->cast(type = DType::f32) : *constant;
            operand.constant = upload(numbers);
        } else {
            operand.input = context_.input_index(id);
            operand.offset = offset_of(context_.input_offsets, operand.input);
        }
        return add(TensorDesc::dense(type, shape, Layout::plain), std::move(operand));
    }

    PackedConstants::Block upload(const Tensor& numbers) {
        return device_constant(target_, context_, "pointwise " + std::to_string(operands_.size()),
                               {numbers.raw(), numbers.bytes()});
    }

    std::size_t load_channels(const Tensor& numbers) {
        Shape shape(shape_.size() - 1, 1);
        shape[0] = numbers.size();
        Operand operand;
        operand.constant = upload(numbers);
        return add(TensorDesc::dense(DType::f32, shape, Layout::plain), std::move(operand));
    }

    /// x<step>[i] = `code` of v0, v1, …, the elements i of `sources`.
    void step(std::size_t step, DType type, const std::vector<std::string>& sources, const std::string& code) {
        const std::string held(held_type(type)), x = "x" + std::to_string(step);
        steps_ += "    " + held + " " + x + "[kWidth]; for (int i = 0; i < kWidth; ++i) { ";
        for (std::size_t i = 0; i < sources.size(); ++i)
            if (!sources[i].empty()) steps_ += "const auto v" + std::to_string(i) + " = " + sources[i] + "[i]; ";
        steps_ += x + "[i] = static_cast<" + held + ">(" + code + "); }\n";
    }

    void append(const ir::Node& node, ir::ValueId chain, std::size_t position) {
        const auto source = [&](ir::ValueId id, std::optional<std::int64_t> axis = {}) {
            if (id == ir::kNone) return std::string();
            if (id == chain) return "x" + std::to_string(position - 1);
            return "y" + std::to_string(axis ? load_along(id, *axis) : load(id));
        };
        const DType type = element_type(context_.dtype(node.outputs[0]));
        std::vector<std::string> sources;
        if (const auto code = element_code(context_.values, node)) {
            for (std::size_t i = 0; i < code->inputs; ++i)
                sources.push_back(source(node.inputs[i], i ? code->axis : std::nullopt));
            return step(position, type, sources, code->code);
        }
        const auto numbers = affine(context_.values, node);
        sources.push_back(source(node.inputs[0]));
        sources.push_back("y" + std::to_string(load_channels(numbers->scale)));
        sources.push_back("y" + std::to_string(load_channels(numbers->shift)));
        step(position, type, sources, "v0 * v1 + v2");
    }

    const Target& target_;
    const RegionContext& context_;
    const Tactic& tactic_;
    TensorDesc output_;
    Shape shape_;
    std::vector<std::size_t> order_;
    Shape extents_;               ///< in the order of the result's memory
    std::vector<Shape> strides_;  ///< by operand, the result last
    int width_ = 1;
    std::string steps_;
};

class PointwiseKernel final : public Kernel {
  public:
    PointwiseKernel(std::unique_ptr<Function> function, std::vector<Chain::Operand> operands, const PointwiseArgs& args)
        : function_(std::move(function)), operands_(std::move(operands)), args_(args) {}
    void run(const KernelArgs& args) const override {
        PointwiseArgs launch = args_;
        for (std::size_t i = 0; i < operands_.size(); ++i)
            launch.operands[i] = operands_[i].constant ? operands_[i].constant.get() : args.inputs[operands_[i].input];
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {static_cast<unsigned>((args_.vectors + 255) / 256)}, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "generated"; }

  private:
    std::unique_ptr<Function> function_;
    std::vector<Chain::Operand> operands_;
    PointwiseArgs args_;
};

/// Neighbours of one thread: fewer where there are few elements for the processors.
int most_neighbours(const Target& target, std::int64_t elements, DType type) {
    int most = static_cast<int>(std::min<std::size_t>(8, 32 / element_bytes(type)));
    const std::int64_t threads = std::int64_t{128} * target.device->facts().multiprocessors;
    while (most > 1 && elements / most < threads) most /= 2;
    return most;
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    std::vector<Tactic> result;
    const ir::ValueId output = context.region.outputs[0];
    const int most = most_neighbours(target, base::element_count(context.shape(output)), context.dtype(output));
    for (const Layout layout : {Layout::channels_last, Layout::plain}) {
        Tactic tactic = uniform_tactic(context, std::string(to_string(layout)) + ":" + std::to_string(most), layout);
        if (layout == Layout::channels_last && tactic.outputs[0] == Layout::plain) continue;
        tactic.reads_slices = tactic.writes_slices = true;
        result.push_back(std::move(tactic));
    }
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    if (base::element_count(context.shape(context.region.outputs[0])) == 0) return make_alias();
    Chain chain(target, context, tactic);
    const PointwiseArgs args = chain.arguments();
    return std::make_unique<PointwiseKernel>(std::make_unique<Function>(target.device, chain.source(), "pointwise"),
                                             std::move(chain.operands_), args);
}

}  // namespace

CudaFamily pointwise_kernels() { return {"pointwise", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
