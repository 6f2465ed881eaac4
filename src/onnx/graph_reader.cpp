#include "onnx/graph_reader.hpp"

#include <string_view>
#include <unordered_set>

#include "base/checked.hpp"
#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/node_order.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::onnx {
namespace {

ir::Dims read_dims(const schema::TensorShapeProto& proto) {
    if (proto.dim_size() > base::limits::kMaxRank)
        fail(kLimit,
             "the shape has " + std::to_string(proto.dim_size()) + " dimensions; at most " +
                 std::to_string(base::limits::kMaxRank) + " are supported",
             kExportAgain);
    ir::Dims dims;
    std::int64_t count = 1;
    for (const auto& dim : proto.dim()) {
        // Some exporters write -1 for a size that is not known.
        if (dim.has_dim_value() && dim.dim_value() < -1)
            fail(kBroken, "the shape has the negative size " + std::to_string(dim.dim_value()), kExportAgain);
        if (dim.has_dim_value() && dim.dim_value() >= 0) {
            dims.emplace_back(dim.dim_value());
            count = base::checked_mul(count, std::max<std::int64_t>(dim.dim_value(), 1));
            if (count > base::limits::kMaxElements)
                fail(kLimit, "the shape exceeds the limit of 2^36 elements", kExportAgain);
        } else if (dim.has_dim_param()) {
            dims.push_back(ir::Dim(dim.dim_param().substr(0, base::limits::kMaxNameBytes)));
        } else {
            dims.emplace_back();
        }
    }
    return dims;
}

/// Type and shape as declared; texts, sequences and the like are refused.
ops::ValueInfo read_type(const schema::ValueInfoProto& proto) {
    ops::ValueInfo info;
    if (!proto.has_type() || proto.type().value_case() == schema::TypeProto::VALUE_NOT_SET) return info;
    if (!proto.type().has_tensor_type())
        fail(kUnsupported, "sequences, maps, optional and sparse tensors are not supported",
             "leave them out of the exported network");
    const auto& type = proto.type().tensor_type();
    info.dtype = ops::dtype_from_onnx(type.elem_type());
    if (info.dtype == DType::undefined && type.elem_type() != 0)
        fail(kUnsupported,
             "element type " + std::to_string(type.elem_type()) + " (texts, complex numbers) is not supported",
             "leave this part out of the exported network");
    if (type.has_shape()) info.dims = read_dims(type.shape());
    return info;
}

template <class Function>
void with_context(const std::string& context, const Function& function) {
    try {
        function();
    } catch (Error& error) {
        throw error.in(context);
    }
}

std::string quoted(const char* what, const std::string& name) {
    return std::string(what) + " \"" + name.substr(0, 200) + "\"";
}

void read_initializer(Scope& scope, const schema::TensorProto& tensor) {
    with_context(quoted("initializer", tensor.name()), [&] {
        const std::string& name = checked_name(tensor.name(), "an initialiser");
        Tensor content = scope.model.tensors.read(tensor);
        scope.define(name, scope.builder.add_constant(scope.prefix + name, std::move(content), scope.prefix + name));
    });
}

void read_outputs(Scope& scope, const schema::GraphProto& proto) {
    std::unordered_set<std::string_view> seen;
    for (const auto& output : proto.output())
        with_context(quoted("output", output.name()), [&] {
            checked_name(output.name(), "a graph output");
            const auto id = scope.resolve(output.name());
            if (!id || *id == ir::kNone) fail(kBroken, "no node, input or initialiser gives this tensor", kExportAgain);
            if (!scope.outer && !seen.insert(output.name()).second)
                fail(kBroken, "the graph has two outputs of this name", kExportAgain);
            scope.builder.add_output(output.name(), *id);
        });
}

/// Inputs of the main graph, but for those that are initialisers too.
void read_inputs(Scope& scope, const schema::GraphProto& proto) {
    std::size_t overridden = 0;
    for (const auto& input : proto.input())
        with_context(quoted("input", input.name()), [&] {
            checked_name(input.name(), "a graph input");
            const auto known = scope.names.find(input.name());
            if (known != scope.names.end() && scope.builder.graph().constant(known->second)) return;
            const auto shape = scope.model.shapes.find(input.name());
            ops::ValueInfo info = read_type(input);
            if (info.dtype == DType::undefined) fail(kBroken, "the input has no element type", kExportAgain);
            if (shape != scope.model.shapes.end()) {
                info.dims = shape->second;
                ++overridden;
            }
            scope.define(input.name(), scope.builder.add_input(input.name(), std::move(info), input.name()));
        });
    if (overridden == scope.model.shapes.size()) return;
    for (const auto& [name, dims] : scope.model.shapes)
        if (!scope.names.contains(name) || !scope.builder.graph().is_input(scope.names.at(name)))
            throw Error(ErrorCode::invalid_argument,
                        "a shape is given for \"" + name +
                            "\", but the model has no such input › use one of the names that `fovea inspect` lists");
}

/// Formal inputs of a body. Their declared sizes are no more than hints, since a body runs on changing shapes.
void read_formal_inputs(Scope& scope, const schema::GraphProto& proto, const std::vector<DType>& types) {
    for (int i = 0; i < proto.input_size(); ++i)
        with_context(quoted("input", proto.input(i).name()), [&] {
            const std::string& name = checked_name(proto.input(i).name(), "a body input");
            ops::ValueInfo info = read_type(proto.input(i));
            if (info.dtype == DType::undefined && static_cast<std::size_t>(i) < types.size())
                info.dtype = types[static_cast<std::size_t>(i)];
            if (info.dims) info.dims = ir::Dims(info.dims->size());
            scope.define(name, scope.builder.add_input(scope.prefix + name, std::move(info), scope.prefix + name));
        });
}

}  // namespace

