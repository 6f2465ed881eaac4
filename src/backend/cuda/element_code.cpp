#include "backend/cuda/element_code.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "backend/cuda/epilogue_code.hpp"
#include "backend/family.hpp"
#include "base/dispatch.hpp"

namespace fovea::backend::cuda {
namespace {

struct Row {
    std::string_view op, code;
};
/// Of two numbers of one type.
constexpr std::array kNumbers = {
    Row{"Add", "add(v0, v1)"},
    Row{"Sub", "subtract(v0, v1)"},
    Row{"Mul", "multiply(v0, v1)"},
    Row{"Div", "quotient(v0, v1)"},
    Row{"PRelu", "v0 < decltype(v0)(0) ? multiply(v0, v1) : v0"},
};
/// Of two elements of one type, giving a bool.
constexpr std::array kComparisons = {
    Row{"Equal", "v0 == v1"}, Row{"Greater", "v0 > v1"},      Row{"GreaterOrEqual", "v0 >= v1"},
    Row{"Less", "v0 < v1"},   Row{"LessOrEqual", "v0 <= v1"},
};
constexpr std::array kBooleans = {Row{"And", "v0 && v1"}, Row{"Or", "v0 || v1"}, Row{"Xor", "v0 != v1"},
                                  Row{"Not", "!v0"}};
constexpr std::array kBits = {
    Row{"BitwiseAnd", "v0 & v1"},
    Row{"BitwiseOr", "v0 | v1"},
    Row{"BitwiseXor", "v0 ^ v1"},
    Row{"BitwiseNot", "~v0"},
};
/// Of a number of any type.
constexpr std::array kUnary = {
    Row{"Neg", "negate(v0)"},
    Row{"Abs", "absolute(v0)"},
    Row{"Sign", "sign(v0)"},
    Row{"Relu", "v0 < decltype(v0)(0) ? decltype(v0)(0) : v0"},
};
/// Of an f32.
constexpr std::array kFunctions = {
    Row{"Sqrt", "sqrtf(v0)"},
    Row{"Reciprocal", "1.0f / v0"},
    Row{"Exp", "expf(v0)"},
    Row{"Log", "logf(v0)"},
    Row{"Erf", "erff(v0)"},
    Row{"Sin", "sinf(v0)"},
    Row{"Cos", "cosf(v0)"},
    Row{"Tan", "tanf(v0)"},
    Row{"Asin", "asinf(v0)"},
    Row{"Acos", "acosf(v0)"},
    Row{"Atan", "atanf(v0)"},
    Row{"Sinh", "sinhf(v0)"},
    Row{"Cosh", "coshf(v0)"},
    Row{"Asinh", "asinhf(v0)"},
    Row{"Acosh", "acoshf(v0)"},
    Row{"Atanh", "atanhf(v0)"},
    Row{"Softsign", "v0 / (1.0f + fabsf(v0))"},
};
constexpr std::array kRoundings = {Row{"Floor", "floorf(v0)"}, Row{"Ceil", "ceilf(v0)"}, Row{"Round", "rintf(v0)"}};

const Row* find(std::span<const Row> rows, std::string_view op) {
    const auto it = std::find_if(rows.begin(), rows.end(), [op](const Row& row) { return row.op == op; });
    return it == rows.end() ? nullptr : &*it;
}

struct TypeNames {
    DType type;
    std::string_view memory, held;
};
constexpr std::array kTypes = {
    TypeNames{DType::f32, "float", "float"},
    TypeNames{DType::f16, "f16", "float"},
    TypeNames{DType::bf16, "bf16", "float"},
    TypeNames{DType::f64, "double", "double"},
    TypeNames{DType::i8, "signed char", "signed char"},
    TypeNames{DType::u8, "unsigned char", "unsigned char"},
    TypeNames{DType::i16, "short", "short"},
    TypeNames{DType::u16, "u16", "u16"},
    TypeNames{DType::i32, "int", "int"},
    TypeNames{DType::u32, "u32", "u32"},
    TypeNames{DType::i64, "long long", "long long"},
    TypeNames{DType::u64, "u64", "u64"},
    TypeNames{DType::boolean, "bool", "bool"},
};

const TypeNames* names_of(DType type) {
    const auto it =
        std::find_if(kTypes.begin(), kTypes.end(), [type](const TypeNames& row) { return row.type == type; });
    return it == kTypes.end() ? nullptr : &*it;
}

/// Bits of a number as e4m3, to the nearest and to even; what is too large becomes the largest.
constexpr std::string_view kToE4m3 =
    "[](float v) { const u32 b = __float_as_uint(v), sign = b >> 24 & 0x80, a = b & 0x7fffffff; "
    "if (a > 0x7f800000) return sign | 0x7f; "
    "const u32 n = a < 0x3c800000 ? __float2uint_rn(__uint_as_float(a) * 512.0f) "
    ": ((a + 0x7ffff + (a >> 20 & 1)) >> 20) - 960; "
    "return sign | (n < 0x7e ? n : 0x7e); }";
constexpr std::string_view kFromE4m3 =
    "[](unsigned char v) { const u32 b = v & 0x7f; "
    "const float a = __uint_as_float(b == 0x7f ? 0x7fffffff : b << 20) * 0x1p120f; return v & 0x80 ? -a : a; }";

/// `function` of all inputs, the first two first.
std::string folded(const std::string& function, std::size_t count) {
    std::string code = "v0";
    for (std::size_t i = 1; i < count; ++i) code = function + "(" + code + ", v" + std::to_string(i) + ")";
    return code;
}

/// The types of one node.
class Writer {
  public:
    Writer(const ops::ValueTable& values, const ir::Node& node) : values_(values), node_(node) {}

