#include <cmath>

#include "vision/contract_fields.hpp"

namespace fovea::vision {
namespace {

constexpr std::array kDecoders = {Choice<Decoder>{Decoder::centerface, "centerface"},
                                  Choice<Decoder>{Decoder::ssd, "ssd"}, Choice<Decoder>{Decoder::detr, "detr"},
                                  Choice<Decoder>{Decoder::segmentation, "segmentation"},
                                  Choice<Decoder>{Decoder::depth, "depth"}};
constexpr std::array kActivations = {Choice<Activation>{Activation::softmax, "softmax"},
                                     Choice<Activation>{Activation::sigmoid, "sigmoid"}};
constexpr std::array kUpsamples = {Choice<Upsample>{Upsample::bilinear, "bilinear"},
                                   Choice<Upsample>{Upsample::nearest, "nearest"}};

constexpr std::int64_t kMaxDefaultBoxes = 1 << 20;
/// Class numbers of a segmentation take one byte, and 255 stands for "not seen".
constexpr std::size_t kMaxClasses = 255;

}  // namespace

template <class Fields>
void describe(DefaultBoxLevel& level, Fields& fields) {
    fields.value("map", level.map);
    fields.value("step", level.step);
    fields.value("min_size", level.min_size);
    fields.value("max_size", level.max_size);
    fields.value("aspect_ratios", level.aspect_ratios);
}

template <class Fields>
void describe(DefaultBoxes& boxes, Fields& fields) {
    fields.list("levels", boxes.levels);
    fields.value("variances", boxes.variances);
    fields.value("clip", boxes.clip);
}

namespace {

template <class Fields>
void describe_output(OutputContract& output, Fields& fields) {
    const Decoder decoder = output.decoder;
    const Task task = task_of(decoder);
    fields.value("tensors", output.tensors);
    if (task != Task::depth) fields.value("labels", output.labels);
    if (task == Task::detection) {
        fields.value("score_threshold", output.score_threshold);
        fields.value("max_detections", output.max_detections);
    } else {
        fields.choice("upsample", kUpsamples, output.upsample);
    }
    if (decoder == Decoder::centerface || decoder == Decoder::ssd) fields.value("iou_threshold", output.iou_threshold);
    if (decoder == Decoder::ssd) fields.object("default_boxes", output.default_boxes);
    if (decoder == Decoder::detr) fields.choice("activation", kActivations, output.activation);
    if (decoder == Decoder::segmentation) fields.value("palette", output.palette);
    if (decoder == Decoder::depth) {
        fields.value("min_depth", output.min_depth);
        fields.value("max_depth", output.max_depth);
    }
}

bool positive(float value) { return std::isfinite(value) && value > 0; }

void check(const DefaultBoxes& boxes) {
    constexpr std::int64_t kMaxCells = 1 << 12;
    require(!boxes.levels.empty(), "'ssd' needs 'default_boxes' with at least one level");
    require(positive(boxes.variances[0]) && positive(boxes.variances[1]), "'variances' must be positive");
    std::int64_t count = 0;
    for (const DefaultBoxLevel& level : boxes.levels) {
        const auto [height, width] = level.map;
        require(height >= 1 && width >= 1 && height <= kMaxCells && width <= kMaxCells,
                "'map' must be a height and a width of 1 to 4096 cells");
        require(positive(level.step) && positive(level.min_size) && positive(level.max_size),
                "'step', 'min_size' and 'max_size' must be positive");
        require(std::all_of(level.aspect_ratios.begin(), level.aspect_ratios.end(), positive),
                "'aspect_ratios' must be positive");
        count += height * width * (2 + 2 * static_cast<std::int64_t>(level.aspect_ratios.size()));
        require(count <= kMaxDefaultBoxes, "'default_boxes' are more than a million");
    }
}

}  // namespace

Task task_of(Decoder decoder) {
    switch (decoder) {
        case Decoder::segmentation: return Task::segmentation;
        case Decoder::depth: return Task::depth;
        default: return Task::detection;
    }
}

void describe(OutputContract& output, FieldReader& fields) {
    bool named = false;
    fields.member("decoder", [&](const Json& json) {
        output.decoder = value_of(kDecoders, json.get<std::string>());
        named = true;
    });
    require(named, "'decoder' must say how the outputs are read; leave out 'output' for raw tensors");
    describe_output(output, fields);
    check(output);
}

void describe(OutputContract& output, FieldWriter& fields) {
    fields.choice("decoder", kDecoders, output.decoder);
    describe_output(output, fields);
}

void check(const OutputContract& output) {
    require(output.max_detections >= 0, "'max_detections' must not be negative");
    if (output.decoder == Decoder::ssd) check(output.default_boxes);
    if (output.decoder == Decoder::depth)
        require(positive(output.min_depth) && positive(output.max_depth) && output.min_depth < output.max_depth,
                "'min_depth' and 'max_depth' must be positive, the second larger");
    if (output.decoder == Decoder::segmentation)
        require(output.labels.size() <= kMaxClasses, "a segmentation has at most 255 classes");
}

}  // namespace fovea::vision
