#include "pass/match.hpp"
#include "pass/move.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Node;

struct Form {
    Permutation perm;
    std::size_t block_axes[2];  ///< of the six axes before the transpose
    const char* op;
    const char* mode;  ///< of DepthToSpace
};

const Form kForms[] = {
    {{0, 1, 4, 2, 5, 3}, {2, 3}, "DepthToSpace", "CRD"},
    {{0, 3, 4, 1, 5, 2}, {1, 2}, "DepthToSpace", "DCR"},
    {{0, 3, 5, 1, 2, 4}, {3, 5}, "SpaceToDepth", nullptr},
};

/// Reshape to six axes, Transpose, Reshape back to four.
void rewrite(const View& view, const Node& node, ir::Patch& patch) {
    if (node.op != "Reshape" || view.rank(node.outputs[0]) != 4) return;
    const Node* transpose = view.producer(node.inputs[0], "Transpose");
    const auto perm = transpose ? permutation(view, *transpose) : std::nullopt;
    const Node* split = perm ? view.producer(transpose->inputs[0], "Reshape") : nullptr;
    if (!split || view.rank(split->inputs[0]) != 4 || view.rank(split->outputs[0]) != 6) return;
    const ir::Dims &x = *view.dims(split->inputs[0]), &six = *view.dims(split->outputs[0]),
                   &y = *view.dims(node.outputs[0]);
    for (const Form& form : kForms) {
        const std::int64_t block = six[form.block_axes[0]].value;
        if (*perm != form.perm || block < 2 || six[form.block_axes[1]].value != block) continue;
        if (!x[0].same(six[0]) || !y[0].same(six[0]) || !x[1].known() || !y[1].known()) continue;
        const bool to_space = form.mode != nullptr;
        // With the channels as expected, the remaining axes have to be the spatial ones, in order.
        const bool channels =
            to_space ? x[1].value == y[1].value * block * block : y[1].value == x[1].value * block * block;
        const std::size_t height = to_space ? 4 : 2, width = to_space ? 5 : 4;
        const ir::Dims& small = to_space ? x : y;
        if (!channels || !small[2].same(six[height]) || !small[3].same(six[width])) continue;
        std::map<std::string, ir::Attribute, std::less<>> attributes = {{"blocksize", block}};
        if (form.mode) attributes.emplace("mode", std::string(form.mode));
        return patch.replace(node.outputs[0], patch.node(form.op, {split->inputs[0]}, std::move(attributes)));
    }
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass recognise_pixel_shuffle() {
    return {"recognise-pixel-shuffle", "finds DepthToSpace and SpaceToDepth written as reshape, transpose, reshape",
            propose};
}

}  // namespace fovea::pass
