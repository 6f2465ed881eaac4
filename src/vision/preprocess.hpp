#pragma once

#include "base/image.hpp"
#include "base/tensor.hpp"
#include "vision/contract.hpp"
#include "vision/detection.hpp"

namespace fovea::vision {

/// Where an image lies in the network's input: input = image · scale + offset, in pixels per axis.
struct Placement {
    double scale_x = 1, scale_y = 1, offset_x = 0, offset_y = 0;
    std::int64_t width = 0, height = 0;              ///< size of the network's input
    std::int64_t image_width = 0, image_height = 0;  ///< size of the image

    /// A point of the network's input in the image's own pixels.
    [[nodiscard]] Point to_image(Point point) const;
    [[nodiscard]] Box to_image(const Box& box) const;
};

/// The input's size and the image's place in it for an image of `width` × `height`.
Placement place(const InputContract& contract, std::int64_t width, std::int64_t height);

/// The image as the contract fits it: `place(...)`'s size, RGB (grey for `ColorOrder::grey`).
Image fit(const InputContract& contract, const Image& image);

/// Normalised tensor [1, C, H, W] or [1, H, W, C] of a fitted image of 1 or 3 channels.
Tensor to_tensor(const InputContract& contract, const Image& fitted);

/// `to_tensor(fit(image))`: what the network is given. `image` has 1, 3 or 4 channels; alpha is dropped.
Tensor preprocess(const InputContract& contract, const Image& image);

}  // namespace fovea::vision
