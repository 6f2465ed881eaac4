#include <algorithm>

#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

using ir::Dim;
using ir::Dims;
using ir::NodeId;
using ir::ValueId;

/// Where a symbolic size can be read: an axis of a graph input.
struct Source {
    ValueId input = ir::kNone;
    std::int64_t axis = 0;
};

Source find_source(const View& view, const std::string& symbol) {
    for (const ValueId input : view.graph().inputs) {
        const auto& dims = view.dims(input);
        if (!dims) continue;
        for (std::size_t axis = 0; axis < dims->size(); ++axis)
            if (!(*dims)[axis].known() && (*dims)[axis].symbol == symbol)
                return {input, static_cast<std::int64_t>(axis)};
    }
    return {};
}

/// One input of the Concat that the canonical form is: numbers, or neighbouring sizes of one graph input.
struct Piece {
    std::vector<std::int64_t> numbers;
    Source source;
    std::int64_t count = 0;
};

std::optional<std::vector<Piece>> pieces_of(const View& view, const Dims& content) {
    std::vector<Piece> pieces;
    for (const Dim& dim : content) {
        if (dim.known()) {
            if (pieces.empty() || pieces.back().numbers.empty()) pieces.emplace_back();
            pieces.back().numbers.push_back(dim.value);
            continue;
        }
        if (dim.symbol.empty()) return std::nullopt;
        const Source source = find_source(view, dim.symbol);
        if (source.input == ir::kNone) return std::nullopt;
        if (!pieces.empty() && pieces.back().source.input == source.input &&
            pieces.back().source.axis + pieces.back().count == source.axis)
            ++pieces.back().count;
        else
            pieces.push_back({.source = source, .count = 1});
    }
    return pieces;
}

bool is_canonical_piece(const View& view, ValueId id) {
    if (view.constant(id)) return true;
    const ir::Node* shape = view.producer(id, "Shape");
    return shape && view.graph().is_input(shape->inputs[0]);
}

bool is_canonical(const View& view, ValueId id) {
    if (is_canonical_piece(view, id)) return true;
    const ir::Node* concat = view.producer(id, "Concat");
    return concat && std::all_of(concat->inputs.begin(), concat->inputs.end(),
                                 [&](ValueId v) { return is_canonical_piece(view, v); });
}

/// Sizes that stay symbolic and that something other than arithmetic on sizes reads.
bool is_result(const View& view, ValueId id) {
    if (view.is_output(id)) return true;
    return std::any_of(view.readers(id).begin(), view.readers(id).end(), [&](NodeId reader) {
        const auto& outputs = view.graph().node(reader).outputs;
        return std::any_of(outputs.begin(), outputs.end(),
                           [&](ValueId v) { return v != ir::kNone && !view.info(v).content; });
    });
}

/// The content as sizes of the graph's inputs, numbers between them; `kNone` when a size is read nowhere there.
ValueId write(const View& view, const Dims& content, ir::Patch& patch) {
    const auto pieces = pieces_of(view, content);
    if (!pieces) return ir::kNone;
    std::vector<ValueId> parts;
    for (const Piece& piece : *pieces)
        parts.push_back(piece.count == 0
                            ? patch.constant(Tensor::vector(piece.numbers))
                            : patch.node("Shape", {piece.source.input},
                                         {{"start", piece.source.axis}, {"end", piece.source.axis + piece.count}}));
    return parts.size() == 1 ? parts[0] : patch.node("Concat", parts, {{"axis", std::int64_t{0}}});
}

void rewrite_sizes(const View& view, const ir::Node& node, ir::Patch& patch) {
    const ValueId result = node.outputs.size() == 1 ? node.outputs[0] : ir::kNone;
    if (result == ir::kNone || view.dtype(result) != DType::i64 || view.rank(result) != 1) return;
    const auto& content = view.info(result).content;
    if (!content || content->empty() || is_canonical(view, result) || !is_result(view, result)) return;
    const ValueId written = write(view, *content, patch);
    if (written != ir::kNone) patch.replace(result, written);
}

/// The target of an Expand or a fill follows from the shape of the result, however it was computed.
void rewrite_target(const View& view, const ir::Node& node, ir::Patch& patch) {
    const bool expand = node.op == "Expand";
    const ValueId target = node.inputs[expand ? 1 : 0];
    std::optional<Dims> content = view.dims(node.outputs[0]);
    if (is_canonical(view, target) || !content || content->empty()) return;
    if (expand) {
        const auto& x = view.dims(node.inputs[0]);
        if (!x || x->size() > content->size()) return;
        const std::size_t lead = content->size() - x->size();
        for (std::size_t i = 0; i < x->size(); ++i)
            if ((*content)[lead + i].same((*x)[i])) (*content)[lead + i] = 1;
    }
    const ValueId written = write(view, *content, patch);
    if (written == ir::kNone) return;
    std::vector<ValueId> inputs = node.inputs;
    inputs[expand ? 1 : 0] = written;
    patch.replace(node.outputs[0], patch.node(node.op, std::move(inputs), node.attributes));
}

void rewrite(const View& view, const ir::Node& node, ir::Patch& patch) {
    if (node.op == "Expand" || node.op == "ConstantOfShape")
        rewrite_target(view, node, patch);
    else
        rewrite_sizes(view, node, patch);
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass canonical_shapes() {
    return {"canonical-shapes", "reads sizes that stay symbolic from the graph's inputs instead of inner tensors",
            propose};
}

}  // namespace fovea::pass
