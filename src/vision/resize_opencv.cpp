#include <algorithm>
#include <array>
#include <cmath>

#include "base/parallel.hpp"
#include "vision/resize_rules.hpp"

namespace fovea::vision {
namespace {

constexpr std::int64_t kGrain = 16;
constexpr int kFractionBits = 11;

struct Axis {
    std::int64_t in_size, out_size;
    [[nodiscard]] double scale() const { return 1.0 / (static_cast<double>(out_size) / static_cast<double>(in_size)); }
};

/// Two neighbouring samples `first`, `first + 1` (clamped to the image by the user) and their fixed-point weights.
struct Pair {
    std::int64_t first;
    std::array<std::int32_t, 2> weights;
};

Pair make_pair(std::int64_t first, float fraction) {
    constexpr float kOne = 1 << kFractionBits;
    return {first,
            {static_cast<std::int32_t>(std::lrintf((1.0f - fraction) * kOne)),
             static_cast<std::int32_t>(std::lrintf(fraction * kOne))}};
}

/// Sample positions with pixel centres aligned.
std::vector<Pair> centred_pairs(const Axis& axis, bool clamp_fraction) {
    std::vector<Pair> pairs;
    for (std::int64_t i = 0; i < axis.out_size; ++i) {
        const auto position = static_cast<float>((static_cast<double>(i) + 0.5) * axis.scale() - 0.5);
        auto first = static_cast<std::int64_t>(std::floor(position));
        float fraction = position - static_cast<float>(first);
        if (clamp_fraction && (first < 0 || first >= axis.in_size - 1)) {
            first = std::clamp<std::int64_t>(first, 0, axis.in_size - 1);
            fraction = 0.0f;
        }
        pairs.push_back(make_pair(first, fraction));
    }
    return pairs;
}

/// Sample positions of INTER_AREA when an axis grows: an output pixel within one input pixel copies it.
std::vector<Pair> area_pairs(const Axis& axis) {
    const double growth = static_cast<double>(axis.out_size) / static_cast<double>(axis.in_size);
    std::vector<Pair> pairs;
    for (std::int64_t i = 0; i < axis.out_size; ++i) {
        const auto first = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * axis.scale()));
        auto fraction = static_cast<float>(static_cast<double>(i + 1) - static_cast<double>(first + 1) * growth);
        fraction = fraction <= 0.0f ? 0.0f : fraction - std::floor(fraction);
        if (first >= axis.in_size - 1)
            pairs.push_back(make_pair(axis.in_size - 1, 0.0f));
        else
            pairs.push_back(make_pair(first, fraction));
    }
    return pairs;
}

void blend_row(const Image& image, std::int64_t y, const std::vector<Pair>& pairs, std::vector<std::int32_t>& out) {
    const std::uint8_t* row = image.row(y);
    std::size_t i = 0;
    for (const Pair& pair : pairs) {
        const std::uint8_t* left = row + pair.first * image.channels;
        const std::uint8_t* right = row + std::min(pair.first + 1, image.width - 1) * image.channels;
        for (std::int64_t c = 0; c < image.channels; ++c)
            out[i++] = left[c] * pair.weights[0] + right[c] * pair.weights[1];
    }
}

/// Rows are blended horizontally at 11 bits, then vertically with the truncations that OpenCV's 8-bit kernel has.
Image blend(const Image& image, const std::vector<Pair>& columns, const std::vector<Pair>& rows) {
    Image result(static_cast<std::int64_t>(columns.size()), static_cast<std::int64_t>(rows.size()), image.channels);
    const auto row_size = static_cast<std::size_t>(result.width * image.channels);
    base::parallel_for(result.height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::array<std::vector<std::int32_t>, 2> blended = {std::vector<std::int32_t>(row_size),
                                                            std::vector<std::int32_t>(row_size)};
        std::array<std::int64_t, 2> held = {-1, -1};
        for (std::int64_t y = begin; y < end; ++y) {
            const Pair& pair = rows[static_cast<std::size_t>(y)];
            for (std::size_t k = 0; k < 2; ++k) {
                const auto wanted =
                    std::clamp<std::int64_t>(pair.first + static_cast<std::int64_t>(k), 0, image.height - 1);
                if (k == 0 && held[1] == wanted) std::swap(blended[0], blended[1]), std::swap(held[0], held[1]);
                if (held[k] != wanted) blend_row(image, wanted, columns, blended[k]);
                held[k] = wanted;
            }
            std::uint8_t* out = result.row(y);
            for (std::size_t x = 0; x < row_size; ++x)
                out[x] = static_cast<std::uint8_t>((((pair.weights[0] * (blended[0][x] >> 4)) >> 16) +
                                                    ((pair.weights[1] * (blended[1][x] >> 4)) >> 16) + 2) >>
                                                   2);
        }
    });
    return result;
}

std::uint8_t round_pixel(float value) { return static_cast<std::uint8_t>(std::clamp(std::lrintf(value), 0L, 255L)); }

