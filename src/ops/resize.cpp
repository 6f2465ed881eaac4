#include <cmath>

#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/move.hpp"
#include "ops/registry.hpp"
#include "ops/resize_axis.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kImage, kRoi, kScales, kSizes };

/// Whether an input is given; exporters write an empty tensor for "not given".
bool given(const InferContext& c, std::size_t i) {
    return c.has(i) && !(c.dims(i) && c.dims(i)->size() == 1 && (*c.dims(i))[0].value == 0);
}

bool given(const std::vector<Tensor>& inputs, std::size_t i) {
    return i < inputs.size() && inputs[i] && inputs[i].size() > 0;
}

void expect_length(const InferContext& c, std::size_t i, std::size_t length) {
    if (given(c, i)) expect_vector(c, i, static_cast<std::int64_t>(length));
}

std::vector<double> reals(const Tensor& tensor) {
    const Tensor wide = tensor.cast(DType::f64);
    const auto values = wide.as<double>();
    return {values.begin(), values.end()};
}

/// Region of interest of each resized axis; [0, 1] unless the coordinate transformation crops.
std::vector<std::pair<double, double>> regions(const ResizeMode& mode, const Tensor* roi, std::size_t count) {
    std::vector<std::pair<double, double>> result(count, {0.0, 1.0});
    if (mode.coordinates != ResizeMode::Coordinates::tf_crop_and_resize || !roi) return result;
    const std::vector<double> values = reals(*roi);
    for (std::size_t i = 0; i < count; ++i) result[i] = {values[i], values[count + i]};
    return result;
}

void infer_scales(InferContext& c, const ResizeMode& mode, const std::vector<std::size_t>& axes, ir::Dims& y) {
    const bool crops = mode.coordinates == ResizeMode::Coordinates::tf_crop_and_resize;
    const Tensor* scales = c.constant(kScales);
    if (!scales || (crops && !c.constant(kRoi))) {
        for (const std::size_t axis : axes) y[axis] = ir::Dim();
        return;
    }
    const std::vector<float> factors = scales->to_float();
    const auto roi = regions(mode, c.constant(kRoi), axes.size());
    for (std::size_t i = 0; i < axes.size(); ++i) {
        ir::Dim& size = y[axes[i]];
        const std::int64_t length =
            resize_length(c, size.known() ? size.value : 1, factors[i], roi[i].first, roi[i].second);
        if (size.known())
            size = length;
        else if (factors[i] != 1 || crops)
            size = ir::Dim();
    }
}

void infer_sizes(InferContext& c, const ResizeMode& mode, const std::vector<std::size_t>& axes, ir::Dims& y) {
    const auto sizes = c.content(kSizes);
    if (const auto numbers = c.constant_integers(kSizes))
        for (const std::int64_t size : *numbers)
            c.require(size >= 0, "input \"sizes\": expected sizes from 0 on, found " + std::to_string(size));
    Shape input, wanted;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        const ir::Dim size = sizes && i < sizes->size() ? (*sizes)[i] : ir::Dim();
        if (y[axes[i]].known() && size.known()) {
            input.push_back(y[axes[i]].value);
            wanted.push_back(size.value);
        }
        if (mode.aspect == ResizeMode::Aspect::stretch) y[axes[i]] = size;
    }
    if (mode.aspect == ResizeMode::Aspect::stretch) return;
    const double scale = resize_aspect_scale(mode.aspect, input, wanted);
    for (const std::size_t axis : axes)
        y[axis] = input.size() == axes.size()
                      ? ir::Dim(static_cast<std::int64_t>(std::floor(scale * static_cast<double>(y[axis].value) + 0.5)))
                      : ir::Dim();
}

