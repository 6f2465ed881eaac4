#include "compiler/region_reference.hpp"

#include <algorithm>
#include <cstdint>

namespace fovea::compiler {
namespace {

/// Axes of a box in memory.
struct Axes {
    Shape sizes, strides;
};

/// Neighbouring axes that one step walks through become one.
Axes joined(const Shape& sizes, const Shape& strides) {
    Axes axes;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
        if (sizes[i] == 1) continue;
        if (!axes.sizes.empty() && axes.strides.back() == strides[i] * sizes[i]) {
            axes.sizes.back() *= sizes[i];
            axes.strides.back() = strides[i];
        } else {
            axes.sizes.push_back(sizes[i]);
            axes.strides.push_back(strides[i]);
        }
    }
    return axes;
}

/// Copies the elements from `axis` on, one behind the other; returns the place behind the last one.
template <class Word>
Word* gather(Word* target, const Word* source, const Axes& axes, std::size_t axis) {
    if (axis == axes.sizes.size()) {
        *target = *source;
        return target + 1;
    }
    const std::int64_t size = axes.sizes[axis], stride = axes.strides[axis];
    if (axis + 1 < axes.sizes.size()) {
        for (std::int64_t i = 0; i < size; ++i) target = gather(target, source + i * stride, axes, axis + 1);
        return target;
    }
    if (stride == 1) return std::copy_n(source, size, target);
    for (std::int64_t i = 0; i < size; ++i) target[i] = source[i * stride];
    return target + size;
}

}  // namespace

Tensor crop(const backend::TensorDesc& desc, const std::byte* data, const ops::Box& box) {
    Tensor result(desc.dtype, box.size);
    if (result.size() == 0) return result;
    const Shape strides = desc.strides();
    std::int64_t start = 0;
    for (std::size_t i = 0; i < strides.size(); ++i) start += box.start[i] * strides[i];
    const Axes axes = joined(box.size, strides);
    const auto copy = [&]<class Word>(Word) {
        gather(reinterpret_cast<Word*>(result.raw()), reinterpret_cast<const Word*>(data) + start, axes, 0);
    };
    switch (element_bytes(desc.dtype)) {
        case 1: copy(std::uint8_t{}); break;
        case 2: copy(std::uint16_t{}); break;
        case 4: copy(std::uint32_t{}); break;
        default: copy(std::uint64_t{}); break;
    }
    return result;
}

Tensor crop(const Tensor& tensor, const ops::Box& box) {
    if (box == ops::Box::whole(tensor.shape())) return tensor;
    return crop(backend::TensorDesc::dense(tensor.dtype(), tensor.shape(), backend::Layout::plain), tensor.raw(), box);
}

RegionReference::RegionReference(const ir::Graph& graph, const ops::ValueTable& values, const backend::Region& region,
                                 Reader reader)
    : graph_(graph), values_(values), region_(region), reader_(std::move(reader)) {}

const ir::Node* RegionReference::producer(ir::ValueId value) const {
    const ir::NodeId id = graph_.value(value).producer;
    if (id == ir::kNone || std::find(region_.nodes.begin(), region_.nodes.end(), id) == region_.nodes.end())
        return nullptr;
    return &graph_.node(id);
}

Shape RegionReference::shape(ir::ValueId value) const {
    return *ir::known_shape(values_[static_cast<std::size_t>(value)].dims);
}

Tensor RegionReference::box(ir::ValueId value, const ops::Box& box) {
    if (const Tensor& constant = values_[static_cast<std::size_t>(value)].constant) return crop(constant, box);
    const ir::Node* node = producer(value);
    if (!node) return reader_(value, box);
    if (by_boxes(*node)) return by_box(*node, value, box, values_[static_cast<std::size_t>(value)].dtype);
    return crop(whole(*node, value), box);
}

bool RegionReference::rounds_to_e4m3(ir::ValueId value) const {
    const ir::Node* node = producer(value);
    return node && node->op == "QuantizeLinear" && node->get<std::int64_t>("saturate", 1) != 0 &&
           values_[static_cast<std::size_t>(value)].dtype == DType::f8e4m3fn;
}

Tensor RegionReference::unrounded(ir::ValueId value, const ops::Box& box) {
    return by_box(*producer(value), value, box, DType::f32);
}

void RegionReference::prepare(ir::ValueId value) {
    const ir::Node* node = producer(value);
    if (!node || values_[static_cast<std::size_t>(value)].constant) return;
    if (!by_boxes(*node)) {
        (void)whole(*node, value);
        return;
    }
    for (const ir::ValueId input : node->inputs)
        if (input != ir::kNone) prepare(input);
}

bool RegionReference::by_boxes(const ir::Node& node) const {
    return ops::has_boxes(node) && !reads_constants_only(node);
}

/// Dequantised weights and the like: every box of the result reads all of them, so they are computed once.
bool RegionReference::reads_constants_only(const ir::Node& node) const {
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId id) {
        return id == ir::kNone || values_[static_cast<std::size_t>(id)].constant;
    });
}

ops::ShapeContext RegionReference::with_inputs(const ir::Node& node) const {
    ops::ShapeContext context(node);
    for (const ir::ValueId input : node.inputs) {
        context.inputs.push_back(input == ir::kNone ? Shape() : shape(input));
        context.input_types.push_back(input == ir::kNone ? DType::undefined
                                                         : values_[static_cast<std::size_t>(input)].dtype);
        context.constants.push_back(input == ir::kNone ? Tensor() : values_[static_cast<std::size_t>(input)].constant);
    }
    return context;
}

Tensor RegionReference::by_box(const ir::Node& node, ir::ValueId value, const ops::Box& box, DType type) {
    const ops::Op* op = ops::find(node.op);
    ops::ShapeContext context = with_inputs(node);
    context.outputs = {shape(value)};
    std::vector<ops::Window> windows;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == ir::kNone) {
            windows.emplace_back();
            continue;
        }
        const ops::Box need = op->required_input(context, static_cast<int>(i), box);
        windows.push_back({this->box(node.inputs[i], need), need, context.inputs[i]});
    }
    return ops::evaluate_box(node, std::move(windows), type, shape(value), box);
}

Tensor RegionReference::whole(const ir::Node& node, ir::ValueId value) {
    if (const auto it = whole_.find(value); it != whole_.end()) return it->second;
    std::vector<Tensor> inputs;
    for (const ir::ValueId input : node.inputs)
        inputs.push_back(input == ir::kNone ? Tensor() : box(input, ops::Box::whole(shape(input))));
    const auto outputs = ops::evaluate(node, std::move(inputs));
    for (std::size_t i = 0; i < node.outputs.size() && i < outputs.size(); ++i)
        if (node.outputs[i] != ir::kNone) whole_[node.outputs[i]] = outputs[i];
    return whole_.at(value);
}

double RegionReference::cost_per_element(ir::ValueId value) const {
    double cost = 1;
    for (const ir::NodeId id : region_.nodes) {
        const ir::Node& node = graph_.node(id);
        const ops::Op* op = ops::find(node.op);
        if (!op->flops || node.outputs[0] == ir::kNone) continue;
        ops::ShapeContext context = with_inputs(node);
        for (const ir::ValueId output : node.outputs)
            context.outputs.push_back(output == ir::kNone ? Shape() : shape(output));
        cost += static_cast<double>(op->flops(context)) /
                static_cast<double>(std::max<std::int64_t>(1, base::element_count(shape(value))));
    }
    return cost;
}

}  // namespace fovea::compiler
