#include "vision/preprocess.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "base/checked.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::vision {
namespace {

/// The resized image lies with its top left pixel at (left, top) of the input; negative where it is cut.
struct Plan {
    std::int64_t resized_width, resized_height, left, top, width, height;
};

std::int64_t scaled(std::int64_t size, double scale) {
    return std::max<std::int64_t>(1, std::lrint(static_cast<double>(size) * scale));
}

Plan plan(const InputContract& contract, std::int64_t width, std::int64_t height) {
    const std::int64_t target_width = contract.width ? contract.width : base::round_up(width, contract.multiple);
    const std::int64_t target_height = contract.height ? contract.height : base::round_up(height, contract.multiple);
    Plan plan{target_width, target_height, 0, 0, target_width, target_height};
    if (contract.fit == Fit::stretch) return plan;

    if (contract.fit == Fit::center_crop) {
        // torchvision truncates the longer side and rounds the margins half to even.
        const std::int64_t shorter = contract.resize_shorter;
        plan.resized_width = width <= height ? shorter : shorter * width / height;
        plan.resized_height = width <= height ? shorter * height / width : shorter;
        plan.left = std::lrint(static_cast<double>(target_width - plan.resized_width) / 2.0);
        plan.top = std::lrint(static_cast<double>(target_height - plan.resized_height) / 2.0);
        return plan;
    }
    const double scale = std::min(static_cast<double>(target_width) / static_cast<double>(width),
                                  static_cast<double>(target_height) / static_cast<double>(height));
    plan.resized_width = std::min(target_width, scaled(width, scale));
    plan.resized_height = std::min(target_height, scaled(height, scale));
    if (contract.fit == Fit::letterbox) {
        plan.left = (target_width - plan.resized_width) / 2;
        plan.top = (target_height - plan.resized_height) / 2;
    }
    return plan;
}

float at(const std::vector<float>& values, std::size_t channel) { return values[values.size() == 1 ? 0 : channel]; }

/// Writes each pixel's channel `c`, mapped by `map(c, value)`, to its place in the layout.
template <class T, class Map>
void scatter(const InputContract& contract, const Image& image, std::span<T> out, const Map& map) {
    const std::int64_t channels = image.channels, plane = image.width * image.height;
    const bool planar = contract.layout == Layout::nchw;
    base::parallel_for(image.height, 32, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t c = 0; c < channels; ++c) {
            const std::int64_t source = contract.color == ColorOrder::bgr ? channels - 1 - c : c;
            const std::uint8_t* in = image.pixels.data() + begin * image.width * channels + source;
            T* to = out.data() + (planar ? c * plane + begin * image.width : begin * image.width * channels + c);
            const std::int64_t step = planar ? 1 : channels;
            for (std::int64_t i = begin * image.width; i < end * image.width; ++i, in += channels, to += step)
                *to = map(static_cast<std::size_t>(c), *in);
        }
    });
}

/// Every 8-bit value normalised, for one channel.
template <class T>
std::array<T, 256> normalised(const InputContract& contract, std::size_t channel) {
    std::array<T, 256> table{};
    for (std::size_t value = 0; value < table.size(); ++value)
        table[value] =
            T((static_cast<float>(value) * contract.scale - at(contract.mean, channel)) / at(contract.std, channel));
    return table;
}

template <class T>
void scatter_normalised(const InputContract& contract, const Image& image, std::span<T> out) {
    std::array<std::array<T, 256>, 3> tables;
    for (std::size_t c = 0; c < tables.size(); ++c) tables[c] = normalised<T>(contract, c);
    scatter(contract, image, out, [&](std::size_t c, std::uint8_t value) { return tables[c][value]; });
}

}  // namespace

Point Placement::to_image(Point point) const {
    return {static_cast<float>((point.x - offset_x) / scale_x), static_cast<float>((point.y - offset_y) / scale_y)};
}

Box Placement::to_image(const Box& box) const {
    const Point first = to_image(Point{box.x1, box.y1}), last = to_image(Point{box.x2, box.y2});
    return {first.x, first.y, last.x, last.y};
}

Placement place(const InputContract& contract, std::int64_t width, std::int64_t height) {
    const Plan p = plan(contract, width, height);
    return {static_cast<double>(p.resized_width) / static_cast<double>(width),
            static_cast<double>(p.resized_height) / static_cast<double>(height),
            static_cast<double>(p.left),
            static_cast<double>(p.top),
            p.width,
            p.height,
            width,
            height};
}

Image fit(const InputContract& contract, const Image& image) {
    const std::int64_t channels = contract.color == ColorOrder::grey ? 1 : 3;
    const Plan p = plan(contract, image.width, image.height);
    Image resized = resize(base::convert_channels(image, channels), p.resized_width, p.resized_height, contract.resize);
    if (p.resized_width == p.width && p.resized_height == p.height) return resized;

    Image result(p.width, p.height, channels);
    for (std::size_t i = 0; i < result.pixels.size(); ++i)
        result.pixels[i] = contract.fill[i % static_cast<std::size_t>(channels)];
    const std::int64_t x0 = std::max<std::int64_t>(0, p.left), x1 = std::min(p.width, p.left + p.resized_width);
    const std::int64_t y0 = std::max<std::int64_t>(0, p.top), y1 = std::min(p.height, p.top + p.resized_height);
    for (std::int64_t y = y0; y < y1; ++y)
        std::copy_n(resized.row(y - p.top) + (x0 - p.left) * channels, (x1 - x0) * channels,
                    result.row(y) + x0 * channels);
    return result;
}

Tensor to_tensor(const InputContract& contract, const Image& fitted) {
    const Shape shape = contract.layout == Layout::nchw ? Shape{1, fitted.channels, fitted.height, fitted.width}
                                                        : Shape{1, fitted.height, fitted.width, fitted.channels};
    Tensor tensor(contract.dtype, shape);
    if (contract.dtype == DType::u8) {
        scatter(contract, fitted, tensor.as<std::uint8_t>(), [](std::size_t, std::uint8_t value) { return value; });
        return tensor;
    }
    if (contract.dtype == DType::f16)
        scatter_normalised(contract, fitted, tensor.as<base::Half>());
    else
        scatter_normalised(contract, fitted, tensor.as<float>());
    return tensor;
}

Tensor preprocess(const InputContract& contract, const Image& image) {
    return to_tensor(contract, fit(contract, image));
}

}  // namespace fovea::vision
