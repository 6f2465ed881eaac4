#include "vision/sample.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <string>

#include "fovea/error.hpp"
#include "vision/draw.hpp"
#include "vision/preprocess.hpp"

namespace fovea::vision {
namespace {

using Random = std::mt19937;

Color random_color(Random& random) {
    Color color{};
    for (std::uint8_t& value : color) value = static_cast<std::uint8_t>(random());
    return color;
}

float random_below(Random& random, std::int64_t limit) {
    return static_cast<float>(random() % static_cast<std::uint32_t>(limit));
}

Image sample_picture(std::int64_t width, std::int64_t height, std::int64_t channels, Random& random) {
    constexpr std::int64_t kBlotch = 32, kRectangles = 8;
    Image coarse(std::max<std::int64_t>(2, width / kBlotch), std::max<std::int64_t>(2, height / kBlotch), channels);
    for (std::uint8_t& pixel : coarse.pixels) pixel = static_cast<std::uint8_t>(random());
    Image picture = resize(coarse, width, height, ResizeRule::pillow_bicubic);
    for (std::int64_t i = 0; i < kRectangles; ++i) {
        const float x = random_below(random, width), y = random_below(random, height);
        const float w = random_below(random, width / 4 + 1), h = random_below(random, height / 4 + 1);
        fill_box(picture, {x, y, x + w, y + h}, random_color(random));
    }
    return picture;
}

}  // namespace

Tensor sample_input(const InputContract& contract, const Shape& shape, std::uint32_t seed) {
    const bool planar = contract.layout == Layout::nchw;
    const std::int64_t channels = contract.color == ColorOrder::grey ? 1 : 3;
    if (shape.size() != 4 || shape[planar ? 1 : 3] != channels)
        throw Error(ErrorCode::invalid_argument, "the contract gives pictures of " + std::to_string(channels) +
                                                     " channels, the input's shape is " + base::to_string(shape))
            .in(contract.tensor);
    Random random(seed);
    Tensor batch(contract.dtype, shape);
    for (std::int64_t entry = 0; entry < shape[0]; ++entry) {
        const Image picture = sample_picture(shape[planar ? 3 : 2], shape[planar ? 2 : 1], channels, random);
        const Tensor one = to_tensor(contract, picture);
        std::memcpy(batch.raw() + static_cast<std::size_t>(entry) * one.bytes(), one.raw(), one.bytes());
    }
    return batch;
}

}  // namespace fovea::vision
