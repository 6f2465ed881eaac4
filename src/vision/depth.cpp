#include "base/parallel.hpp"
#include "vision/decoders.hpp"
#include "vision/upsample.hpp"

namespace fovea::vision {

Tensor decode_depth(const OutputContract& contract, const Roles& roles, const Placement& placement) {
    const bool disparity = roles.has("disparity");
    const Roles::Values values = roles.plane(disparity ? "disparity" : "depth");
    const Upsampler upsampler(placement, values.shape()[0], values.shape()[1], contract.upsample);
    const float lowest = 1.0f / contract.max_depth, highest = 1.0f / contract.min_depth;

    const std::int64_t height = upsampler.image_height(), width = upsampler.image_width();
    Tensor depth(DType::f32, {height, width});
    base::parallel_for(height, 16, [&](std::int64_t begin, std::int64_t end) {
        std::vector<float> blended(upsampler.map_width());
        for (std::int64_t y = begin; y < end; ++y) {
            const auto row =
                depth.as<float>().subspan(static_cast<std::size_t>(y * width), static_cast<std::size_t>(width));
            upsampler.row(values.row(0), y, blended, row);
            for (std::int64_t x = 0; x < width; ++x) {
                float& value = row[static_cast<std::size_t>(x)];
                if (!upsampler.seen(y, x))
                    value = 0.0f;
                else if (disparity)
                    value = 1.0f / (lowest + (highest - lowest) * value);
            }
        }
    });
    return depth;
}

}  // namespace fovea::vision
