#pragma once

#include "vision/decode.hpp"

/// One file per decoder; `decode.cpp` lists them. Detectors give boxes in the network's pixels, in any order.
namespace fovea::vision {

/// The outputs of one batch entry that a decoder reads, by role.
class Roles {
  public:
    /// An output as f32, without the batch axis: rows along its first axis, `cells` values in each.
    struct Values {
        Tensor tensor;
        std::int64_t cells = 0;

        [[nodiscard]] const Shape& shape() const { return tensor.shape(); }
        [[nodiscard]] const float* row(std::int64_t row) const {
            return reinterpret_cast<const float*>(tensor.raw()) + row * cells;
        }
        [[nodiscard]] float at(std::int64_t row, std::int64_t cell) const { return this->row(row)[cell]; }
    };

    Roles(const OutputContract& contract, const Outputs& outputs, std::int64_t entry)
        : contract_(contract), outputs_(outputs), entry_(entry) {}

    /// Whether the contract names an output for `role`.
    [[nodiscard]] bool has(const std::string& role) const { return contract_.tensors.contains(role); }
    /// The floating-point output in `role`, whose shape after the batch axis must be `shape`; -1 accepts any length.
    [[nodiscard]] Values values(const std::string& role, const Shape& shape) const;
    /// The output in `role` of one number for each cell, [N,1,h,w] or [N,h,w], floating-point or integer, as [h,w].
    [[nodiscard]] Values plane(const std::string& role) const;

  private:
    [[nodiscard]] const Tensor& output(const std::string& role) const;
    [[nodiscard]] Values entry(const Tensor& output) const;
    [[noreturn]] void mismatch(const std::string& role, const std::string& expected) const;

    const OutputContract& contract_;
    const Outputs& outputs_;
    std::int64_t entry_;
};

/// CenterFace: one class, one box per local cell of a heat map at a quarter of the input's size, five landmarks.
/// Roles: heatmap [N,1,h,w], scale [N,2,h,w], offset [N,2,h,w], landmarks [N,10,h,w]. Overlapping boxes are not dropped
/// yet. Source: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019.
std::vector<Detection> decode_centerface(const OutputContract& contract, const Roles& roles);

/// SSD: corrections of default boxes. Roles: boxes [N,4,n] (centre x, centre y, width, height, in the scale of the
/// variances), scores [N,1+classes,n] (logits, the background first). Overlapping boxes are not dropped yet.
/// Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016.
std::vector<Detection> decode_ssd(const OutputContract& contract, const Roles& roles, const Placement& placement);

/// DETR: a set of boxes. Roles: boxes [N,queries,4] (centre x, centre y, width, height, as parts of the input's size),
/// logits [N,queries,classes+1] (softmax, "no object" last) or [N,queries,classes] (sigmoid).
/// Sources: Carion et al., "End-to-End Object Detection with Transformers", 2020; with sigmoids Zhu et al., "Deformable
/// DETR", 2021.
std::vector<Detection> decode_detr(const OutputContract& contract, const Roles& roles, const Placement& placement);

/// Classes of the image's pixels. Roles: logits [N,classes,h,w], brought to the image's size, then the largest; or
/// labels (integers) [N,1,h,w] or [N,h,w], taken from the nearest cell.
Tensor decode_segmentation(const OutputContract& contract, const Roles& roles, const Placement& placement);

/// Metres of the image's pixels. Roles: depth [N,1,h,w] in metres, or disparity [N,1,h,w] in (0, 1), from which metres
/// are 1 / (1/max_depth + (1/min_depth − 1/max_depth) · disparity). Values are brought to the image's size first.
/// Source: Godard et al., "Digging Into Self-Supervised Monocular Depth Estimation", 2019.
Tensor decode_depth(const OutputContract& contract, const Roles& roles, const Placement& placement);

}  // namespace fovea::vision