void infer(InferContext& c) {
    const ResizeMode mode = resize_mode(c);
    const bool has_scales = given(c, kScales), has_sizes = given(c, kSizes);
    c.require(has_scales || has_sizes, "expected input \"scales\" or \"sizes\", found neither");
    c.require(!(has_scales && has_sizes && c.constant(kScales) && c.constant(kSizes)),
              "expected one of the inputs \"scales\" and \"sizes\", found both");
    const bool crops = mode.coordinates == ResizeMode::Coordinates::tf_crop_and_resize;
    c.require(!crops || given(c, kRoi), "tf_crop_and_resize: expected input \"roi\", found none");
    if (!c.dims(kImage)) return c.set_output(0, c.dtype(kImage), std::nullopt);
    ir::Dims y = *c.dims(kImage);
    const auto axes = resize_axes(c, y.size());
    if (crops) expect_length(c, kRoi, 2 * axes.size());
    expect_length(c, kScales, axes.size());
    expect_length(c, kSizes, axes.size());
    if (has_sizes)
        infer_sizes(c, mode, axes, y);
    else
        infer_scales(c, mode, axes, y);
    c.set_output(0, c.dtype(kImage), std::move(y));
}

}  // namespace

std::optional<std::vector<ResizeAxis>> resize_geometry(const NodeView& node, const ResizeMode& mode, const Shape& x,
                                                       const Shape& y, const std::vector<Tensor>& inputs) {
    std::vector<ResizeAxis> result(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
        node.require(x[i] > 0 || y[i] == 0, "an axis of size 0 cannot be resized to " + std::to_string(y[i]));
        result[i] = {x[i], y[i], 1, static_cast<double>(x[i])};
    }
    const auto axes = resize_axes(node, x.size());
    const bool by_sizes = given(inputs, kSizes),
               crops = mode.coordinates == ResizeMode::Coordinates::tf_crop_and_resize;
    if ((!by_sizes && !given(inputs, kScales)) || (crops && !given(inputs, kRoi))) return std::nullopt;
    const auto roi = regions(mode, crops ? &inputs[kRoi] : nullptr, axes.size());
    const std::vector<double> numbers = reals(inputs[by_sizes ? kSizes : kScales]);
    Shape input, sizes;
    for (std::size_t i = 0; i < axes.size(); ++i) {
        input.push_back(x[axes[i]]);
        sizes.push_back(static_cast<std::int64_t>(numbers[i]));
    }
    for (std::size_t i = 0; i < axes.size(); ++i) {
        ResizeAxis& axis = result[axes[i]];
        const auto length = static_cast<double>(axis.input);
        if (!by_sizes)
            axis.scale = numbers[i];
        else if (mode.aspect == ResizeMode::Aspect::stretch)
            axis.scale = static_cast<double>(axis.output) / length;
        else
            axis.scale = resize_aspect_scale(mode.aspect, input, sizes);
        const bool exact = by_sizes && mode.aspect == ResizeMode::Aspect::stretch;
        axis.length = exact ? static_cast<double>(axis.output) : axis.scale * length;
        axis.single_precision = !by_sizes;
        axis.start = roi[i].first;
        axis.end = roi[i].second;
    }
    return result;
}

