#include "backend/cuda/rows.hpp"
#include "base/checked.hpp"

#include <algorithm>

#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

int power_of_two(std::int64_t least) {
    int power = 1;
    while (power < least) power *= 2;
    return power;
}

struct ElementName {
    DType type;
    std::string_view name;
};
constexpr ElementName kElementNames[] = {
    {DType::f32, "float"},        {DType::f16, "f16"},       {DType::bf16, "bf16"}, {DType::i8, "signed char"},
    {DType::u8, "unsigned char"}, {DType::i16, "short"},     {DType::u16, "u16"},   {DType::i32, "int"},
    {DType::u32, "u32"},          {DType::i64, "long long"}, {DType::u64, "u64"},   {DType::boolean, "bool"},
};

}  // namespace

bool has_element(DType type) {
    return type != DType::boolean && std::any_of(std::begin(kElementNames), std::end(kElementNames),
                                                 [&](const ElementName& row) { return row.type == type; });
}

std::string_view element_name(DType type) {
    for (const ElementName& row : kElementNames)
        if (row.type == type) return row.name;
    throw Error(ErrorCode::internal, "the kernels have no type " + std::string(fovea::to_string(type)));
}

bool accepts_anywhere(const MatchContext& context, const EpilogueStep& step, ir::ValueId) {
    if (step.kind == EpilogueStep::Kind::affine) return false;
    if (step.operand == ir::kNone) return true;
    const Tensor* constant = context.graph.constant(step.operand);
    return constant && constant->size() == 1;
}

std::string_view wide_name(DType type) {
    switch (type) {
        case DType::f32:
        case DType::f16:
        case DType::bf16: return "float";
        case DType::i8:
        case DType::i16:
        case DType::i32:
        case DType::i64: return "long long";
        default: return "u64";
    }
}

Line line_of(const TensorDesc& desc, std::int64_t axis) {
    const auto rank = static_cast<std::int64_t>(desc.shape.size());
    axis = base::normalize_axis(axis, rank);
    const auto position = [&](std::int64_t a) {
        return desc.layout == Layout::plain || a == 0 ? a : a == 1 ? rank - 1 : a - 1;
    };
    Line line;
    for (std::int64_t a = 0; a < rank; ++a) {
        const std::int64_t extent = desc.shape[static_cast<std::size_t>(a)];
        (a == axis ? line.length : position(a) < position(axis) ? line.outer : line.inner) *= extent;
    }
    return line;
}

unsigned RowGeometry::blocks(std::int64_t rows) const {
    return static_cast<unsigned>(base::ceil_div(rows, std::int64_t{threads / row_threads} * repeat));
}

void RowGeometry::write(KernelSource& code) const {
    code.constant("kThreads", threads).constant("kRowThreads", row_threads);
    code.constant("kWidth", width).constant("kVectors", vectors).constant("kRepeat", repeat);
    code.text(kernel_text("row_arguments.hpp")).text(kernel_text("row.cuh"));
}

bool few_rows(std::int64_t rows, int multiprocessors) { return rows * 32 < std::int64_t{multiprocessors} * 1024; }

RowGeometry row_geometry(bool few, std::int64_t length, int width) {
    RowGeometry result;
    result.width = width;
    const std::int64_t loads = length / width;
    if (loads > 256) {
        result.threads = result.row_threads = std::clamp(power_of_two(base::ceil_div(loads, 4)), 128, 1024);
        result.vectors = static_cast<int>(base::ceil_div(loads, result.threads));
        return result;
    }
    // Few rows want many threads each; many rows few, which then have more loads on the way and less to exchange.
    const int most = std::min(power_of_two(loads), 32), least = std::min(most, 4);
    std::int64_t waste = 0;
    for (int threads = most; threads >= least; threads /= 2) {
        const std::int64_t vectors = base::ceil_div(loads, threads), idle = threads * vectors - loads;
        if (threads < most && (vectors * width > 32 || (few ? idle >= waste : idle > waste))) continue;
        result.row_threads = threads;
        result.vectors = static_cast<int>(vectors);
        waste = idle;
    }
    if (2 * result.vectors * width <= 64) result.repeat = 2;
    return result;
}

unsigned ColumnGeometry::blocks(std::int64_t count) const {
    return static_cast<unsigned>(base::ceil_div(count, columns));
}

void ColumnGeometry::write(KernelSource& code) const {
    code.constant("kWidth", width).constant("kColumns", columns).constant("kParts", parts).constant("kLoads", loads);
    code.text(kernel_text("row_arguments.hpp"));
}

ColumnGeometry column_geometry(const Line& line, int width, int multiprocessors) {
    constexpr int kThreads = 256, kMostKept = 32;
    ColumnGeometry result;
    result.width = width;
    const std::int64_t columns = line.outer * line.inner / width;
    const auto loads = [&] { return base::ceil_div(line.length, result.parts); };
    // Neighbouring threads read neighbouring columns, where there are some.
    const int most = line.inner / width >= 8 ? 32 : kThreads;
    while (result.parts < most && result.parts < line.length &&
           (loads() * width > kMostKept || columns * result.parts < std::int64_t{multiprocessors} * 1024))
        result.parts *= 2;
    result.columns = kThreads / result.parts;
    result.loads = loads() * width <= kMostKept ? static_cast<int>(loads()) : 0;
    return result;
}

}  // namespace fovea::backend::cuda
