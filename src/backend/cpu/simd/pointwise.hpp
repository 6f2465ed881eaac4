#pragma once

#include <cstddef>

#include "backend/cpu/simd/types.hpp"

namespace fovea::backend::cpu::simd {

/// What one step of a program computes from registers `a` and `b`.
enum class PointwiseOp : std::uint8_t {
    add,
    subtract,
    multiply,
    divide,
    maximum,
    minimum,
    // From here on `b` is not read.
    affine,      ///< alpha a + beta
    activation,  ///< `activation` with its alpha and beta
    absolute,
    square,
    square_root,
    reciprocal,
    exponential,
    logarithm,
    error_function,
    sine,
    cosine,
    floor,
    ceiling,
    round,  ///< to the nearest integer, ties to even
    sign,
};

struct PointwiseStep {
    PointwiseOp op = PointwiseOp::add;
    std::uint8_t a = 0, b = 0, to = 0;  ///< registers
    Activation activation = Activation::none;
    float alpha = 0, beta = 0;
};

/// A chain of element-wise steps in one pass over memory. The result has up to `kAxes` axes of `extents`, the last
/// innermost; each operand has a stride in elements per axis, 0 where it is broadcast. Before the steps run, register i
/// holds input i; after them, register `result` is stored. Arithmetic is f32.
struct Pointwise {
    static constexpr int kAxes = 6, kInputs = 8, kRegisters = 12, kSteps = 16;
    struct Operand {
        const void* data = nullptr;
        DType type = DType::f32;  ///< f32, bf16, f16 or u8
        std::int64_t strides[kAxes] = {};
    };
    int axes = 0, input_count = 0, step_count = 0;
    std::int64_t extents[kAxes] = {};
    Operand inputs[kInputs];
    PointwiseStep steps[kSteps];
    std::uint8_t result = 0;
    void* output = nullptr;
    DType output_type = DType::f32;  ///< f32, bf16 or f16
    std::int64_t output_strides[kAxes] = {};
};

/// Merges axes that all operands walk through as one and drops those of extent 1. To be called once, before
/// `pointwise`; it leaves at least one axis. Returns whether `pointwise` can run the result: the innermost stride of
/// every input is 0 or 1, that of the output 1.
bool simplify(Pointwise& program);

void pointwise(const Pointwise& program, int threads) noexcept;

}  // namespace fovea::backend::cpu::simd
