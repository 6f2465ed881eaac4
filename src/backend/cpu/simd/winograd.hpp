#pragma once

#include <cstddef>

#include "backend/cpu/simd/patch_source.hpp"

namespace fovea::backend::cpu::simd {

/// A 3x3 convolution of stride 1 and one group by Winograd's minimal filtering F(4x4, 3x3) (Lavin and Gray, "Fast
/// algorithms for convolutional neural networks", 2016) at the points 0, +-1/sqrt 2, +-sqrt 2, infinity: a quarter of
/// the direct method's multiplications. The error stays near that of the direct method (about 3e-6 of the largest
/// output at 512 channels).
///
/// With products in i16, at twice the rate, transformed input and filters are rounded to integers of 15 bits and less,
/// with a scale for every 64 channels of a tile and for every filter; sums of 64 channels are exact. The error is about
/// that of rounding the input to bf16.
///
/// The input is the channel-wise concatenation of one or two sources. Their index tables hold
/// `winograd_table_size(height)` rows and `winograd_table_size(width)` columns for an output of `height` x `width`.
struct WinogradConv {
    int batch = 1, height = 0, width = 0;  ///< of the output
    int out_channels = 0;
    DType type = DType::f32;         ///< of the sources: f32, bf16 or f16
    DType output_type = DType::f32;  ///< of residual and output: f32, bf16 or f16
    DType multiply = DType::f32;     ///< of the products: f32, or i16 where `target_has_word_products()`
    PatchSource sources[2];          ///< the second has no channels when there is one input
    const float* weights = nullptr;  ///< made by `winograd_pack`
    void* output = nullptr;
    Pitch output_pitch;
    Epilogue epilogue;
    /// What follows the epilogue where there is a scale: one scale and shift per output channel, then perhaps ReLU.
    const float *last_scale = nullptr, *last_shift = nullptr;
    bool last_relu = false;
};

/// How the work is cut. `automatic` chooses; tests and tuning set it.
struct WinogradBlocking {
    enum class Mode : std::uint8_t {
        automatic,
        private_tiles,  ///< each thread takes blocks of tiles through all three steps inside its own cache
        shared_tiles,   ///< all threads take one large block through each step together: weights are read once
    };
    Mode mode = Mode::automatic;
    int tiles = 0;  ///< 4x4 output tiles in a block; 0 chooses
};

/// Entries an index table needs for an output axis of `size`.
constexpr int winograd_table_size(int size) { return (size + 3) / 4 * 4 + 2; }

/// Floats in the packed weights. Reads `out_channels`, the sources' channels and `multiply`, as does `winograd_pack`.
std::size_t winograd_packed_size(const WinogradConv& conv);

/// Transforms and packs dense filters [out_channels][channels of both sources][3][3]. `packed` is aligned to 64 bytes.
void winograd_pack(const WinogradConv& conv, const float* filters, float* packed);

/// Bytes of scratch memory that `winograd_conv` needs for this shape (pointers in `conv` are not read).
std::size_t winograd_workspace(const WinogradConv& conv, int threads, WinogradBlocking blocking = {});

/// Computes the convolution.
void winograd_conv(const WinogradConv& conv, void* workspace, int threads, WinogradBlocking blocking = {}) noexcept;

}  // namespace fovea::backend::cpu::simd
