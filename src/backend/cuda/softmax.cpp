#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "backend/cuda/simple_kernel.hpp"

namespace fovea::backend::cuda {
namespace {

/// What the kernel templates call the operator; nothing for others.
std::optional<int> kind_of(const ir::Node& node) {
    if (node.op == "Softmax") return 0;
    if (node.op == "LogSoftmax") return 1;
    if (node.op == "LpNormalization") return node.get<std::int64_t>("p", 2) == 1 ? 2 : 3;
    return std::nullopt;
}

bool is_cast(const MatchContext&, const EpilogueStep& step, ir::ValueId) {
    return step.kind == EpilogueStep::Kind::cast;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!kind_of(node)) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "softmax takes f32, f16 or bf16");
    if (x->empty() || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    if (base::element_count(*x) >= std::int64_t{1} << 31)
        return refuse(Reason::unsupported_shape, "over 2^31 elements");
    std::vector<ir::NodeId> nodes = {root};
    const Epilogue epilogue = match_epilogue(context, node.outputs[0], 1, is_cast);
    nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    return make_region(context, "softmax", std::move(nodes));
}

Line softmax_line(const RegionContext& context, const TensorDesc& source) {
    return line_of(source, context.node(0).get<std::int64_t>("axis", -1));
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result;
    for (const Layout layout : {Layout::plain, Layout::channels_last}) {
        Tactic tactic = uniform_tactic(context, std::string(to_string(layout)), layout);
        if (tactic.inputs[0] != layout) continue;
        const Line line = softmax_line(context, context.input_desc(0, tactic));
        tactic.reads_slices = tactic.writes_slices = line.inner == 1 && line.length <= kMostRowElements;
        result.push_back(std::move(tactic));
    }
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const TensorDesc source = context.input_desc(0, tactic), output = context.output_desc(0, tactic);
    const Line line = softmax_line(context, source);
    const int processors = target.device->facts().multiprocessors;
    const auto most = static_cast<int>(16 / element_bytes(source.dtype));
    KernelSource code;
    code.type("In", source.dtype).type("Out", output.dtype);
    code.constant("kKind", *kind_of(context.node(0))).constant("kLength", line.length);
    SoftmaxArgs args{};
    const auto make = [&](std::string_view file, unsigned blocks, int threads) {
        return std::make_unique<LineKernel<SoftmaxArgs>>(
            std::make_unique<Function>(target.device, code.finish(file), "softmax"), args, blocks, threads,
            "own softmax");
    };
    if (line.inner == 1 && line.length <= kMostRowElements) {
        const int width =
            common_width(most, {line.length, source.pitch, output.pitch, offset_of(context.input_offsets, 0),
                                offset_of(context.output_offsets, 0)});
        const RowGeometry geometry = row_geometry(few_rows(line.outer, processors), line.length, width);
        geometry.write(code);
        code.text(kernel_text("softmax.cuh"));
        args.rows = static_cast<int>(line.outer);
        args.pitch = static_cast<int>(source.pitch);
        args.output_pitch = static_cast<int>(output.pitch);
        return make("softmax_rows.cuh", geometry.blocks(line.outer), geometry.threads);
    }
    const ColumnGeometry geometry = column_geometry(line, common_width(most, {line.inner}), processors);
    geometry.write(code);
    code.constant("kInner", line.inner).text(kernel_text("softmax.cuh"));
    const std::int64_t columns = line.outer * line.inner / geometry.width;
    args.rows = static_cast<int>(columns);
    args.inner = make_divisor(line.inner / geometry.width);
    return make("softmax_columns.cuh", geometry.blocks(columns), geometry.columns * geometry.parts);
}

}  // namespace

CudaFamily softmax_kernels() { return {"softmax", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
