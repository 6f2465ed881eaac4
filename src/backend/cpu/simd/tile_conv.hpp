#pragma once

#include <cstddef>

#include "backend/cpu/simd/patch_source.hpp"
#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// A convolution of bf16 tensors (one group) as a product of matrices on tile registers, of one source or the
/// channel-wise concatenation of two. Runs on machines without tiles through their emulation, for tests.
struct TileConv {
    int batch = 1, height = 0, width = 0, out_channels = 0;  ///< of the output
    int kernel_height = 1, kernel_width = 1, stride_y = 1, stride_x = 1, dilation_y = 1, dilation_x = 1;
    /// bf16; index tables of `tile_conv_table_size` entries, or none: the source as it stands (1x1, stride 1).
    PatchSource sources[2];
    const void* weights = nullptr;  ///< made by `tile_conv_pack`
    DType type = DType::bf16;       ///< of residual and output: f32 or bf16
    void* output = nullptr;
    Pitch output_pitch;
    Epilogue epilogue;
};

/// How the work is cut; zeros let the kernel choose. For benchmarks.
struct TileBlocking {
    int rows = 0;                  ///< tiles of pixels multiplied together: 4 by 1 of channels, or 2 by 2
    int panels = 0;                ///< of 16 output channels whose weights are kept for one strip of pixels
    std::int64_t strip_bytes = 0;  ///< of a strip's input
    int channel_parts = 0;         ///< parts among the threads by output channels, the rest by pixels
    int copies = 0;                ///< 1: reads the input as it stands where it can; 2: always copies
};

/// Entries of the index table of an axis of `size` output pixels.
int tile_conv_table_size(int size, int kernel, int stride, int dilation);

/// Bytes of the packed weights.
std::size_t tile_conv_packed_size(const TileConv& conv);
/// Packs dense filters [out_channels][in_channels][kernel_height][kernel_width]; `packed` is aligned to 64 bytes.
void tile_conv_pack(const TileConv& conv, const float* filters, void* packed);

/// Bytes of scratch memory for this shape (pointers to data are not read).
std::size_t tile_conv_workspace(const TileConv& conv, int threads, TileBlocking blocking = {});
void tile_conv(const TileConv& conv, void* workspace, int threads, TileBlocking blocking = {}) noexcept;

}  // namespace fovea::backend::cpu::simd
