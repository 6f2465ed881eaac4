#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/dtype.hpp"
#include "vision/color.hpp"
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
    Color fill = {0, 0, 0};
    ColorOrder color = ColorOrder::rgb;
    float scale = 1.0f;
    std::vector<float> mean = {0.0f};  ///< one value, or one per channel in the network's order
    std::vector<float> std = {1.0f};   ///< as `mean`
    Layout layout = Layout::nchw;
    DType dtype = DType::f32;  ///< f32, f16 or u8; u8 takes pixels as they are
};

/// How one task's outputs are read.
enum class Decoder {
    centerface,    ///< faces with landmarks
    ssd,           ///< corrections of default boxes, and class scores of each
    detr,          ///< a set of boxes, and class scores of each
    segmentation,  ///< a class for each pixel
    depth,         ///< a distance for each pixel
};

/// How class scores become probabilities.
enum class Activation {
    softmax,  ///< over the classes and "nothing there"
    sigmoid,  ///< each class on its own
};

/// How a map is brought to the image's size.
enum class Upsample {
    bilinear,  ///< half-pixel centres, the border repeated: PyTorch's `interpolate` with align_corners=False
    nearest,   ///< the cell that the pixel's centre lies in
};

/// Default boxes of one feature map: at every cell's centre a square of `min_size`, one of √(min_size · max_size), and
/// for every aspect ratio r one of min_size · √r × min_size / √r and one of the swapped sides.
struct DefaultBoxLevel {
    std::array<std::int64_t, 2> map = {0, 0};  ///< height and width in cells
    float step = 0;                            ///< pixels from one cell to the next
    float min_size = 0, max_size = 0;          ///< pixels
    std::vector<float> aspect_ratios;
};

/// Boxes that a single-shot detector corrects, in pixels of its input: level by level, shape by shape (in the order
/// above), row by row. Source: Liu et al., "SSD: Single Shot MultiBox Detector", 2016.
struct DefaultBoxes {
    std::vector<DefaultBoxLevel> levels;
    std::array<float, 2> variances = {0.1f, 0.2f};  ///< scale of the corrections of centre and size
    bool clip = false;                              ///< centres and sizes are cut at the input's size
};

/// How the network's outputs for one task are read.
struct OutputContract {
    Decoder decoder = Decoder::centerface;
    std::map<std::string, std::string> tensors;  ///< the decoder's role → name of the network's output
    std::vector<std::string> labels;             ///< of detectors and segmentation

    float score_threshold = 0.5f;                 ///< detectors
    std::int64_t max_detections = 0;              ///< detectors; 0: all
    float iou_threshold = 0.3f;                   ///< centerface, ssd
    DefaultBoxes default_boxes;                   ///< ssd
    Activation activation = Activation::softmax;  ///< detr

    Upsample upsample = Upsample::bilinear;      ///< segmentation, depth
    std::vector<Color> palette;                  ///< segmentation; empty: Cityscapes'
    float min_depth = 0.1f, max_depth = 100.0f;  ///< depth from disparity, metres
};

/// What a decoder gives.
enum class Task { detection, segmentation, depth };
Task task_of(Decoder decoder);

/// The pre- and post-processing that belongs to a network, as training and deployment must share it.
struct Contract {
    InputContract input;
    std::vector<OutputContract> outputs;  ///< at most one for each task; none: the outputs are raw tensors
};

/// Reads the JSON form that `docs/contract.md` describes. Unknown keys and values that contradict each other are
/// `invalid_argument`, with the key's path as context.
Contract contract_from_json(std::string_view text);

/// The JSON form, two spaces of indent; `contract_from_json` gives the same contract back.
std::string to_json(const Contract& contract);

}  // namespace fovea::vision
