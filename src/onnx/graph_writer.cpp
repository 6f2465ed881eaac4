#include "onnx/graph_writer.hpp"

#include <algorithm>

#include "onnx/fail.hpp"
#include "onnx/tensors.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::onnx {
namespace {

void write_type(const ir::Value& value, const std::string& name, schema::ValueInfoProto& proto) {
    proto.set_name(name);
    if (value.dtype == DType::undefined) return;
    auto& type = *proto.mutable_type()->mutable_tensor_type();
    type.set_elem_type(static_cast<int>(ops::onnx_number(value.dtype)));
    if (!value.dims) return;
    type.mutable_shape();
    for (const ir::Dim& dim : *value.dims) {
        auto& size = *type.mutable_shape()->add_dim();
        if (dim.known())
            size.set_dim_value(dim.value);
        else if (!dim.symbol.empty())
            size.set_dim_param(dim.symbol);
    }
}

/// Whether an ONNX output can be the value itself: it is the result of a node and carries no other output's name.
bool is_result(const ir::Graph& graph, ir::ValueId id) { return graph.value(id).producer != ir::kNone; }

}  // namespace

void store_raw(schema::TensorProto& proto, const Tensor& tensor) {
    std::string& raw = *proto.mutable_raw_data();
    const std::size_t bytes = packed_bytes(tensor.dtype(), tensor.size());
    if (bytes == tensor.bytes()) {
        raw.assign(reinterpret_cast<const char*>(tensor.raw()), bytes);
        return;
    }
    raw.assign(bytes, '\0');
    const std::int64_t per_byte = packed_bytes(tensor.dtype(), 4) == 1 ? 4 : 2, bits = 8 / per_byte;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
        const int element = std::to_integer<int>(tensor.raw()[i]) & ((1 << bits) - 1);
        raw[static_cast<std::size_t>(i / per_byte)] |= static_cast<char>(element << (i % per_byte * bits));
    }
}

std::string GraphWriter::unused_name(const std::string& name) {
    std::string candidate = name;
    for (int i = 1; !used_.insert(candidate).second; ++i) candidate = name + "_" + std::to_string(i);
    return candidate;
}

void GraphWriter::write(const ir::Graph& graph, schema::GraphProto& proto) {
    Names names;
    for (const ir::ValueId id : graph.inputs) names[id] = unused_name(graph.value(id).name);
    for (const ir::Output& output : graph.outputs) {
        const bool free = used_.insert(output.name).second;
        if (free && is_result(graph, output.value) && !names.contains(output.value)) names[output.value] = output.name;
    }
    for (const ir::ValueId id : graph.inputs) write_type(graph.value(id), names[id], *proto.add_input());
    write_content(graph, names, proto);
    for (const ir::Output& output : graph.outputs) {
        if (names[output.value] != output.name) {
            auto& copy = *proto.add_node();
            copy.set_op_type("Identity");
            copy.add_input(names[output.value]);
            copy.add_output(output.name);
        }
        write_type(graph.value(output.value), output.name, *proto.add_output());
    }
}

void GraphWriter::write_body(const ir::Graph& body, const std::vector<std::string>& captured,
                             schema::GraphProto& proto) {
    Names names;
    const std::size_t formal = body.inputs.size() - captured.size();
    for (std::size_t i = 0; i < body.inputs.size(); ++i) {
        const ir::ValueId id = body.inputs[i];
        names[id] = i < formal ? unused_name(body.value(id).name) : captured[i - formal];
        if (i < formal) write_type(body.value(id), names[id], *proto.add_input());
    }
    write_content(body, names, proto);
    std::set<ir::ValueId> given;
    for (const ir::Output& output : body.outputs) {
        std::string name = names[output.value];
        if (!is_result(body, output.value) || !given.insert(output.value).second) {
            auto& copy = *proto.add_node();
            copy.set_op_type("Identity");
            copy.add_input(name);
            name = unused_name(output.name);
            copy.add_output(name);
        }
        write_type(body.value(output.value), name, *proto.add_output());
    }
}

void GraphWriter::write_content(const ir::Graph& graph, Names& names, schema::GraphProto& proto) {
    proto.set_name(graph.name.empty() ? "graph" : graph.name);
    for (ir::ValueId id = 0; id < graph.value_count(); ++id) {
        if (names.contains(id)) continue;
        names[id] = unused_name(graph.value(id).name);
        if (graph.value(id).constant)
            write_tensor(names[id], graph.value(id).constant, store_, *proto.add_initializer());
    }
    for (const ir::NodeId id : graph.order()) write_node(graph.node(id), names, *proto.add_node());
}

void GraphWriter::write_node(const ir::Node& node, const Names& names, schema::NodeProto& proto) {
    proto.set_op_type(node.op);
    proto.set_name(node.name);
    const auto captures = static_cast<std::size_t>(node.get<std::int64_t>("captures", 0));
    const std::size_t formal = node.inputs.size() - std::min(captures, node.inputs.size());
    std::vector<std::string> captured;
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        const std::string name = node.inputs[i] == ir::kNone ? "" : names.at(node.inputs[i]);
        if (i < formal)
            proto.add_input(name);
        else
            captured.push_back(name);
    }
    for (const ir::ValueId id : node.outputs) proto.add_output(id == ir::kNone ? "" : names.at(id));
    for (const auto& [key, value] : node.attributes)
        if (key != "captures") write_attribute(key, value, captured, *proto.add_attribute());
}

void GraphWriter::write_attribute(const std::string& key, const ir::Attribute& value,
                                  const std::vector<std::string>& captured, schema::AttributeProto& proto) {
    using schema::AttributeProto;
    proto.set_name(key);
    const auto write_list = [](const auto& values, auto& list) { list.Assign(values.begin(), values.end()); };
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
        proto.set_type(AttributeProto::INT);
        proto.set_i(*integer);
    } else if (const auto* number = std::get_if<float>(&value)) {
        proto.set_type(AttributeProto::FLOAT);
        proto.set_f(*number);
    } else if (const auto* text = std::get_if<std::string>(&value)) {
        proto.set_type(AttributeProto::STRING);
        proto.set_s(*text);
    } else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value)) {
        proto.set_type(AttributeProto::INTS);
        write_list(*integers, *proto.mutable_ints());
    } else if (const auto* numbers = std::get_if<std::vector<float>>(&value)) {
        proto.set_type(AttributeProto::FLOATS);
        write_list(*numbers, *proto.mutable_floats());
    } else if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
        proto.set_type(AttributeProto::STRINGS);
        for (const std::string& item : *texts) proto.add_strings(item);
    } else if (const auto* tensor = std::get_if<Tensor>(&value)) {
        proto.set_type(AttributeProto::TENSOR);
        write_tensor("", *tensor, store_raw, *proto.mutable_t());
    } else {
        proto.set_type(AttributeProto::GRAPH);
        write_body(*std::get<std::shared_ptr<const ir::Graph>>(value), captured, *proto.mutable_g());
    }
}

void GraphWriter::write_tensor(const std::string& name, const Tensor& tensor, const StoreElements& store,
                               schema::TensorProto& proto) {
    if (!name.empty()) proto.set_name(name);
    proto.set_data_type(static_cast<int>(ops::onnx_number(tensor.dtype())));
    for (const std::int64_t size : tensor.shape()) proto.add_dims(size);
    store(proto, tensor);
}

}  // namespace fovea::onnx
