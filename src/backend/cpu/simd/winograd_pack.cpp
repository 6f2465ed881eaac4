#include <algorithm>
#include <cmath>
#include <vector>

#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/winograd_plan.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu::simd {
namespace {

/// The filter transform of one axis, G: row i evaluates a 3-tap filter at point i, divided by the product of the
/// distances to the other finite points; the last row is the point at infinity. The rows of +-sqrt 2 are doubled, which
/// the output transform undoes: so all rows are about as large.
struct FilterTransform {
    double g[6][3];
    FilterTransform() {
        const double root = std::sqrt(2.0), points[5] = {0, 1 / root, -1 / root, root, -root};
        for (int i = 0; i < 5; i++) {
            double scale = 1;
            for (int j = 0; j < 5; j++)
                if (j != i) scale *= points[i] - points[j];
            for (int k = 0; k < 3; k++) g[i][k] = std::pow(points[i], k) / scale * (i > 2 ? 2 : 1);
        }
        std::copy_n((const double[]){0, 0, 1}, 3, g[5]);
    }
    /// U = G f G^T.
    void apply(const float* filter, double* u) const {
        double half[6][3];
        for (int i = 0; i < 6; i++)
            for (int x = 0; x < 3; x++)
                half[i][x] = g[i][0] * filter[x] + g[i][1] * filter[3 + x] + g[i][2] * filter[6 + x];
        for (int i = 0; i < 6; i++)
            for (int j = 0; j < 6; j++)
                u[i * 6 + j] = half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2];
    }
};

/// One transformed filter: [channel of both sources][point].
using Filter = std::vector<double>;

/// The factor that takes a filter to integers: no weight leaves i16, no chunk's sum exceeds `kWordSum`.
double word_scale(const WinogradConv& conv, const Filter& filter) {
    double largest = 1e-30, largest_sum = 1e-30;
    const double* channel = filter.data();
    for (const PatchSource& source : conv.sources)
        for (int c = 0; c < source.channels;) {
            double sums[kWinogradPoints] = {};
            for (const int end = std::min(c + kWordChunk, source.channels); c < end; c++, channel += kWinogradPoints)
                for (int point = 0; point < kWinogradPoints; point++) {
                    const double magnitude = std::abs(channel[point]);
                    largest = std::max(largest, magnitude);
                    sums[point] += magnitude;
                }
            largest_sum = std::max(largest_sum, *std::max_element(sums, sums + kWinogradPoints));
        }
    return std::min(32767 / largest, kWordSum / largest_sum);
}

/// Packs panels of filters, each by itself.
struct Packing {
    const WinogradConv& conv;
    const float* filters;
    WinogradPlan plan;
    FilterTransform transform;
    int channels;

    Packing(const WinogradConv& conv, const float* filters)
        : conv(conv),
          filters(filters),
          plan(weight_plan(conv)),
          channels(conv.sources[0].channels + conv.sources[1].channels) {}

    void transformed(std::int64_t k, int c, double* u) const { transform.apply(filters + (k * channels + c) * 9, u); }

    [[nodiscard]] double scale(std::int64_t k) const {
        if (conv.multiply != DType::i16) return 1;
        Filter filter(static_cast<std::size_t>(channels) * kWinogradPoints);
        for (int c = 0; c < channels; c++) transformed(k, c, &filter[c * kWinogradPoints]);
        return word_scale(conv, filter);
    }

    /// All filters channel by channel, so that each line of memory is written at once.
    void pack(std::int64_t panel, float* packed) const {
        const std::int64_t width = plan.panel_vectors(panel, conv.out_channels) * plan.lanes;
        const std::int64_t first = panel * plan.panel_width;
        const std::int64_t count = std::min(width, conv.out_channels - first);
        std::fill_n(packed + plan.weight_offset(panel, 0, width), kWinogradPoints * plan.depth() * width, 0.0f);
        std::fill_n(packed + plan.scale_offset() + first, width, 0.0f);
        std::vector<double> scales;
        for (std::int64_t lane = 0; lane < count; lane++) {
            scales.push_back(scale(first + lane));
            packed[plan.scale_offset() + first + lane] = static_cast<float>(1 / scales.back());
        }
        const int channels_a = conv.sources[0].channels;
        const std::int64_t second = plan.source_blocks[0] * plan.lanes * plan.unit_channels - channels_a;
        for (int c = 0; c < channels; c++) {
            const std::int64_t channel = c < channels_a ? c : c + second;
            float* units = packed + plan.weight_offset(panel, 0, width) + channel / plan.unit_channels * width;
            for (std::int64_t lane = 0; lane < count; lane++) {
                double weights[kWinogradPoints];
                transformed(first + lane, c, weights);
                for (int point = 0; point < kWinogradPoints; point++) {
                    float* unit = units + point * plan.depth() * width + lane;
                    if (conv.multiply == DType::i16)
                        reinterpret_cast<std::int16_t*>(unit)[channel % 2] = static_cast<std::int16_t>(
                            std::lround(weights[point] * scales[static_cast<std::size_t>(lane)]));
                    else
                        *unit = static_cast<float>(weights[point]);
                }
            }
        }
    }
};

}  // namespace

WinogradPlan weight_plan(const WinogradConv& conv) {
    WinogradPlan plan{};
    const bool words = conv.multiply == DType::i16;
    plan.lanes = target_lanes();
    plan.unit_channels = words ? 2 : 1;
    for (int s = 0; s < 2; s++) {
        const std::int64_t channels = conv.sources[s].channels;
        plan.source_blocks[s] = base::ceil_div(channels, plan.lanes * plan.unit_channels);
        plan.source_chunks[s] = words ? base::ceil_div(channels, std::int64_t{kWordChunk}) : 0;
    }
    plan.blocks = plan.source_blocks[0] + plan.source_blocks[1];
    plan.panel_width = 2 * plan.lanes;
    plan.panels = base::ceil_div(conv.out_channels, plan.panel_width);
    plan.out_vectors = base::ceil_div(conv.out_channels, plan.lanes);
    return plan;
}

std::size_t winograd_packed_size(const WinogradConv& conv) {
    const WinogradPlan plan = weight_plan(conv);
    return static_cast<std::size_t>(plan.scale_offset() + plan.out_vectors * plan.lanes);
}

void winograd_pack(const WinogradConv& conv, const float* filters, float* packed) {
    const Packing packing(conv, filters);
    base::parallel_for(packing.plan.panels, 1, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t panel = begin; panel < end; panel++) packing.pack(panel, packed);
    });
}

}  // namespace fovea::backend::cpu::simd