namespace {

Box required_input(const ShapeContext& c, int input, const Box& box) {
    const Shape& x = c.inputs[static_cast<std::size_t>(input)];
    const ResizeMode mode = resize_mode(c);
    const auto axes = resize_geometry(c, mode, c.inputs[kImage], c.outputs[0], c.constants);
    if (input != 0 || !axes) return Box::whole(x);
    Box need = box;
    for (std::size_t i = 0; i < x.size(); ++i) {
        std::int64_t low = x[i], high = 0;
        for (std::int64_t place = box.start[i]; place < box.start[i] + box.size[i]; ++place)
            if (const auto taps = resize_taps(mode, (*axes)[i], place))
                for (const ResizeTap& tap : *taps) {
                    low = std::min(low, tap.place);
                    high = std::max(high, tap.place + 1);
                }
        need.start[i] = std::min(low, high);
        need.size[i] = high - need.start[i];
    }
    return need;
}

/// Taps of every position of the box along one axis.
using AxisTaps = std::vector<std::optional<std::vector<ResizeTap>>>;

std::vector<AxisTaps> tap_tables(const BoxContext& c, const ResizeMode& mode) {
    std::vector<Tensor> inputs;
    for (const Window& window : c.inputs) inputs.push_back(window.data);
    const auto axes = resize_geometry(c, mode, c.inputs[kImage].full, c.output_shape, inputs);
    std::vector<AxisTaps> tables(c.box.start.size());
    for (std::size_t i = 0; i < tables.size(); ++i)
        for (std::int64_t place = 0; place < c.box.size[i]; ++place)
            tables[i].push_back(resize_taps(mode, axes->at(i), c.box.start[i] + place));
    return tables;
}

/// Calls `body(element, taps of each axis)`; the second argument is nullptr where an axis extrapolates.
template <class Body>
void for_each_element(const BoxContext& c, const std::vector<AxisTaps>& tables, const Body& body) {
    std::vector<const std::vector<ResizeTap>*> taps(tables.size());
    std::size_t element = 0;
    for_each_index(c.box, [&](const Shape& y) {
        bool extrapolates = false;
        for (std::size_t i = 0; i < y.size(); ++i) {
            const auto& entry = tables[i][static_cast<std::size_t>(y[i] - c.box.start[i])];
            if (entry)
                taps[i] = &*entry;
            else
                extrapolates = true;
        }
        body(element++, extrapolates ? nullptr : &taps);
    });
}

void interpolate(BoxContext& c, const ResizeMode& mode, const std::vector<AxisTaps>& tables) {
    const Reals input(c.inputs[kImage]);
    Results<double> output(c.output);
    Shape counts(tables.size()), at(tables.size());
    for_each_element(c, tables, [&](std::size_t element, const auto* taps) {
        output[element] = mode.extrapolation_value;
        if (!taps) return;
        for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = static_cast<std::int64_t>((*taps)[i]->size());
        double sum = 0;
        for_each_index(Box::whole(counts), [&](const Shape& number) {
            double weight = 1;
            for (std::size_t i = 0; i < at.size(); ++i) {
                const ResizeTap& tap = (*(*taps)[i])[static_cast<std::size_t>(number[i])];
                at[i] = tap.place;
                weight *= tap.weight;
            }
            sum += weight * input[at];
        });
        output[element] = sum;
    });
    output.store();
}

void copy_nearest(BoxContext& c, const ResizeMode& mode, const std::vector<AxisTaps>& tables) {
    const Tensor extrapolated = Tensor::scalar(mode.extrapolation_value).cast(c.output.dtype());
    const Window& x = c.inputs[kImage];
    const ElementCopy copy(x.data, c.output), extrapolate(extrapolated, c.output);
    Shape at(tables.size());
    for_each_element(c, tables, [&](std::size_t element, const auto* taps) {
        if (!taps) return extrapolate(element, 0);
        for (std::size_t i = 0; i < at.size(); ++i) at[i] = (*taps)[i]->front().place;
        copy(element, offset_in(x.box, at));
    });
}

void evaluate_box(BoxContext& c) {
    const ResizeMode mode = resize_mode(c);
    const std::vector<AxisTaps> tables = tap_tables(c, mode);
    if (mode.kind == ResizeMode::Kind::nearest)
        copy_nearest(c, mode, tables);
    else
        interpolate(c, mode, tables);
}

std::int64_t flops(const ShapeContext& c) {
    const Shape &x = c.inputs[kImage], &y = c.outputs[0];
    const std::string mode = c.text("mode", "nearest");
    std::int64_t taps = 1;
    for (std::size_t i = 0; i < x.size() && mode != "nearest"; ++i)
        if (x[i] != y[i]) taps *= mode == "linear" ? 2 : 4;
    return (mode == "nearest" ? 1 : 2) * taps * base::element_count(y);
}

const Op kOperators[] = {{
    .name = "Resize",
    .inputs = {1, 4},
    .attributes = {{"antialias", AttributeKind::integer},
                   {"axes", AttributeKind::integers},
                   {"coordinate_transformation_mode", AttributeKind::text},
                   {"cubic_coeff_a", AttributeKind::number},
                   {"exclude_outside", AttributeKind::integer},
                   {"extrapolation_value", AttributeKind::number},
                   {"keep_aspect_ratio_policy", AttributeKind::text},
                   {"mode", AttributeKind::text},
                   {"nearest_mode", AttributeKind::text}},
    .infer = infer,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
    .flops = flops,
}};

}  // namespace

std::span<const Op> resize_operators() { return kOperators; }

}  // namespace fovea::ops
