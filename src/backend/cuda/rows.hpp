#pragma once

#include "backend/cuda/arguments.hpp"
#include "backend/cuda/source.hpp"
#include "backend/epilogue.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/row_arguments.hpp"

/// Whether kernels that only compare, add or place elements take this type: f32, f16, bf16, integers of 8 to 64 bits.
bool has_element(DType type);
/// Its name in the kernels.
std::string_view element_name(DType type);
/// Name of the type to calculate in: f32, or integers of 64 bits with or without a sign.
std::string_view wide_name(DType type);

/// Activations, and sums and products with a number: steps that need not know where an element lies.
bool accepts_anywhere(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain);

/// One axis of a tensor as it lies in memory: `outer` times `length` times `inner` elements, the axis in the middle.
struct Line {
    std::int64_t outer = 1, length = 1, inner = 1;
};
Line line_of(const TensorDesc& desc, std::int64_t axis);

/// Most elements of a row that `row_geometry` divides.
inline constexpr std::int64_t kMostRowElements = 16384;

/// How threads share the rows of a tensor that fit into their registers; see kernels/row.cuh.
struct RowGeometry {
    int width = 1;        ///< elements of one load
    int row_threads = 1;  ///< that share a row: a power of two up to 32, or all of a block
    int vectors = 1;      ///< loads of one thread in a row
    int repeat = 1;       ///< rows of one thread
    int threads = 128;    ///< of one block

    [[nodiscard]] unsigned blocks(std::int64_t rows) const;
    /// Writes kThreads, kRowThreads, kWidth, kVectors, kRepeat and the helpers for rows.
    void write(KernelSource& code) const;
};

/// Whether a processor has so few rows to work on that many threads should share each.
bool few_rows(std::int64_t rows, int multiprocessors);
/// For rows of `length` elements, at most `kMostRowElements`, loaded `width` at once, which divides `length`.
RowGeometry row_geometry(bool few, std::int64_t length, int width);

/// How threads share lines whose neighbours in memory belong to other lines; see kernels/softmax_columns.cuh.
struct ColumnGeometry {
    int width = 1;    ///< neighbouring lines of one load
    int columns = 1;  ///< threads beside each other
    int parts = 1;    ///< threads that share a line; a power of two
    int loads = 0;    ///< of one thread, where they fit into its registers

    [[nodiscard]] unsigned blocks(std::int64_t columns) const;
    /// Writes kWidth, kColumns, kParts, kLoads.
    void write(KernelSource& code) const;
};
ColumnGeometry column_geometry(const Line& line, int width, int multiprocessors);

}  // namespace fovea::backend::cuda
