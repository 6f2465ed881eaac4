#include <algorithm>
#include <cmath>
#include <cstring>

#include "backend/cpu/simd/target.hpp"
#include "backend/cpu/simd/winograd_plan.hpp"

namespace fovea::backend::cpu::simd {
namespace {

/// The filter transform of one axis, G: row i evaluates a 3-tap filter at point i, divided by the product of the
/// distances to the other finite points; the last row is the point at infinity.
struct FilterTransform {
    double g[6][3];
    FilterTransform() {
        const double root = std::sqrt(2.0), points[5] = {0, 1 / root, -1 / root, root, -root};
        for (int i = 0; i < 5; i++) {
            double scale = 1;
            for (int j = 0; j < 5; j++)
                if (j != i) scale *= points[i] - points[j];
            for (int k = 0; k < 3; k++) g[i][k] = std::pow(points[i], k) / scale;
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

WinogradPlan weight_plan(int channels_a, int channels_b) {
    WinogradPlan plan{};
    plan.lanes = target_lanes();
    plan.blocks = base::ceil_div(channels_a, plan.lanes) + base::ceil_div(channels_b, plan.lanes);
    plan.panel_width = 2 * plan.lanes;
    return plan;
}

}  // namespace

std::size_t winograd_packed_size(int out_channels, int channels_a, int channels_b) {
    const WinogradPlan plan = weight_plan(channels_a, channels_b);
    return static_cast<std::size_t>(kWinogradPoints * plan.depth() * base::round_up(out_channels, plan.lanes));
}

void winograd_pack(const float* filters, int out_channels, int channels_a, int channels_b, float* packed) {
    const WinogradPlan plan = weight_plan(channels_a, channels_b);
    const FilterTransform transform;
    const int channels = channels_a + channels_b;
    std::fill_n(packed, winograd_packed_size(out_channels, channels_a, channels_b), 0.0f);
    for (int k = 0; k < out_channels; k++) {
        const std::int64_t panel = k / plan.panel_width, lane = k % plan.panel_width;
        const std::int64_t width = plan.panel_vectors(panel, out_channels) * plan.lanes;
        for (int c = 0; c < channels; c++) {
            const std::int64_t row = c < channels_a ? c : base::round_up(channels_a, plan.lanes) + c - channels_a;
            double u[kWinogradPoints];
            transform.apply(filters + (static_cast<std::int64_t>(k) * channels + c) * 9, u);
            for (int point = 0; point < kWinogradPoints; point++)
                packed[plan.weight_offset(panel, point, width) + row * width + lane] = static_cast<float>(u[point]);
        }
    }
}

}  // namespace fovea::backend::cpu::simd
