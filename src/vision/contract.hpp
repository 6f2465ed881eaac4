#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/dtype.hpp"
#include "vision/resize.hpp"

namespace fovea::vision {

/// How an image is brought to the size of the network's input.
enum class Fit {
    stretch,      ///< to the exact size, without regard to the aspect ratio
    letterbox,    ///< to the largest size that fits, centred, the rest filled with `fill`
    corner,       ///< as `letterbox`, but at the top left
    center_crop,  ///< shorter side to `resize_shorter`, then the middle is cut out
};

enum class ColorOrder { rgb, bgr, grey };

enum class Layout { nchw, nhwc };

/// What must happen to an image before the network sees it: resize, then (value · scale − mean) / std per channel.
struct InputContract {
    std::string tensor;         ///< name of the network's input
    std::int64_t width = 0;     ///< 0: the image's own, rounded up to `multiple`
    std::int64_t height = 0;    ///< as `width`
    std::int64_t multiple = 1;  ///< sizes taken from the image are rounded up to a multiple of this
    Fit fit = Fit::stretch;
    std::int64_t resize_shorter = 0;  ///< for `center_crop`
    ResizeRule resize = ResizeRule::opencv_linear;
    std::array<std::uint8_t, 3> fill = {0, 0, 0};  ///< RGB
    ColorOrder color = ColorOrder::rgb;
    float scale = 1.0f;
    std::vector<float> mean = {0.0f};  ///< one value, or one per channel in the network's order
    std::vector<float> std = {1.0f};   ///< as `mean`
    Layout layout = Layout::nchw;
    DType dtype = DType::f32;  ///< f32 or u8; u8 takes pixels as they are
};

/// How the network's outputs are read.
struct OutputContract {
    std::string decoder;                         ///< name of a decoder ("centerface"), or empty: raw tensors
    std::map<std::string, std::string> tensors;  ///< the decoder's role → name of the network's output
    float score_threshold = 0.5f;
    float iou_threshold = 0.3f;
    std::vector<std::string> labels;
};

/// The pre- and post-processing that belongs to a network, as training and deployment must share it.
struct Contract {
    InputContract input;
    OutputContract output;
};

/// Reads the JSON form that `docs/contract.md` describes. Unknown keys and values that contradict each other are
/// `invalid_argument`, with the key's path as context.
Contract contract_from_json(std::string_view text);

/// The JSON form, two spaces of indent; `contract_from_json` gives the same contract back.
std::string to_json(const Contract& contract);

}  // namespace fovea::vision