std::optional<ir::ValueId> Scope::resolve(const std::string& name) {
    const auto known = names.find(name);
    if (known != names.end()) return known->second;
    if (!outer) return std::nullopt;
    const auto found = outer->resolve(name);
    if (!found || *found == ir::kNone) return found;
    const ir::ValueId source = *found;
    if (&outer->builder == &builder) return source;
    const ir::Value& value = outer->builder.graph().value(source);
    const std::string origin = value.origins.empty() ? std::string() : value.origins.front();
    ir::ValueId id;
    if (value.constant) {
        id = builder.add_constant(value.name, value.constant, origin);
    } else {
        id = builder.add_input(value.name, outer->builder.info(source), origin);
        captures.emplace_back(source, id);
    }
    names.emplace(name, id);
    return id;
}

void read_initializers(Scope& scope, const schema::GraphProto& proto) {
    if (proto.sparse_initializer_size() > 0)
        fail(kUnsupported, "sparse initialisers are not supported", "store the weights as dense tensors");
    for (const auto& tensor : proto.initializer()) read_initializer(scope, tensor);
}

void Scope::define(const std::string& name, ir::ValueId id) {
    if (!names.emplace(name, id).second)
        fail(kBroken, "the tensor name \"" + name.substr(0, 200) + "\" is given twice", kExportAgain);
}

void read_nodes(Scope& scope, const google::protobuf::RepeatedPtrField<schema::NodeProto>& nodes) {
    for (const int i : node_order(nodes)) read_node(scope, nodes[i]);
}

ir::Graph read_graph(ModelContext& model, const OpsetVersions& opsets, schema::GraphProto& proto) {
    GraphBuilder builder(model.fold_budget);
    builder.graph().name = proto.name().substr(0, base::limits::kMaxNameBytes);
    Scope scope{.model = model, .builder = builder, .opsets = opsets};
    read_initializers(scope, proto);
    schema::GraphProto().mutable_initializer()->Swap(proto.mutable_initializer());
    read_inputs(scope, proto);
    for (const int i : node_order(proto.node())) {
        schema::NodeProto node;
        node.Swap(proto.mutable_node(i));
        read_node(scope, node);
    }
    if (proto.output_size() == 0) fail(kBroken, "the graph has no outputs", kExportAgain);
    read_outputs(scope, proto);
    return builder.finish();
}

Body read_body(Scope& outer, const schema::GraphProto& proto, const std::vector<DType>& types) {
    if (outer.depth >= base::limits::kMaxNesting)
        fail(kLimit, "bodies nest deeper than " + std::to_string(base::limits::kMaxNesting) + " levels", kFlatten);
    GraphBuilder builder(outer.model.fold_budget);
    builder.graph().name = proto.name().substr(0, base::limits::kMaxNameBytes);
    Scope scope{.model = outer.model,
                .builder = builder,
                .opsets = outer.opsets,
                .outer = &outer,
                .call = outer.call,
                .prefix = outer.prefix,
                .depth = outer.depth + 1};
    read_formal_inputs(scope, proto, types);
    read_initializers(scope, proto);
    read_nodes(scope, proto.node());
    read_outputs(scope, proto);
    Body body{builder.finish(), {}};
    for (const auto& [source, id] : scope.captures) body.captures.push_back(source);
    return body;
}

}  // namespace fovea::onnx
