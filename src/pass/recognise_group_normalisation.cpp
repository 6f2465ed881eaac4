#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::kNone;
using ir::Node;
using ir::ValueId;

/// Channels (axis 1) of `id`, where their number is known.
std::int64_t channels_of(const View& view, ValueId id) {
    const auto& dims = view.dims(id);
    return dims && dims->size() >= 2 && (*dims)[1].known() ? (*dims)[1].value : 0;
}

/// One number for every channel out of one for every group.
ValueId spread(const View& view, ir::Patch& patch, ValueId groups, std::int64_t channels, const char* name) {
    const Tensor wide = view.constant(groups)->cast(DType::f64);
    std::vector<double> values;
    for (const double value : wide.as<double>())
        values.insert(values.end(), static_cast<std::size_t>(channels / wide.size()), value);
    return patch.constant(make_tensor(view.dtype(groups), {channels}, values), name);
}

/// Reshape to [batch, groups, rest], InstanceNormalization, Reshape back.
void from_instances(const View& view, const Node& node, ir::Patch& patch) {
    const Node* norm = view.producer(node.inputs[0], "InstanceNormalization");
    const Node* split = norm ? view.producer(norm->inputs[0], "Reshape") : nullptr;
    if (!split || !view.constant(norm->inputs[1]) || !view.constant(norm->inputs[2])) return;
    const ValueId x = split->inputs[0];
    const std::int64_t channels = channels_of(view, x), groups = channels_of(view, norm->inputs[0]);
    if (groups == 0 || channels % groups != 0 || view.rank(x).value_or(0) < 3 || !view.same_dims(x, node.outputs[0]) ||
        !(*view.dims(x))[0].same((*view.dims(norm->inputs[0]))[0]))
        return;
    const ValueId scale = spread(view, patch, norm->inputs[1], channels, "scale");
    const ValueId bias = spread(view, patch, norm->inputs[2], channels, "bias");
    patch.replace(node.outputs[0], patch.node("GroupNormalization", {x, scale, bias},
                                              {{"num_groups", groups}, {"epsilon", norm->get("epsilon", 1e-5f)}}));
}

/// A factor or a summand for each channel behind a normalisation becomes part of its scale and bias.
void absorb(const View& view, const Node& node, ir::Patch& patch) {
    for (const std::size_t i : {std::size_t{0}, std::size_t{1}}) {
        const Node* norm = view.producer(node.inputs[i]);
        if (!norm || (norm->op != "GroupNormalization" && norm->op != "InstanceNormalization")) continue;
        const std::int64_t channels = channels_of(view, norm->inputs[0]);
        if (channels == 0 || !view.single_use(node.inputs[i]) || !view.same_dims(node.inputs[i], node.outputs[0]) ||
            view.dtype(node.inputs[1 - i]) != view.dtype(norm->inputs[1]))
            continue;
        const auto rank = *view.rank(norm->inputs[0]);
        auto scale = per_channel(view, norm->inputs[1], 1, 0, channels);
        auto bias = per_channel(view, norm->inputs[2], 1, 0, channels);
        const auto given = per_channel(view, node.inputs[1 - i], rank, 1, channels);
        if (!scale || !bias || !given) continue;
        for (std::size_t c = 0; c < given->size(); ++c) {
            if (node.op == "Add") {
                (*bias)[c] += (*given)[c];
                continue;
            }
            (*scale)[c] *= (*given)[c];
            (*bias)[c] *= (*given)[c];
        }
        const DType type = view.dtype(norm->inputs[1]);
        return patch.replace(
            node.outputs[0],
            patch.node(norm->op,
                       {norm->inputs[0], patch.constant(make_tensor(type, {channels}, *scale), "scale"),
                        patch.constant(make_tensor(type, {channels}, *bias), "bias")},
                       norm->attributes));
    }
}

void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op == "Reshape") from_instances(view, node, patch);
    if (node.op == "Mul" || node.op == "Add") absorb(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_group_normalisation() {
    return {"recognise-group-normalisation",
            "finds GroupNormalization written as InstanceNormalization between reshapes, and its scale and bias",
            propose};
}

}  // namespace fovea::pass
