#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "backend/cuda/simple_kernel.hpp"

namespace fovea::backend::cuda {
namespace {

/// Most bytes of one row that is brought into shared memory; 256 of them fit.
constexpr std::int64_t kMostStaged = 160;

std::int64_t axis_of(const ir::Node& node, const Shape& x) {
    return base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(x.size()));
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ArgMax" && node.op != "ArgMin") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!has_element(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "takes f32, f16, bf16 and integers of 8 to 64 bits");
    if (x->empty() || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    if (base::element_count(*x) >= std::int64_t{1} << 31)
        return refuse(Reason::unsupported_shape, "over 2^31 elements");
    std::vector<ir::NodeId> nodes = {root};
    const ir::NodeId next = context.fuse ? context.sole_consumer(node.outputs[0]) : ir::kNone;
    if (next != ir::kNone && context.graph.node(next).op == "Cast" &&
        has_element(context.info(context.graph.node(next).outputs[0]).dtype))
        nodes.push_back(next);
    return make_region(context, "arg_reduce", std::move(nodes));
}

/// The result has no axis or one element along it: where channels are reduced, it lies in plain order in both layouts.
std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    const Shape x = context.shape(context.node(0).inputs[0]);
    const std::int64_t axis = axis_of(context.node(0), x);
    std::vector<Tactic> result = {{"plain", {Layout::plain}, {Layout::plain}}};
    if (axis == 1 && x.size() >= 3 && x.size() <= 5)
        result.insert(result.begin(), {"channels_last", {Layout::channels_last}, {Layout::plain}});
    for (Tactic& tactic : result) tactic.reads_slices = line_of(context.input_desc(0, tactic), axis).inner == 1;
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic);
    const Line line = line_of(source, axis_of(node, source.shape));
    const int processors = target.device->facts().multiprocessors;
    const auto bytes = static_cast<std::int64_t>(element_bytes(source.dtype));
    const auto most = static_cast<int>(16 / bytes);
    KernelSource code;
    code.text("using In = " + std::string(element_name(source.dtype)) + ";\n");
    code.text("using Out = " + std::string(element_name(context.dtype(context.region.outputs[0]))) + ";\n");
    code.constant("kLargest", node.op == "ArgMax").constant("kLength", line.length);
    code.constant("kLast", node.get<std::int64_t>("select_last_index", 0) != 0);
    code.text(kernel_text("place.cuh"));
    ArgReduceArgs args{};
    const auto make = [&](std::string_view file, unsigned blocks, int threads) {
        return std::make_unique<LineKernel<ArgReduceArgs>>(
            std::make_unique<Function>(target.device, code.finish(file), "arg_reduce"), args, blocks, threads,
            "own search");
    };
    if (line.inner != 1) {
        const int width = common_width(std::min(most, 4), {line.inner});
        const ColumnGeometry geometry = column_geometry(line, width, processors);
        geometry.write(code);
        code.constant("kInner", line.inner);
        const std::int64_t columns = line.outer * line.inner / width;
        args.rows = static_cast<int>(columns);
        args.inner = make_divisor(line.inner / width);
        return make("arg_reduce_columns.cuh", geometry.blocks(columns), geometry.columns * geometry.parts);
    }
    args.rows = static_cast<int>(line.outer);
    args.pitch = static_cast<int>(source.pitch);
    const std::int64_t offset = offset_of(context.input_offsets, 0);
    if (line.length * bytes <= kMostStaged && source.pitch == line.length) {
        code.text(kernel_text("row_arguments.hpp"));
        return make("arg_reduce_staged.cuh", static_cast<unsigned>((line.outer + 255) / 256), 256);
    }
    const int width = common_width(most, {line.length, source.pitch, offset});
    RowGeometry geometry =
        row_geometry(few_rows(line.outer, processors), std::min(line.length, std::int64_t{width} * 256), width);
    if (line.length > std::int64_t{width} * 256) geometry.threads = geometry.row_threads = 256;
    geometry.repeat = 1;
    geometry.write(code);
    return make("arg_reduce_rows.cuh", geometry.blocks(line.outer), geometry.threads);
}

}  // namespace

CudaFamily arg_reduce_kernels() { return {"arg_reduce", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
