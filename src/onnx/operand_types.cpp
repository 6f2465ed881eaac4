#include "onnx/operand_types.hpp"

#include <algorithm>
#include <map>
#include <string_view>

#include "onnx/fail.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::onnx {
namespace {

constexpr int kTypeNumbers = 64;

/// Which inputs a formal input stands for.
enum class Kind : std::uint8_t {
    single,    ///< one, which is required
    optional,  ///< one
    same,      ///< it and all further ones, of one type
    mixed,     ///< it and all further ones, each of a type of its own
};

/// A formal input of an operator in the version that holds from operator set `since` on.
struct Operand {
    std::string_view op;
    std::int64_t since;
    std::string_view name;
    std::string_view variable;  ///< inputs with the same one have one type
    std::uint64_t types;        ///< bit n: the type with number n in TensorProto.DataType
    Kind kind;
};

/// Sorted by operator and version.
constexpr Operand kOperands[] = {
#include "operand_types.inc"
};

/// The inputs as they stand in operator set `version`; for operators that are newer than it, in their first version.
std::span<const Operand> find_operands(std::string_view op, std::int64_t version) {
    const auto all = std::ranges::equal_range(kOperands, op, {}, &Operand::op);
    if (all.empty()) return {};
    const auto newer = std::ranges::upper_bound(all, version, {}, &Operand::since);
    const std::int64_t since = newer == all.begin() ? all.front().since : (newer - 1)->since;
    return std::ranges::equal_range(all, since, {}, &Operand::since);
}

/// "f16, f32 or f64"
std::string list_types(std::uint64_t types) {
    std::vector<std::string_view> names;
    for (int i = 0; i < kTypeNumbers; ++i)
        if (const DType type = ops::dtype_from_onnx(i); (types >> i & 1) && type != DType::undefined)
            names.push_back(to_string(type));
    std::string result;
    for (std::size_t i = 0; i < names.size(); ++i)
        result.append(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ").append(names[i]);
    return result.empty() ? "a type that fovea does not hold" : result;
}

/// Whether an input that every node must give is missing.
bool incomplete(std::span<const Operand> operands, std::span<const ir::ValueId> inputs) {
    for (std::size_t i = 0; i < operands.size(); ++i)
        if (operands[i].kind == Kind::single && (i >= inputs.size() || inputs[i] == ir::kNone)) return true;
    return false;
}

std::string describe(std::size_t i, const Operand& operand) {
    return "input " + std::to_string(i) + " (" + std::string(operand.name) + ")";
}

}  // namespace

void check_operand_types(const GraphBuilder& builder, const std::string& op, std::int64_t version,
                         std::span<const ir::ValueId> inputs) {
    const std::span<const Operand> operands = find_operands(op, version);
    if (operands.empty() || incomplete(operands, inputs)) return;
    std::map<std::string_view, std::pair<DType, std::string>> bound;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        if (i >= operands.size() && operands.back().kind <= Kind::optional) return;
        const Operand& operand = operands[std::min(i, operands.size() - 1)];
        const DType type = inputs[i] == ir::kNone ? DType::undefined : builder.info(inputs[i]).dtype;
        if (type == DType::undefined || operand.types == 0) continue;
        const auto refuse = [&](const std::string& expected, const std::string& remedy) {
            throw Error(kBroken, "expected " + expected + ", found " + std::string(to_string(type)) + " › " + remedy)
                .in(describe(i, operand) + " of " + op);
        };
        if (!(operand.types >> ops::onnx_number(type) & 1))
            refuse(list_types(operand.types) + ", which operator set " + std::to_string(version) + " allows",
                   "insert a Cast, or export with a newer operator set where that allows the type");
        if (operand.kind == Kind::mixed) continue;
        const auto [first, added] = bound.try_emplace(operand.variable, type, describe(i, operand));
        if (!added && first->second.first != type)
            refuse(std::string(to_string(first->second.first)) + ", the type of " + first->second.second,
                   "insert a Cast");
    }
}

}  // namespace fovea::onnx
