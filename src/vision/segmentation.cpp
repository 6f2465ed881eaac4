#include <algorithm>
#include <string>

#include "base/parallel.hpp"
#include "fovea/error.hpp"
#include "vision/decoders.hpp"
#include "vision/upsample.hpp"

namespace fovea::vision {
namespace {

/// The class with the largest value at each pixel of row `y`; the first of equal ones.
void label_row(const Roles::Values& logits, const Upsampler& upsampler, std::int64_t y,
               std::span<std::uint8_t> labels) {
    std::vector<float> blended(upsampler.map_width()), best(labels.size()), values(labels.size());
    for (std::int64_t label = 0; label < logits.shape()[0]; ++label) {
        upsampler.row(logits.row(label), y, blended, values);
        for (std::size_t x = 0; x < labels.size(); ++x)
            if (label == 0 || values[x] > best[x]) {
                best[x] = values[x];
                labels[x] = static_cast<std::uint8_t>(label);
            }
    }
}

/// Class numbers of an image's rows, each filled by `fill(y, row)`.
template <class Fill>
Tensor label_map(const Upsampler& upsampler, const Fill& fill) {
    const std::int64_t height = upsampler.image_height(), width = upsampler.image_width();
    Tensor labels(DType::u8, {height, width});
    base::parallel_for(height, 8, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t y = begin; y < end; ++y) {
            const auto row =
                labels.as<std::uint8_t>().subspan(static_cast<std::size_t>(y * width), static_cast<std::size_t>(width));
            fill(y, row);
            for (std::int64_t x = 0; x < width; ++x)
                if (!upsampler.seen(y, x)) row[static_cast<std::size_t>(x)] = kUnseen;
        }
    });
    return labels;
}

}  // namespace

Tensor decode_segmentation(const OutputContract& contract, const Roles& roles, const Placement& placement) {
    if (roles.has("labels")) {
        const Roles::Values numbers = roles.plane("labels");
        const Upsampler upsampler(placement, numbers.shape()[0], numbers.shape()[1], Upsample::nearest);
        return label_map(upsampler, [&](std::int64_t y, std::span<std::uint8_t> row) {
            std::vector<float> blended(upsampler.map_width()), values(row.size());
            upsampler.row(numbers.row(0), y, blended, values);
            for (std::size_t x = 0; x < row.size(); ++x)
                row[x] = values[x] >= 0 && values[x] < kUnseen ? static_cast<std::uint8_t>(values[x]) : kUnseen;
        });
    }
    const auto named = static_cast<std::int64_t>(contract.labels.size());
    const Roles::Values logits = roles.values("logits", {named > 0 ? named : -1, -1, -1});
    const Shape& shape = logits.shape();
    if (shape[0] < 1 || shape[0] > kUnseen || shape[1] < 1 || shape[2] < 1)
        throw Error(ErrorCode::invalid_argument,
                    "a segmentation has 1 to 255 classes and at least one cell, found " + base::to_string(shape));
    const Upsampler upsampler(placement, shape[1], shape[2], contract.upsample);
    return label_map(upsampler,
                     [&](std::int64_t y, std::span<std::uint8_t> row) { label_row(logits, upsampler, y, row); });
}

}  // namespace fovea::vision
