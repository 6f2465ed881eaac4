#pragma once

#include <cstddef>
#include <cstdint>

#include "fovea/dtype.hpp"

/// Own kernels for channels-last data on raw pointers. Common rules:
/// - Element types are f32, bf16 and f16 (`DType`), arithmetic is f32 where a kernel does not say otherwise.
/// - Pitches count elements. A pixel's channels are contiguous; `pixel` may exceed the channel count, so that a tensor
/// can be a
///   channel slice of a wider one.
/// - An output overlaps no input: kernels may compute an element twice.
/// - Run functions do not allocate and do not throw; the caller passes a workspace of the size the matching
/// `..._workspace`
///   function names, aligned to 64 bytes, and the number of threads to use.
/// - The vector width is chosen at run time (AVX-512, AVX2 or the baseline); packed weights depend on it and are
/// therefore made
///   in the process that uses them.
namespace fovea::backend::cpu::simd {

/// Distances in elements between images, rows and pixels of a channels-last tensor.
struct Pitch {
    std::int64_t image = 0, row = 0, pixel = 0;
};

/// Pitches of a dense tensor of `height` x `width` pixels with `channels` channels.
constexpr Pitch dense_pitch(std::int64_t height, std::int64_t width, std::int64_t channels) {
    return {height * width * channels, width * channels, channels};
}

enum class Activation : std::uint8_t {
    none,
    relu,
    clip,          ///< min(max(x, alpha), beta)
    leaky_relu,    ///< x < 0 ? alpha x : x
    elu,           ///< x < 0 ? alpha (exp(x) - 1) : x
    sigmoid,       ///< 1 / (1 + exp(-x))
    silu,          ///< x sigmoid(x)
    gelu,          ///< x (1 + erf(x / sqrt 2)) / 2
    gelu_tanh,     ///< the tanh approximation of gelu
    hard_sigmoid,  ///< min(max(alpha x + beta, 0), 1)
    hard_swish,    ///< x min(max(x / 6 + 1/2, 0), 1)
    tanh,
    softplus,  ///< log(1 + exp(x))
    mish,      ///< x tanh(softplus(x))
};

/// What happens to a convolution's or product's result `y` before it is stored: activation(y + bias + residual).
struct Epilogue {
    const float* bias = nullptr;     ///< one per output channel, or none
    const void* residual = nullptr;  ///< tensor of the output's shape and type, or none
    Pitch residual_pitch;
    Activation activation = Activation::none;
    float alpha = 0, beta = 0;
};

}  // namespace fovea::backend::cpu::simd
