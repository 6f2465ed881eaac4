#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/types.hpp"
#include "base/float_types.hpp"
#include "hwy/targets.h"

namespace fovea::backend::cpu::simd {

/// Memory aligned to 64 bytes and filled with NaN, of f32, bf16 or f16 elements.
class Buffer {
  public:
    Buffer(DType type, std::int64_t count)
        : type_(type), count_(count), bytes_(static_cast<std::size_t>(count) * width() + 128) {
        for (std::int64_t i = 0; i < count; i++) set(i, std::nanf(""));
    }
    [[nodiscard]] std::size_t width() const { return element_bytes(type_); }
    [[nodiscard]] void* data() {
        const auto at = reinterpret_cast<std::uintptr_t>(bytes_.data());
        return reinterpret_cast<void*>((at + 63) / 64 * 64);
    }
    [[nodiscard]] const void* data() const { return const_cast<Buffer*>(this)->data(); }
    [[nodiscard]] float* floats() { return static_cast<float*>(data()); }
    [[nodiscard]] std::int64_t size() const { return count_; }
    [[nodiscard]] DType type() const { return type_; }
    [[nodiscard]] float get(std::int64_t i) const {
        if (type_ != DType::f32) return base::decode_float(static_cast<const std::uint16_t*>(data())[i], type_);
        return static_cast<const float*>(data())[i];
    }
    void set(std::int64_t i, float value) {
        if (type_ != DType::f32)
            static_cast<std::uint16_t*>(data())[i] = base::encode_float(value, type_);
        else
            static_cast<float*>(data())[i] = value;
    }
    [[nodiscard]] std::vector<double> numbers() const {
        std::vector<double> all;
        for (std::int64_t i = 0; i < count_; i++) all.push_back(get(i));
        return all;
    }
    /// Fills with uniform numbers in [-1, 1].
    Buffer& randomise(unsigned seed) {
        std::minstd_rand engine(seed + 1);
        std::uniform_real_distribution<float> number(-1, 1);
        for (std::int64_t i = 0; i < count_; i++) set(i, number(engine));
        return *this;
    }

  private:
    DType type_;
    std::int64_t count_;
    std::vector<std::byte> bytes_;
};

/// The instruction sets of this machine that kernels are compiled for, best first.
inline std::vector<std::int64_t> targets() {
    std::vector<std::int64_t> list;
    for (const std::int64_t target : {HWY_AVX3, HWY_AVX2, HWY_NEON, HWY_STATIC_TARGET})
        if (((hwy::SupportedTargets() | HWY_STATIC_TARGET) & target) && (list.empty() || list.back() != target))
            list.push_back(target);
    return list;
}

/// Runs kernels on one instruction set for its lifetime.
class UseTarget {
  public:
    explicit UseTarget(std::int64_t target) { choose(target); }
    ~UseTarget() { choose(0); }
    UseTarget(const UseTarget&) = delete;
    UseTarget& operator=(const UseTarget&) = delete;

  private:
    static void choose(std::int64_t target) {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    }
};

/// Largest difference of what was computed to what was expected, over the largest expected: the project's error
/// measure.
struct ErrorMeasure {
    double difference = 0, largest = 0;
    void add(double computed, double expected) {
        const double d = std::abs(computed - expected);
        difference = d <= difference ? difference : d;  // lets NaN win
        largest = std::max(largest, std::abs(expected));
    }
    [[nodiscard]] double value() const { return largest > 0 ? difference / largest : difference; }
};

/// What kernels that do not multiply in a type of their own read and write.
constexpr DType kStoredTypes[] = {DType::f32, DType::bf16, DType::f16};

/// Error allowed for a result stored as `type`: half a step, and a little for the kernel.
inline double tolerance(DType type, double f32) {
    return type == DType::bf16 ? 4.1e-3 : type == DType::f16 ? 5.2e-4 : f32;
}

/// Reference of `Activation` in double.
inline double reference_activation(Activation activation, double alpha, double beta, double x) {
    const double sigmoid = 1 / (1 + std::exp(-x));
    switch (activation) {
        case Activation::none: return x;
        case Activation::relu: return std::max(x, 0.0);
        case Activation::clip: return std::min(std::max(x, alpha), beta);
        case Activation::leaky_relu: return x < 0 ? alpha * x : x;
        case Activation::elu: return x < 0 ? alpha * std::expm1(x) : x;
        case Activation::sigmoid: return sigmoid;
        case Activation::silu: return x * sigmoid;
        case Activation::gelu: return x / 2 * (1 + std::erf(x / std::sqrt(2.0)));
        case Activation::gelu_tanh: return x / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
        case Activation::hard_sigmoid: return std::min(std::max(alpha * x + beta, 0.0), 1.0);
        case Activation::hard_swish: return x * std::min(std::max(x / 6 + 0.5, 0.0), 1.0);
        case Activation::tanh: return std::tanh(x);
        case Activation::softplus: return std::log1p(std::exp(x));
        case Activation::mish: return x * std::tanh(std::log1p(std::exp(x)));
    }
    return NAN;
}

}  // namespace fovea::backend::cpu::simd
