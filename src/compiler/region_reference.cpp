#include "compiler/region_reference.hpp"

#include <algorithm>
#include <cstring>

#include "fovea/error.hpp"
#include "ops/index.hpp"

namespace fovea::compiler {
namespace {

/// Elements between neighbours along each axis.
Shape memory_strides(const backend::TensorDesc& desc) {
    const std::size_t rank = desc.shape.size();
    Shape strides(rank, 1);
    if (rank == 0) return strides;
    if (desc.layout == backend::Layout::plain) {
        if (rank > 1) strides[rank - 2] = desc.pitch;
        for (std::size_t i = rank - 1; i-- > 1;) strides[i - 1] = strides[i] * desc.shape[i];
        return strides;
    }
    strides[rank - 1] = desc.pitch;
    for (std::size_t i = rank - 1; i-- > 2;) strides[i] = strides[i + 1] * desc.shape[i + 1];
    strides[0] = strides[2] * desc.shape[2];
    return strides;
}

}  // namespace

Tensor crop(const backend::TensorDesc& desc, const std::byte* data, const ops::Box& box) {
    Tensor result(desc.dtype, box.size);
    const Shape strides = memory_strides(desc);
    const std::size_t width = element_bytes(desc.dtype);
    std::byte* target = result.raw();
    ops::for_each_index(box, [&](const Shape& index) {
        std::int64_t offset = 0;
        for (std::size_t i = 0; i < index.size(); ++i) offset += index[i] * strides[i];
        std::memcpy(target, data + static_cast<std::size_t>(offset) * width, width);
        target += width;
    });
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
    if (ops::has_boxes(*node) && !reads_constants_only(*node)) return by_box(*node, value, box);
    return crop(whole(*node, value), box);
}

/// Dequantised weights and the like: every box of the result reads all of them, so they are computed once.
bool RegionReference::reads_constants_only(const ir::Node& node) const {
    return std::all_of(node.inputs.begin(), node.inputs.end(), [&](ir::ValueId id) {
        return id == ir::kNone || values_[static_cast<std::size_t>(id)].constant;
    });
}

Tensor RegionReference::by_box(const ir::Node& node, ir::ValueId value, const ops::Box& box) {
    const ops::Op* op = ops::find(node.op);
    ops::ShapeContext context(node);
    for (const ir::ValueId input : node.inputs) {
        context.inputs.push_back(input == ir::kNone ? Shape() : shape(input));
        context.input_types.push_back(input == ir::kNone ? DType::undefined
                                                         : values_[static_cast<std::size_t>(input)].dtype);
        context.constants.push_back(input == ir::kNone ? Tensor() : values_[static_cast<std::size_t>(input)].constant);
    }
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
    return ops::evaluate_box(node, std::move(windows), values_[static_cast<std::size_t>(value)].dtype, shape(value),
                             box);
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
        ops::ShapeContext context(node);
        for (const ir::ValueId input : node.inputs) {
            context.inputs.push_back(input == ir::kNone ? Shape() : shape(input));
            context.input_types.push_back(input == ir::kNone ? DType::undefined
                                                             : values_[static_cast<std::size_t>(input)].dtype);
            context.constants.push_back(input == ir::kNone ? Tensor()
                                                           : values_[static_cast<std::size_t>(input)].constant);
        }
        for (const ir::ValueId output : node.outputs)
            context.outputs.push_back(output == ir::kNone ? Shape() : shape(output));
        cost += static_cast<double>(op->flops(context)) /
                static_cast<double>(std::max<std::int64_t>(1, base::element_count(shape(value))));
    }
    return cost;
}

}  // namespace fovea::compiler