    [[nodiscard]] std::optional<ElementCode> write() const {
        const std::string& op = node_.op;
        const std::size_t count = node_.inputs.size();
        const bool numbers = number(input(0)), alike = numbers && same_types();
        const auto all = [&](std::string_view code) { return ElementCode{std::string(code), count}; };
        const auto jump = [&](std::string_view code) { return ElementCode{std::string(code), count, true}; };
        if (const Row* row = find(kNumbers, op); row && alike && count == 2) return all(row->code);
        if (const Row* row = find(kComparisons, op); row && same_types()) return jump(row->code);
        if (const Row* row = find(kBooleans, op)) return all(row->code);
        if (const Row* row = find(kBits, op)) return all(row->code);
        if (const Row* row = find(kUnary, op)) return all(row->code);
        if (const Row* row = find(kFunctions, op); row && own_float(input(0))) return all(row->code);
        if (const Row* row = find(kRoundings, op); row && own_float(input(0))) return jump(row->code);
        if (op == "Cast") return cast();
        if (op == "Where" && held_type(input(1)) == held_type(input(2))) return all("v0 ? v1 : v2");
        if (op == "Max" && alike) return all(folded("maximum", count));
        if (op == "Min" && alike) return all(folded("minimum", count));
        if (op == "Sum" && alike) return all(folded("add", count));
        if (op == "Mean" && own_float(input(0)) && alike)
            return all("(" + folded("add", count) + ") / " + std::to_string(count) + ".0f");
        if (op == "Mod" && alike)
            return jump(node_.get<std::int64_t>("fmod", 0) ? "truncated_remainder(v0, v1)" : "floor_remainder(v0, v1)");
        if (op == "Pow") return power();
        if (op == "BitShift")
            return all(node_.get<std::string>("direction", "") == "RIGHT" ? "shift_right(v0, v1)"
                                                                          : "shift_left(v0, v1)");
        if (op == "IsNaN") return jump("v0 != v0");
        if (op == "IsInf" && own_float(input(0)))
            return jump("infinite(v0, " + flag("detect_negative") + ", " + flag("detect_positive") + ")");
        if (auto known = activation()) return known;
        if (op == "Clip" && alike) return clip();
        return std::nullopt;
    }

    /// By scales of f32, in the precision of f32.
    [[nodiscard]] std::optional<ElementCode> quantise() const {
        const DType to = values_[static_cast<std::size_t>(node_.outputs[0])].dtype;
        if (!own_float(input(0)) || input(1) != DType::f32 || in_blocks() || node_.attributes.contains("precision"))
            return std::nullopt;
        if (to == DType::f8e4m3fn && zero_free() && node_.get<std::int64_t>("saturate", 1))
            return ElementCode{std::string(kToE4m3) + "(v0 / v1)", 2, true, axis()};
        if (to != DType::i8 && to != DType::u8) return std::nullopt;
        const std::string range = to == DType::i8 ? "-128.0f), 127.0f)" : "0.0f), 255.0f)";
        const std::string shift = input(2) == DType::undefined ? "" : " + static_cast<float>(v2)";
        return ElementCode{
            "[](float v) { return v != v ? 0.0f : fminf(fmaxf(v, " + range + "; }(rintf(v0 / v1)" + shift + ")",
            node_.inputs.size(), true, axis()};
    }

