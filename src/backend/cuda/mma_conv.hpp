#pragma once

#include <functional>

#include "backend/cuda/families.hpp"

namespace fovea::backend::cuda {

/// Tile of one block of kernels/conv.cuh.
struct MmaTile {
    int rows, columns;        ///< output pixels and channels
    int depth_bytes, stages;  ///< of one stage; stages in flight
    int warp_rows, warp_columns;
    int split = 1;  ///< blocks that share the depth of a tile

    /// "128x64:128b3:2x2:s4", which stands in the tactic's name.
    [[nodiscard]] std::string name() const;
    [[nodiscard]] int threads() const { return 32 * warp_rows * warp_columns; }
    [[nodiscard]] std::size_t shared_bytes() const;
};

/// Along one axis, the neighbouring pixels of the result that one row of a product holds (kernels/phases.cuh): many
/// only of a transposed convolution. `crop`: those that lie before its first and behind its last pixel.
struct Phases {
    std::int64_t count = 1, crop_begin = 0, crop_end = 0;
};

/// What kernels/conv.cuh computes: a convolution of one group, or a product of matrices as its 1x1 case.
struct MmaProblem {
    struct Source {
        std::size_t input;  ///< of the region
        std::int64_t channels, upsample, pitch, offset;
    };
    DType type = DType::undefined, result = DType::undefined;
    std::vector<Source> sources;  ///< one or two
    std::int64_t outputs = 0, output_pitch = 0, output_offset = 0;
    std::int64_t taps_y = 1, taps_x = 1, stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    std::int64_t pad = 0, pad_y = 0, pad_x = 0;     ///< pad: as kPad in the template
    std::int64_t batch = 1, height = 1, width = 1;  ///< of the input, enlarged
    std::int64_t output_height = 1, output_width = 1;
    Phases phases_y, phases_x;  ///< of a row of the product, whose columns are `outputs`: [phase y][phase x][channel]
    std::int64_t phase = -1;    ///< or of this phase only, not negative: [channel]
    const Tensor* weights = nullptr;
    std::int64_t output_stride = 0, channel_stride = 0;  ///< elements of `weights`; taps lie together

    [[nodiscard]] std::int64_t channels() const;
    [[nodiscard]] std::int64_t rows() const { return batch * output_height * output_width; }
    [[nodiscard]] std::int64_t phases() const { return phases_y.count * phases_x.count; }
    [[nodiscard]] std::int64_t result_channels() const { return phase < 0 ? outputs / phases() : outputs; }
    /// Bytes of one asynchronous copy: 16, 8 or 4; 0 where the channels do not allow any.
    [[nodiscard]] int piece() const;
};

/// Whether tensor cores round the factors of such a product to TF32: where the user allows it, but for products of few
/// rows or outputs, more of these where there is one tap. Those take hardly longer in f32, whose other passes hide
/// behind the factors' transfer, and classifiers and heads are among them, whose errors nothing behind them averages.
bool rounds_to_tf32(const Target& target, DType type, std::int64_t rows, std::int64_t outputs, std::int64_t taps);
bool rounds_to_tf32(const Target& target, const MmaProblem& problem);
/// Weights as kernels multiply them that round to TF32 or not; of a convolution, whose first axis is the outputs.
Tensor factors(const MmaProblem& problem, bool tf32);
Tensor factors(const Tensor& weights, bool tf32);

/// The phase and its weights as part of a constant's name; empty where a product has no phases.
std::string phase_text(const MmaProblem& problem);
/// Where a product's rows and columns lie in its result, as text in front of a template.
std::string phases_text(const MmaProblem& problem);

/// The tiles worth trying for a problem, at most `most`, most promising first.
std::vector<MmaTile> mma_tiles(const Target& target, const MmaProblem& problem, std::size_t most);
/// The tile of this name; throws `unsupported` when there is none.
MmaTile mma_tile(std::string_view name);

std::unique_ptr<Kernel> make_mma_kernel(const Target& target, const RegionContext& context, const Tactic& tactic,
                                        const MmaProblem& problem, const Epilogue& epilogue,
                                        const std::vector<float>& bias, const MmaTile& tile);

}  // namespace fovea::backend::cuda
