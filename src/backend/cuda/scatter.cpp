#include <algorithm>

#include "backend/cuda/element_code.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"
#include "backend/cuda/source.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/scatter_arguments.hpp"

namespace {

std::string reduction_of(const ir::Node& node) { return node.get<std::string>("reduction", "none"); }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ScatterElements" && node.op != "ScatterND") return refuse(Reason::unsupported_operator);
    for (const ir::ValueId input : node.inputs)
        if (!context.shape(input)) return refuse(Reason::shape_depends_on_data);
    const Shape x = *context.shape(node.inputs[0]), indices = *context.shape(node.inputs[1]);
    if (x.empty() || x.size() > kMostMoveAxes || indices.size() > kMostMoveAxes ||
        base::element_count(x) > kMostMoved || base::element_count(*context.shape(node.inputs[2])) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    if (reduction_of(node) != "none" && memory_type(context.info(node.inputs[0]).dtype).empty())
        return refuse(Reason::unsupported_dtype, "sums and products of numbers that the GPU does not calculate with");
    return make_region(context, "scatter", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    return {uniform_tactic(context, "plain", Layout::plain)};
}

/// A copy of the data, then the updates.
class ScatterKernel final : public Kernel {
  public:
    ScatterKernel(std::unique_ptr<Kernel> copy, std::unique_ptr<Function> function, const ScatterArgs& args,
                  std::size_t indices, std::size_t updates, std::vector<PackedConstants::Block> constants)
        : copy_(std::move(copy)),
          function_(std::move(function)),
          args_(args),
          indices_(indices),
          updates_(updates),
          constants_(std::move(constants)) {}
    void run(const KernelArgs& args) const override {
        copy_->run(args);
        ScatterArgs launch = args_;
        launch.indices = input_memory(constants_, args, indices_);
        launch.updates = input_memory(constants_, args, updates_);
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {(static_cast<unsigned>(args_.count) + 255) / 256}, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "updates in order"; }

  private:
    std::unique_ptr<Kernel> copy_;
    std::unique_ptr<Function> function_;
    ScatterArgs args_;
    std::size_t indices_, updates_;
    std::vector<PackedConstants::Block> constants_;
};

/// Axes that threads share out among themselves.
struct Threads {
    ScatterArgs args{};
    std::size_t axes = 0, depth = 1;

    void add(std::int64_t extent, std::int64_t index, std::int64_t update, std::int64_t target) {
        args.extents[axes] = make_divisor(std::max<std::int64_t>(extent, 1));
        args.index[axes] = static_cast<int>(index);
        args.update[axes] = static_cast<int>(update);
        args.target[axes++] = static_cast<int>(target);
        args.count *= static_cast<int>(extent);
    }
};

/// Updates meet only along the axis.
Threads along_axis(const Shape& x, const Shape& indices, std::size_t axis) {
    const Shape strides = base::row_major_strides(x), steps = base::row_major_strides(indices);
    Threads threads;
    threads.args.count = 1;
    for (std::size_t i = 0; i < x.size(); ++i)
        if (i != axis) threads.add(indices[i], steps[i], steps[i], strides[i]);
    if (threads.axes == 0) threads.add(1, 0, 0, 0);
    threads.args.loop = static_cast<int>(indices[axis]);
    threads.args.index_step = threads.args.update_step = static_cast<int>(steps[axis]);
    threads.args.sizes[0] = static_cast<int>(x[axis]);
    threads.args.strides[0] = static_cast<int>(strides[axis]);
    return threads;
}

/// Any two slices may meet.
Threads by_slices(const Shape& x, const Shape& indices) {
    const Shape strides = base::row_major_strides(x);
    Threads threads;
    threads.args.count = 1;
    threads.depth = static_cast<std::size_t>(indices.back());
    std::int64_t inner = 1, tuples = 1;
    for (std::size_t i = threads.depth; i < x.size(); ++i) inner *= x[i];
    for (std::size_t i = 0; i + 1 < indices.size(); ++i) tuples *= indices[i];
    threads.add(inner, 0, 1, 1);
    threads.args.loop = static_cast<int>(tuples);
    threads.args.index_step = static_cast<int>(threads.depth);
    threads.args.update_step = static_cast<int>(inner);
    for (std::size_t k = 0; k < threads.depth; ++k) {
        threads.args.sizes[k] = static_cast<int>(x[k]);
        threads.args.strides[k] = static_cast<int>(strides[k]);
    }
    return threads;
}

/// What an element becomes by an update, as code.
std::string combine_code(const std::string& reduction) {
    std::string result = "return b;";
    const auto function = [&](std::string_view name, std::string_view code) {
        if (reduction == name)
            result = "Element result; put(result, " + std::string(code) + "(held(a), held(b))); return result;";
    };
    function("add", "add");
    function("mul", "multiply");
    function("max", "maximum");
    function("min", "minimum");
    return "DEVICE Element combine(Element a, Element b) { " + result + " }\n";
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc desc = context.output_desc(0, tactic);
    const Shape x = desc.shape, indices = context.shape(node.inputs[1]);
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(x.size())));
    const Threads threads = node.op == "ScatterND" ? by_slices(x, indices) : along_axis(x, indices, axis);
    const std::string reduction = reduction_of(node);
    KernelSource code;
    code.text("using Element = " +
              std::string(reduction == "none" ? word_type(element_bytes(desc.dtype)) : memory_type(desc.dtype)) +
              ";\n");
    code.text("using Index = " + std::string(memory_type(context.dtype(node.inputs[1]))) + ";\n");
    code.constant("kAxes", static_cast<std::int64_t>(threads.axes));
    code.constant("kDepth", static_cast<std::int64_t>(threads.depth));
    code.text(kernel_text("scatter_arguments.hpp")).text(kernel_text("elements.cuh"));
    code.text(kernel_text("places.cuh")).text(combine_code(reduction));
    Move move = Move::between(context.input_desc(input, tactic), desc);
    move.input = input;
    auto copy = make_moves(target, desc.dtype, {std::move(move)}, constant_inputs(target, context));
    return std::make_unique<ScatterKernel>(
        std::move(copy), std::make_unique<Function>(target.device, code.finish("scatter.cuh"), "scatter"), threads.args,
        context.input_index(node.inputs[1]), context.input_index(node.inputs[2]), constant_inputs(target, context));
}

}  // namespace

CudaFamily scatter_kernels() { return {"scatter", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
