#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/parallel.hpp"
#include "vision/resize_rules.hpp"

namespace fovea::vision {
namespace {

/// Weights have 22 fractional bits: 32 less the 8 bits of a pixel and 2 for overshoot.
constexpr int kFractionBits = 22;
constexpr std::int64_t kGrain = 16;

double sinc(double x) {
    if (x == 0.0) return 1.0;
    const double angle = x * std::numbers::pi;
    return std::sin(angle) / angle;
}

/// Cubic convolution with a = -0.5 (Keys, 1981).
double cubic(double x) {
    constexpr double a = -0.5;
    x = std::abs(x);
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0;
    if (x < 2.0) return (((x - 5.0) * x + 8.0) * x - 4.0) * a;
    return 0.0;
}

double radius(PillowFilter filter) {
    switch (filter) {
        case PillowFilter::box: return 0.5;
        case PillowFilter::bilinear: return 1.0;
        case PillowFilter::bicubic: return 2.0;
        case PillowFilter::lanczos: return 3.0;
    }
    return 0.0;
}

double weight(PillowFilter filter, double x) {
    switch (filter) {
        case PillowFilter::box: return x > -0.5 && x <= 0.5 ? 1.0 : 0.0;
        case PillowFilter::bilinear: return std::max(0.0, 1.0 - std::abs(x));
        case PillowFilter::bicubic: return cubic(x);
        case PillowFilter::lanczos: return x >= -3.0 && x < 3.0 ? sinc(x) * sinc(x / 3.0) : 0.0;
    }
    return 0.0;
}

/// The source samples [first, first + weights.size()) that make one output sample.
struct Taps {
    std::int64_t first;
    std::vector<std::int32_t> weights;
};

std::vector<Taps> make_taps(std::int64_t in_size, std::int64_t out_size, PillowFilter filter) {
    const double scale = static_cast<double>(in_size) / static_cast<double>(out_size);
    const double stretch = std::max(scale, 1.0), reach = radius(filter) * stretch, shrink = 1.0 / stretch;
    std::vector<Taps> all(static_cast<std::size_t>(out_size));
    std::vector<double> exact;
    for (std::int64_t i = 0; i < out_size; ++i) {
        const double center = (static_cast<double>(i) + 0.5) * scale;
        const auto first = std::max<std::int64_t>(0, static_cast<std::int64_t>(center - reach + 0.5));
        const auto last = std::min(in_size, static_cast<std::int64_t>(center + reach + 0.5));
        exact.clear();
        double sum = 0.0;
        for (std::int64_t x = first; x < last; ++x) {
            exact.push_back(weight(filter, (static_cast<double>(x) - center + 0.5) * shrink));
            sum += exact.back();
        }
        Taps& taps = all[static_cast<std::size_t>(i)];
        taps.first = first;
        for (const double w : exact) {
            const double scaled = (sum != 0.0 ? w / sum : w) * (1 << kFractionBits);
            taps.weights.push_back(static_cast<std::int32_t>(scaled + (scaled < 0 ? -0.5 : 0.5)));
        }
    }
    return all;
}

/// Weighted sum of samples `stride` bytes apart.
std::uint8_t apply(const Taps& taps, const std::uint8_t* source, std::int64_t stride) {
    std::int32_t sum = 1 << (kFractionBits - 1);
    for (const std::int32_t w : taps.weights) {
        sum += w * *source;
        source += stride;
    }
    return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
}

Image resize_rows(const Image& image, std::int64_t width, PillowFilter filter) {
    const std::vector<Taps> taps = make_taps(image.width, width, filter);
    Image result(width, image.height, image.channels);
    base::parallel_for(image.height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t y = begin; y < end; ++y) {
            std::uint8_t* out = result.row(y);
            for (const Taps& tap : taps) {
                const std::uint8_t* in = image.row(y) + tap.first * image.channels;
                for (std::int64_t c = 0; c < image.channels; ++c) *out++ = apply(tap, in + c, image.channels);
            }
        }
    });
    return result;
}

Image resize_columns(const Image& image, std::int64_t height, PillowFilter filter) {
    const std::vector<Taps> taps = make_taps(image.height, height, filter);
    const std::int64_t row_bytes = image.width * image.channels;
    Image result(image.width, height, image.channels);
    base::parallel_for(height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::vector<std::int32_t> sums(static_cast<std::size_t>(row_bytes));
        for (std::int64_t y = begin; y < end; ++y) {
            const Taps& tap = taps[static_cast<std::size_t>(y)];
            std::fill(sums.begin(), sums.end(), 1 << (kFractionBits - 1));
            for (std::size_t k = 0; k < tap.weights.size(); ++k) {
                const std::uint8_t* in = image.row(tap.first + static_cast<std::int64_t>(k));
                for (std::size_t x = 0; x < sums.size(); ++x) sums[x] += tap.weights[k] * in[x];
            }
            std::transform(sums.begin(), sums.end(), result.row(y), [](std::int32_t sum) {
                return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255));
            });
        }
    });
    return result;
}

/// Positions are accumulated, rounding errors included, as Pillow steps through a row.
std::vector<std::int64_t> nearest(std::int64_t in_size, std::int64_t out_size) {
    const double step = static_cast<double>(in_size) / static_cast<double>(out_size);
    double position = step * 0.5;
    std::vector<std::int64_t> sources(static_cast<std::size_t>(out_size));
    for (std::int64_t& source : sources) {
        source = std::min(in_size - 1, static_cast<std::int64_t>(position));
        position += step;
    }
    return sources;
}

}  // namespace

Image resize_pillow(const Image& image, std::int64_t width, std::int64_t height, PillowFilter filter) {
    if (width == image.width) return resize_columns(image, height, filter);
    Image narrowed = resize_rows(image, width, filter);
    return height == image.height ? narrowed : resize_columns(narrowed, height, filter);
}

Image resize_pillow_nearest(const Image& image, std::int64_t width, std::int64_t height) {
    return gather(image, nearest(image.width, width), nearest(image.height, height));
}

}  // namespace fovea::vision
