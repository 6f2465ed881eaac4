#pragma once

#include "vision/decode.hpp"

/// One file per decoder; `decode.cpp` lists them.
namespace fovea::vision {

/// The outputs of one batch entry that a decoder reads, by role.
class Roles {
  public:
    /// Planes of `height` × `width` values, one per channel; a view into the network's output.
    struct Head {
        const float* data;
        std::int64_t height, width;

        [[nodiscard]] float at(std::int64_t channel, std::int64_t cell) const {
            return data[channel * height * width + cell];
        }
    };

    Roles(const OutputContract& contract, const Outputs& outputs, std::int64_t entry)
        : contract_(contract), outputs_(outputs), entry_(entry) {}

    /// The f32 output in `role` with shape [N, `channels`, H, W]; a height and width of 0 accept any.
    [[nodiscard]] Head head(const std::string& role, std::int64_t channels, std::int64_t height = 0,
                            std::int64_t width = 0) const;

  private:
    const OutputContract& contract_;
    const Outputs& outputs_;
    std::int64_t entry_;
};

/// CenterFace: one class, one box per local cell of a heat map at a quarter of the input's size, five landmarks.
/// Roles: heatmap [N,1,h,w], scale [N,2,h,w], offset [N,2,h,w], landmarks [N,10,h,w]. Boxes are in the network's
/// pixels. Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019.
std::vector<Detection> decode_centerface(const OutputContract& contract, const Roles& roles);

}  // namespace fovea::vision
