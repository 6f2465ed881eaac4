#include "base/checked.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

/// Reads "blocksize" and checks "mode" and the input's rank; `y` becomes the input's sizes, or stays unset.
std::int64_t block_of(const InferContext& c, ir::Dims& y) {
    const std::string mode = c.text("mode", "DCR");
    c.require(mode == "DCR" || mode == "CRD", "attribute \"mode\": expected DCR or CRD, found " + mode);
    if (expect_rank(c, 0, 4, 4)) y = *c.dims(0);
    return expect_positive(c, "blocksize", 1);
}

void divide(const NodeView& node, ir::Dim& size, std::int64_t by, const char* what) {
    if (size.known()) {
        node.require(size.value % by == 0, std::string(what) + ": expected a multiple of " + std::to_string(by) +
                                               ", found " + std::to_string(size.value));
        size = size.value / by;
    } else if (by != 1) {
        size = ir::Dim();
    }
}

void multiply(ir::Dim& size, std::int64_t by) {
    if (size.known())
        size = base::checked_mul(size.value, by);
    else if (by != 1)
        size = ir::Dim();
}

void infer_to_space(InferContext& c) {
    ir::Dims y(4);
    const std::int64_t block = block_of(c, y);
    divide(c, y[1], block * block, "channels of the input");
    for (std::size_t i = 2; i < 4; ++i) multiply(y[i], block);
    c.set_output(0, c.dtype(0), std::move(y));
}

void infer_to_depth(InferContext& c) {
    ir::Dims y(4);
    const std::int64_t block = block_of(c, y);
    multiply(y[1], block * block);
    for (std::size_t i = 2; i < 4; ++i) divide(c, y[i], block, "spatial size of the input");
    c.set_output(0, c.dtype(0), std::move(y));
}

/// Number of the deep channel that holds the place (row, column) of the block of channel `channel` of `channels`.
std::int64_t deep_channel(bool block_first, std::int64_t block, std::int64_t channels, std::int64_t channel,
                          std::int64_t row, std::int64_t column) {
    const std::int64_t place = row * block + column;
    return block_first ? place * channels + channel : channel * block * block + place;
}

Box required_by_space(const ShapeContext& c, int, const Box& box) {
    const std::int64_t block = c.integer("blocksize", 1);
    Box need = box;
    need.start[1] = 0;
    need.size[1] = c.inputs[0][1];
    for (std::size_t i = 2; i < 4; ++i) {
        need.start[i] = box.start[i] / block;
        need.size[i] = (box.start[i] + box.size[i] - 1) / block + 1 - need.start[i];
    }
    return need;
}

Box required_by_depth(const ShapeContext& c, int, const Box& box) {
    const std::int64_t block = c.integer("blocksize", 1);
    Box need = box;
    need.start[1] = 0;
    need.size[1] = c.inputs[0][1];
    for (std::size_t i = 2; i < 4; ++i) {
        need.start[i] = box.start[i] * block;
        need.size[i] = box.size[i] * block;
    }
    return need;
}

void to_space(BoxContext& c) {
    const std::int64_t block = c.integer("blocksize", 1), channels = c.output_shape[1];
    const bool block_first = c.text("mode", "DCR") == "DCR";
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        x = {y[0], deep_channel(block_first, block, channels, y[1], y[2] % block, y[3] % block), y[2] / block,
             y[3] / block};
    });
}

void to_depth(BoxContext& c) {
    const std::int64_t block = c.integer("blocksize", 1), channels = c.inputs[0].full[1];
    const bool block_first = c.text("mode", "DCR") == "DCR";
    move_elements(c, c.inputs[0], [&](const Shape& y, Shape& x) {
        const std::int64_t channel = block_first ? y[1] % channels : y[1] / (block * block);
        const std::int64_t place = block_first ? y[1] / channels : y[1] % (block * block);
        x = {y[0], channel, y[2] * block + place / block, y[3] * block + place % block};
    });
}

const Op kOperators[] = {
    {
        .name = "DepthToSpace",
        .attributes = {{"blocksize", AttributeKind::integer, true}, {"mode", AttributeKind::text}},
        .infer = infer_to_space,
        .evaluate_box = to_space,
        .required_input = required_by_space,
    },
    {
        .name = "SpaceToDepth",
        .attributes = {{"blocksize", AttributeKind::integer, true}, {"mode", AttributeKind::text}},
        .infer = infer_to_depth,
        .evaluate_box = to_depth,
        .required_input = required_by_depth,
    },
};

}  // namespace

std::span<const Op> pixel_shuffle_operators() { return kOperators; }

}  // namespace fovea::ops
