#include "pass/match.hpp"
#include "pass/passes.hpp"

namespace fovea::pass {
namespace {

struct Format {
    int exponent = 0, mantissa = 0;  ///< bits; 0: no real number
    int integer = 0;                 ///< bits of an integer, without its sign
    bool has_sign = true;
};

Format format_of(DType type) {
    switch (type) {
        case DType::f64: return {11, 52};
        case DType::f32: return {8, 23};
        case DType::bf16: return {8, 7};
        case DType::f16: return {5, 10};
        case DType::boolean: return {0, 0, 1, false};
        case DType::i8: return {0, 0, 7, true};
        case DType::u8: return {0, 0, 8, false};
        case DType::i16: return {0, 0, 15, true};
        case DType::u16: return {0, 0, 16, false};
        case DType::i32: return {0, 0, 31, true};
        case DType::u32: return {0, 0, 32, false};
        case DType::i64: return {0, 0, 63, true};
        case DType::u64: return {0, 0, 64, false};
        default: return {};
    }
}

/// Whether every value of `from` survives in `to` unchanged.
bool holds(DType to, DType from) {
    const Format a = format_of(from), b = format_of(to);
    if (a.integer && b.integer) return b.integer >= a.integer && (b.has_sign || !a.has_sign);
    if (a.integer) return b.mantissa + 1 >= a.integer && b.exponent >= 5 && (1 << (b.exponent - 1)) > a.integer;
    return a.mantissa && b.mantissa >= a.mantissa && b.exponent >= a.exponent;
}

/// Two casts are one when the type between them loses nothing.
void rewrite(const View& view, const ir::Node& node, ir::Patch& patch) {
    if (node.op != "Cast") return;
    const ir::Node* inner = view.producer(node.inputs[0], "Cast");
    if (!inner || !holds(view.dtype(node.inputs[0]), view.dtype(inner->inputs[0]))) return;
    patch.replace(node.outputs[0], patch.node("Cast", {inner->inputs[0]}, node.attributes));
}

std::vector<ir::Patch> propose(const View& view) { return at_each_node(view, rewrite); }

}  // namespace

Pass clean_casts() { return {"clean-casts", "merges two casts when the type between them loses nothing", propose}; }

}  // namespace fovea::pass
