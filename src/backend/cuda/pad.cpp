#include <algorithm>
#include <cstring>
#include <numeric>

#include "backend/cuda/families.hpp"
#include "backend/cuda/locate.hpp"

namespace fovea::backend::cuda {
namespace {

bool given(const ir::Node& node, std::size_t i) { return i < node.inputs.size() && node.inputs[i] != ir::kNone; }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Pad") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    for (std::size_t i = 1; i < 4; ++i)
        if (given(node, i) && !context.graph.constant(node.inputs[i]))
            return refuse(Reason::shape_depends_on_data, "margins or a value computed at run time");
    if (y->size() > kMostMoveAxes || base::element_count(*x) > kMostMoved || base::element_count(*y) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    return make_region(context, "pad", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result = {uniform_tactic(context, "copy:plain", Layout::plain)};
    if (has_channels(context, context.node(0).inputs[0]))
        result.push_back(uniform_tactic(context, "copy:channels_last", Layout::channels_last));
    return result;
}

/// Elements before and behind each axis; negative ones are cut.
struct Margins {
    Shape begin, end;
};

Margins margins_of(const RegionContext& context, std::size_t rank) {
    const ir::Node& node = context.node(0);
    const auto pads = context.constant(node.inputs[1])->to_int64();
    std::vector<std::int64_t> axes(rank);
    std::iota(axes.begin(), axes.end(), 0);
    if (given(node, 3)) axes = context.constant(node.inputs[3])->to_int64();
    Margins margins{Shape(rank, 0), Shape(rank, 0)};
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const auto axis = static_cast<std::size_t>(base::normalize_axis(axes[i], static_cast<std::int64_t>(rank)));
        margins.begin[axis] = pads[i];
        margins.end[axis] = pads[axes.size() + i];
    }
    return margins;
}

/// The bits of what stands in the margins.
std::uint64_t fill_of(const RegionContext& context, DType type) {
    const ir::Node& node = context.node(0);
    std::uint64_t bits = 0;
    if (!given(node, 2) || context.constant(node.inputs[2])->size() != 1) return bits;
    const Tensor value = context.constant(node.inputs[2])->cast(type);
    std::memcpy(&bits, value.raw(), element_bytes(type));
    return bits;
}

/// The place `at` of the input, which may lie outside of what is kept of the axis, [begin, begin + size).
std::string shown(const std::string& mode, const std::string& at, const std::string& begin, const std::string& size) {
    const std::string offset = "(" + at + " - " + begin + ")";
    if (mode == "edge") return begin + " + min(max(" + offset + ", 0), " + size + " - 1)";
    if (mode == "wrap") return begin + " + (" + offset + " % " + size + " + " + size + ") % " + size;
    return begin + " + reflected(" + offset + ", " + size + ")";
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc from = context.input_desc(input, tactic), to = context.output_desc(0, tactic);
    const std::string mode = node.get<std::string>("mode", "constant");
    const Margins margins = margins_of(context, from.shape.size());
    const Shape strides = from.strides();
    const auto axes = memory_axes(to.shape.size(), to.layout);
    const auto padded = [&](std::size_t axis) { return margins.begin[axis] != 0 || margins.end[axis] != 0; };
    Shape extents;
    for (const std::size_t axis : axes) extents.push_back(to.shape[axis]);
    Locate code(from.dtype, extents, !axes.empty() && !padded(axes.back()));
    std::string found = "0";
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const std::size_t axis = axes[i];
        // The last axis counts words already.
        const std::string step = i + 1 == axes.size() ? std::string("1") : code.distance(strides[axis]);
        if (!padded(axis)) {
            found += " + " + Locate::place(i) + " * " + step;
            continue;
        }
        const std::string a = "a" + std::to_string(i);
        const std::int64_t begin = std::max<std::int64_t>(0, -margins.begin[axis]);
        const std::int64_t end = from.shape[axis] + std::min<std::int64_t>(0, margins.end[axis]);
        code.line("int " + a + " = " + Locate::place(i) + " - " + code.number(margins.begin[axis]) + ";");
        if (mode == "constant")
            code.line("if (" + a + " < " + code.number(begin) + " || " + a + " >= " + code.number(end) +
                      ") return -1;");
        else
            code.line(a + " = " + shown(mode, a, code.number(begin), code.number(end - begin)) + ";");
        found += " + " + a + " * " + step;
    }
    return code.make(target, found, {input}, constant_inputs(target, context), fill_of(context, from.dtype));
}

}  // namespace

CudaFamily pad_kernels() { return {"pad", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
