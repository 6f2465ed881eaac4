#include <algorithm>

#include "backend/cuda/element_code.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/locate.hpp"

namespace fovea::backend::cuda {
namespace {

std::size_t axis_of(const ir::Node& node, std::size_t rank) {
    return static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(rank)));
}

std::int64_t product(const Shape& shape, std::size_t first, std::size_t last) {
    std::int64_t result = 1;
    for (std::size_t i = first; i < last; ++i) result *= shape[i];
    return result;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Gather" && node.op != "GatherElements" && node.op != "GatherND")
        return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y || !context.shape(node.inputs[1])) return refuse(Reason::shape_depends_on_data);
    if (y->size() > kMostMoveAxes || base::element_count(*x) > kMostMoved || base::element_count(*y) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    if (const Tensor* known = context.graph.constant(node.inputs[1]); known && node.op == "Gather") {
        const std::int64_t length = (*x)[axis_of(node, x->size())];
        const auto indices = known->to_int64();
        if (std::any_of(indices.begin(), indices.end(), [&](std::int64_t i) { return i < -length || i >= length; }))
            return refuse(Reason::unsupported_attribute, "an index beyond the axis");
    }
    return make_region(context, "gather", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    return {uniform_tactic(context, "copy", Layout::plain)};
}

/// One known index along an axis: a slice.
std::unique_ptr<Kernel> prepare_slice(const Target& target, const RegionContext& context, std::size_t input,
                                      const Shape& x, std::size_t axis, std::int64_t index) {
    const std::int64_t inner = product(x, axis + 1, x.size()), outer = product(x, 0, axis);
    Move move;
    move.input = input;
    move.source_offset = (index < 0 ? index + x[axis] : index) * inner;
    move.axes = {{outer, inner * x[axis], inner}, {inner, 1, 1}};
    return make_moves(target, context.dtype(context.region.inputs[input]), {std::move(move)},
                      constant_inputs(target, context));
}

/// Writes the lookup of the index at `place` in the table.
std::string look_up(Locate& code, DType type, const std::string& place, std::int64_t size) {
    return "from_front(static_cast<const " + std::string(memory_type(type)) + "*>(args.table)[" + place + "], " +
           code.number(size) + ")";
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]), table = context.input_index(node.inputs[1]);
    const Shape x = context.shape(node.inputs[0]), indices = context.shape(node.inputs[1]);
    const DType type = context.dtype(node.inputs[0]), index_type = context.dtype(node.inputs[1]);
    const auto make = [&](const Locate& code, const std::string& found) {
        return code.make(target, found, {input, table}, constant_inputs(target, context));
    };
    if (node.op == "GatherElements") {
        const std::size_t axis = axis_of(node, x.size());
        Locate code(type, indices, false);
        const Shape strides = base::row_major_strides(x), steps = base::row_major_strides(indices);
        std::string found = "0", place = "0";
        for (std::size_t i = 0; i < indices.size(); ++i) {
            place += " + " + Locate::place(i) + " * " + code.number(steps[i]);
            if (i != axis) found += " + " + Locate::place(i) + " * " + code.number(strides[i]);
        }
        found += " + " + look_up(code, index_type, place, x[axis]) + " * " + code.number(strides[axis]);
        return make(code, found);
    }
    // [outer][places][inner]; the indices name `depth` axes behind the outer ones.
    const bool nd = node.op == "GatherND";
    const std::size_t batch = nd ? static_cast<std::size_t>(node.get<std::int64_t>("batch_dims", 0)) : 0;
    const std::size_t first = nd ? batch : axis_of(node, x.size());
    const std::size_t depth = nd ? static_cast<std::size_t>(indices.back()) : 1;
    if (const Tensor* known = context.constant(node.inputs[1]); known && !nd && known->size() == 1)
        return prepare_slice(target, context, input, x, first, known->to_int64()[0]);
    const std::int64_t outer = product(x, 0, first), inner = product(x, first + depth, x.size());
    const std::int64_t places = nd ? product(indices, batch, indices.size() - 1) : base::element_count(indices);
    Locate code(type, {outer, places, inner}, true);
    std::string found =
        Locate::place(2) + " + " + Locate::place(0) + " * " + code.distance(inner * product(x, first, first + depth));
    const std::string tuple = nd ? "(" + Locate::place(0) + " * " + code.number(places) + " + " + Locate::place(1) +
                                       ") * " + code.number(static_cast<std::int64_t>(depth))
                                 : Locate::place(1);
    for (std::size_t k = 0; k < depth; ++k)
        found += " + " + look_up(code, index_type, tuple + " + " + std::to_string(k), x[first + k]) + " * " +
                 code.distance(product(x, first + k + 1, x.size()));
    return make(code, found);
}

}  // namespace

CudaFamily gather_kernels() { return {"gather", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