    /// To the scales' type. Constants are dequantised when a plan is built.
    [[nodiscard]] std::optional<ElementCode> dequantise() const {
        const DType to = values_[static_cast<std::size_t>(node_.outputs[0])].dtype;
        if (!own_float(to) || input(1) != to || in_blocks() || constant(0)) return std::nullopt;
        if (input(0) == DType::f8e4m3fn && zero_free())
            return ElementCode{std::string(kFromE4m3) + "(v0) * v1", 2, false, axis()};
        if (input(0) != DType::i8 && input(0) != DType::u8) return std::nullopt;
        const std::string shift = input(2) == DType::undefined ? "" : " - static_cast<float>(v2)";
        return ElementCode{"(static_cast<float>(v0)" + shift + ") * v1", node_.inputs.size(), false, axis()};
    }

  private:
    [[nodiscard]] std::int64_t axis() const { return node_.get<std::int64_t>("axis", 1); }
    [[nodiscard]] bool in_blocks() const { return node_.get<std::int64_t>("block_size", 0) != 0; }
    [[nodiscard]] const Tensor& constant(std::size_t i) const {
        return values_[static_cast<std::size_t>(node_.inputs[i])].constant;
    }
    [[nodiscard]] bool zero_free() const {
        if (input(2) == DType::undefined) return true;
        const auto zeros = constant(2) ? constant(2).to_float() : std::vector<float>{1};
        return std::all_of(zeros.begin(), zeros.end(), [](float zero) { return zero == 0; });
    }
    [[nodiscard]] DType input(std::size_t i) const {
        return i < node_.inputs.size() && node_.inputs[i] != ir::kNone
                   ? values_[static_cast<std::size_t>(node_.inputs[i])].dtype
                   : DType::undefined;
    }
    static bool number(DType type) { return names_of(type) && type != DType::boolean; }

    /// f32 constants may stand beside f16 and bf16.
    [[nodiscard]] bool same_types() const {
        for (std::size_t i = 1; i < node_.inputs.size(); ++i)
            if (node_.inputs[i] != ir::kNone && held_type(input(i)) != held_type(input(0))) return false;
        return true;
    }
    [[nodiscard]] std::string flag(std::string_view name) const {
        return node_.get<std::int64_t>(name, 1) ? "true" : "false";
    }

    [[nodiscard]] std::optional<ElementCode> cast() const {
        const DType to = values_[static_cast<std::size_t>(node_.outputs[0])].dtype;
        if (held_type(input(0)) == held_type(to)) return ElementCode{"v0", 1};
        const bool truncates = base::is_float(input(0)) && !base::is_float(to);
        return ElementCode{"Convert<" + std::string(held_type(to)) + ">::from(v0)", 1, truncates};
    }

    [[nodiscard]] std::optional<ElementCode> power() const {
        if (!number(input(0)) || !number(input(1))) return std::nullopt;
        if (own_float(input(0))) return ElementCode{"powf(v0, static_cast<float>(v1))", 2};
        if (base::is_integer(input(0)) && base::is_integer(input(1)))
            return ElementCode{"integer_power(v0, static_cast<long long>(v1))", 2};
        return std::nullopt;
    }

    [[nodiscard]] std::optional<ElementCode> clip() const {
        std::string code = "v0";
        if (input(1) != DType::undefined) code = "(v0 < v1 ? v1 : v0)";
        if (input(2) != DType::undefined) code = "(" + code + " > v2 ? v2 : " + code + ")";
        return ElementCode{code, node_.inputs.size()};
    }

    [[nodiscard]] std::optional<ElementCode> activation() const {
        const auto step = as_step(values_, node_, node_.inputs[0]);
        if (!step || step->kind != EpilogueStep::Kind::activation) return std::nullopt;
        return ElementCode{"[](float v) { return " + activation_code(*step) + "; }(v0)", 1};
    }

    const ops::ValueTable& values_;
    const ir::Node& node_;
};

}  // namespace

std::string_view memory_type(DType type) { return names_of(type) ? names_of(type)->memory : std::string_view(); }
std::string_view held_type(DType type) { return names_of(type) ? names_of(type)->held : std::string_view(); }
DType element_type(DType type) { return type == DType::f8e4m3fn ? DType::u8 : type; }

std::optional<ElementCode> element_code(const ops::ValueTable& values, const ir::Node& node) {
    if (node.inputs.empty() || node.inputs[0] == ir::kNone || node.outputs.size() != 1 || node.outputs[0] == ir::kNone)
        return std::nullopt;
    if (node.op == "QuantizeLinear") return Writer(values, node).quantise();
    if (node.op == "DequantizeLinear") return Writer(values, node).dequantise();
    const auto held = [&](ir::ValueId id) { return !held_type(values[static_cast<std::size_t>(id)].dtype).empty(); };
    if (!held(node.outputs[0])) return std::nullopt;
    for (const ir::ValueId id : node.inputs)
        if (id != ir::kNone && !held(id)) return std::nullopt;
    return Writer(values, node).write();
}

}  // namespace fovea::backend::cuda
