#include "vision/resize.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/parallel.hpp"
#include "fovea/error.hpp"
#include "vision/resize_rules.hpp"

namespace fovea::vision {
namespace {

struct Name {
    ResizeRule rule;
    std::string_view name;
};

constexpr std::array kNames = {
    Name{ResizeRule::pillow_nearest, "pillow_nearest"},   Name{ResizeRule::pillow_box, "pillow_box"},
    Name{ResizeRule::pillow_bilinear, "pillow_bilinear"}, Name{ResizeRule::pillow_bicubic, "pillow_bicubic"},
    Name{ResizeRule::pillow_lanczos, "pillow_lanczos"},   Name{ResizeRule::opencv_nearest, "opencv_nearest"},
    Name{ResizeRule::opencv_linear, "opencv_linear"},     Name{ResizeRule::opencv_area, "opencv_area"},
};

}  // namespace

std::string_view to_string(ResizeRule rule) {
    return std::find_if(kNames.begin(), kNames.end(), [&](const Name& n) { return n.rule == rule; })->name;
}

ResizeRule resize_rule_from_string(std::string_view name) {
    std::string known;
    for (const Name& candidate : kNames) {
        if (candidate.name == name) return candidate.rule;
        known += (known.empty() ? "" : ", ") + std::string(candidate.name);
    }
    throw Error(ErrorCode::invalid_argument,
                "unknown resize rule '" + std::string(name) + "'; expected one of " + known);
}

Image resize(const Image& image, std::int64_t width, std::int64_t height, ResizeRule rule) {
    if (image.pixels.empty() || width <= 0 || height <= 0)
        throw Error(ErrorCode::invalid_argument, "cannot resize " + std::to_string(image.width) + "x" +
                                                     std::to_string(image.height) + " to " + std::to_string(width) +
                                                     "x" + std::to_string(height) + "; sizes must be positive");
    if (width == image.width && height == image.height) return image;
    switch (rule) {
        case ResizeRule::pillow_nearest: return resize_pillow_nearest(image, width, height);
        case ResizeRule::pillow_box: return resize_pillow(image, width, height, PillowFilter::box);
        case ResizeRule::pillow_bilinear: return resize_pillow(image, width, height, PillowFilter::bilinear);
        case ResizeRule::pillow_bicubic: return resize_pillow(image, width, height, PillowFilter::bicubic);
        case ResizeRule::pillow_lanczos: return resize_pillow(image, width, height, PillowFilter::lanczos);
        case ResizeRule::opencv_nearest: return resize_opencv_nearest(image, width, height);
        case ResizeRule::opencv_linear: return resize_opencv_linear(image, width, height);
        case ResizeRule::opencv_area: return resize_opencv_area(image, width, height);
    }
    throw Error(ErrorCode::internal, "a resize rule without a resizer");
}

Image gather(const Image& image, const std::vector<std::int64_t>& columns, const std::vector<std::int64_t>& rows) {
    Image result(static_cast<std::int64_t>(columns.size()), static_cast<std::int64_t>(rows.size()), image.channels);
    base::parallel_for(result.height, 64, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t y = begin; y < end; ++y) {
            const std::uint8_t* in = image.row(rows[static_cast<std::size_t>(y)]);
            std::uint8_t* out = result.row(y);
            for (const std::int64_t column : columns)
                out = std::copy_n(in + column * image.channels, image.channels, out);
        }
    });
    return result;
}

}  // namespace fovea::vision