/// Mean of whole blocks of `block_x` × `block_y` pixels.
Image block_means(const Image& image, std::int64_t width, std::int64_t height) {
    const std::int64_t block_x = image.width / width, block_y = image.height / height;
    const float share = 1.0f / static_cast<float>(block_x * block_y);
    const bool two_by_two = block_x == 2 && block_y == 2;
    Image result(width, height, image.channels);
    base::parallel_for(height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t y = begin; y < end; ++y) {
            std::uint8_t* out = result.row(y);
            for (std::int64_t x = 0; x < width; ++x) {
                for (std::int64_t c = 0; c < image.channels; ++c) {
                    std::int32_t sum = 0;
                    for (std::int64_t j = 0; j < block_y; ++j) {
                        const std::uint8_t* in = image.row(y * block_y + j) + x * block_x * image.channels + c;
                        for (std::int64_t i = 0; i < block_x; ++i) sum += in[i * image.channels];
                    }
                    *out++ = two_by_two ? static_cast<std::uint8_t>((sum + 2) >> 2)
                                        : round_pixel(static_cast<float>(sum) * share);
                }
            }
        }
    });
    return result;
}

/// One input sample's share in an output sample.
struct Share {
    std::int64_t source;
    float weight;
};

/// For each output sample the input samples it covers; covers below a thousandth of a pixel are dropped.
std::vector<std::vector<Share>> area_shares(const Axis& axis) {
    constexpr double kSmallest = 1e-3;
    std::vector<std::vector<Share>> all(static_cast<std::size_t>(axis.out_size));
    for (std::int64_t i = 0; i < axis.out_size; ++i) {
        std::vector<Share>& shares = all[static_cast<std::size_t>(i)];
        const double begin = static_cast<double>(i) * axis.scale(), end = begin + axis.scale();
        const double covered = std::min(axis.scale(), static_cast<double>(axis.in_size) - begin);
        const auto last = std::min(static_cast<std::int64_t>(std::floor(end)), axis.in_size - 1);
        const auto first = std::min(static_cast<std::int64_t>(std::ceil(begin)), last);
        if (static_cast<double>(first) - begin > kSmallest)
            shares.push_back({first - 1, static_cast<float>((static_cast<double>(first) - begin) / covered)});
        for (std::int64_t x = first; x < last; ++x) shares.push_back({x, static_cast<float>(1.0 / covered)});
        const double rest = end - static_cast<double>(last);
        if (rest > kSmallest)
            shares.push_back({last, static_cast<float>(std::min(std::min(rest, 1.0), covered) / covered)});
    }
    return all;
}

Image area_means(const Image& image, std::int64_t width, std::int64_t height) {
    const auto columns = area_shares({image.width, width}), rows = area_shares({image.height, height});
    const auto row_size = static_cast<std::size_t>(width * image.channels);
    const auto channels = static_cast<std::size_t>(image.channels);
    Image result(width, height, image.channels);
    base::parallel_for(height, kGrain, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> line(row_size), sum(row_size);
        for (std::int64_t y = begin; y < end; ++y) {
            std::fill(sum.begin(), sum.end(), 0.0f);
            for (const Share& row : rows[static_cast<std::size_t>(y)]) {
                std::fill(line.begin(), line.end(), 0.0f);
                for (std::size_t x = 0; x < columns.size(); ++x)
                    for (const Share& column : columns[x]) {
                        const std::uint8_t* in = image.row(row.source) + column.source * image.channels;
                        for (std::size_t c = 0; c < channels; ++c)
                            line[x * channels + c] += static_cast<float>(in[c]) * column.weight;
                    }
                for (std::size_t x = 0; x < row_size; ++x) sum[x] += row.weight * line[x];
            }
            std::transform(sum.begin(), sum.end(), result.row(y), round_pixel);
        }
    });
    return result;
}

std::vector<std::int64_t> nearest(const Axis& axis) {
    std::vector<std::int64_t> sources;
    for (std::int64_t i = 0; i < axis.out_size; ++i)
        sources.push_back(std::min(axis.in_size - 1, static_cast<std::int64_t>(static_cast<double>(i) * axis.scale())));
    return sources;
}

}  // namespace

Image resize_opencv_nearest(const Image& image, std::int64_t width, std::int64_t height) {
    return gather(image, nearest({image.width, width}), nearest({image.height, height}));
}

Image resize_opencv_linear(const Image& image, std::int64_t width, std::int64_t height) {
    if (image.width == 2 * width && image.height == 2 * height) return block_means(image, width, height);
    return blend(image, centred_pairs({image.width, width}, true), centred_pairs({image.height, height}, false));
}

Image resize_opencv_area(const Image& image, std::int64_t width, std::int64_t height) {
    if (width > image.width || height > image.height)
        return blend(image, area_pairs({image.width, width}), area_pairs({image.height, height}));
    if (image.width % width == 0 && image.height % height == 0) return block_means(image, width, height);
    return area_means(image, width, height);
}

}  // namespace fovea::vision
