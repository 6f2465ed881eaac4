#include "ops/window.hpp"

#include <algorithm>

#include "base/checked.hpp"

namespace fovea::ops {
namespace {

std::vector<std::int64_t> positive_list(const NodeView& node, std::string_view key, std::size_t rank) {
    auto values = node.integers(key, std::vector<std::int64_t>(rank, 1));
    node.require(values.size() == rank, "attribute \"" + std::string(key) + "\": expected " + std::to_string(rank) +
                                            " numbers, found " + std::to_string(values.size()));
    for (const std::int64_t value : values)
        node.require(
            value > 0 && value < (1LL << 31),
            "attribute \"" + std::string(key) + "\": expected positive numbers, found " + std::to_string(value));
    return values;
}

void set_same_padding(SlidingWindow& window, std::size_t axis, std::int64_t input, bool upper) {
    if (input < 0) return;
    const std::int64_t stride = window.strides[axis];
    const std::int64_t output = base::ceil_div(input, stride);
    const std::int64_t total = std::max<std::int64_t>(0, (output - 1) * stride + window.extent(axis) - input);
    window.pads_begin[axis] = upper ? total / 2 : total - total / 2;
    window.pads_end[axis] = total - window.pads_begin[axis];
}

}  // namespace

SlidingWindow sliding_window(const NodeView& node, std::vector<std::int64_t> kernel,
                             const std::vector<std::int64_t>& input) {
    const std::size_t rank = input.size();
    node.require(kernel.size() == rank, "the kernel has " + std::to_string(kernel.size()) + " sizes for " +
                                            std::to_string(rank) + " spatial axes");
    for (const std::int64_t size : kernel)
        node.require(size > 0 && size < (1LL << 31), "expected positive kernel sizes, found " + std::to_string(size));
    SlidingWindow window{std::move(kernel), positive_list(node, "strides", rank),
                         positive_list(node, "dilations", rank), std::vector<std::int64_t>(rank, 0),
                         std::vector<std::int64_t>(rank, 0)};
    const std::string mode = node.text("auto_pad", "NOTSET");
    if (mode == "NOTSET") {
        const auto pads = node.integers("pads", std::vector<std::int64_t>(2 * rank, 0));
        node.require(pads.size() == 2 * rank, "attribute \"pads\": expected " + std::to_string(2 * rank) +
                                                  " numbers, found " + std::to_string(pads.size()));
        for (const std::int64_t pad : pads)
            node.require(pad >= 0 && pad < (1LL << 31),
                         "attribute \"pads\": expected numbers from 0 on, found " + std::to_string(pad));
        std::copy_n(pads.begin(), rank, window.pads_begin.begin());
        std::copy_n(pads.begin() + static_cast<std::ptrdiff_t>(rank), rank, window.pads_end.begin());
    } else if (mode == "SAME_UPPER" || mode == "SAME_LOWER") {
        for (std::size_t i = 0; i < rank; ++i) set_same_padding(window, i, input[i], mode == "SAME_UPPER");
    } else {
        node.require(mode == "VALID",
                     "attribute \"auto_pad\": expected NOTSET, VALID, SAME_UPPER or SAME_LOWER, found " + mode);
    }
    return window;
}

std::int64_t sliding_output(const NodeView& node, const SlidingWindow& window, std::size_t axis, std::int64_t input,
                            bool ceil_mode) {
    const std::int64_t padded = base::checked_add(input, window.pads_begin[axis] + window.pads_end[axis]);
    const std::int64_t free = padded - window.extent(axis);
    node.require(free >= 0, "the kernel spans " + std::to_string(window.extent(axis)) + " along spatial axis " +
                                std::to_string(axis) + ", more than the padded input of " + std::to_string(padded));
    const std::int64_t stride = window.strides[axis];
    std::int64_t output = (ceil_mode ? base::ceil_div(free, stride) : free / stride) + 1;
    // A window that would start in the end padding is dropped.
    if (ceil_mode && (output - 1) * stride >= input + window.pads_begin[axis]) --output;
    return output;
}

ir::Dim sliding_dim(const NodeView& node, const SlidingWindow& window, std::size_t axis, const ir::Dim& input,
                    bool ceil_mode) {
    if (input.known()) return sliding_output(node, window, axis, input.value, ceil_mode);
    const bool fills = node.text("auto_pad", "NOTSET").starts_with("SAME") ||
                       window.pads_begin[axis] + window.pads_end[axis] == window.extent(axis) - 1;
    return window.strides[axis] == 1 && fills ? input : ir::Dim();
}

std::vector<std::int64_t> spatial_sizes(const ir::Dims& x) {
    std::vector<std::int64_t> sizes;
    for (std::size_t i = 2; i < x.size(); ++i) sizes.push_back(x[i].known() ? x[i].value : -1);
    return sizes;
}

void sliding_input(const SlidingWindow& window, std::size_t axis, std::int64_t input, std::int64_t& start,
                   std::int64_t& size) {
    const std::int64_t first = start * window.strides[axis] - window.pads_begin[axis];
    const std::int64_t last = (start + size - 1) * window.strides[axis] - window.pads_begin[axis] + window.extent(axis);
    start = std::clamp<std::int64_t>(first, 0, input);
    size = std::max<std::int64_t>(0, std::min(last, input) - start);
}

}  // namespace fovea::ops
