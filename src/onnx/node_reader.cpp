#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/graph_reader.hpp"
#include "onnx/microsoft.hpp"
#include "onnx/node_order.hpp"
#include "onnx/versions.hpp"

namespace fovea::onnx {
namespace {

using schema::AttributeProto;
using schema::NodeProto;

/// Longest path of calls that names inside a function begin with.
constexpr std::size_t kMaxPrefix = 256;

/// Attributes of `node` as they stand where it is called; in a function some refer to the call's.
std::vector<std::pair<std::string, const AttributeProto*>> attributes_of(const Scope& scope, const NodeProto& node) {
    std::vector<std::pair<std::string, const AttributeProto*>> result;
    for (const AttributeProto& attribute : node.attribute()) {
        const AttributeProto* actual = &attribute;
        if (!attribute.ref_attr_name().empty()) {
            if (!scope.call)
                fail(kBroken,
                     "attribute \"" + attribute.name() + "\" refers to a function's attribute outside of a function",
                     kExportAgain);
            actual = scope.call->find(attribute);
        }
        if (actual) result.emplace_back(checked_name(attribute.name(), "an attribute"), actual);
    }
    return result;
}

ir::ValueId input_of(Scope& scope, const std::string& name) {
    if (name.empty()) return ir::kNone;
    const auto id = scope.resolve(name);
    if (!id)
        fail(kBroken, "input \"" + name.substr(0, 200) + "\" is given by no node, input or initialiser", kExportAgain);
    return *id;
}

/// `name` of a node that was replaced by its content means the value that is called `result` inside.
void define_result(Scope& scope, const std::string& name, Scope& inner, const std::string& result) {
    if (name.empty()) return;
    const auto id = inner.resolve(result);
    if (!id || *id == ir::kNone)
        fail(kBroken, "nothing gives the result \"" + result.substr(0, 200) + "\"", kExportAgain);
    scope.define(checked_name(name, "an output"), *id);
    scope.builder.add_origin(*id, scope.prefix + name);
}

bool in_main_domain(const NodeProto& node) { return node.domain().empty() || node.domain() == "ai.onnx"; }

/// A Constant node: its attribute becomes a constant of the graph.
void read_constant(Scope& scope, const NodeProto& node) {
    if (node.attribute_size() != 1 || node.output_size() != 1)
        fail(kBroken, "expected one attribute and one output", kExportAgain);
    const auto attributes = attributes_of(scope, node);
    if (attributes.empty()) fail(kBroken, "the call of the function does not give the constant's value", kExportAgain);
    ir::Attribute value;
    try {
        value = read_attribute(scope.model.tensors, *attributes[0].second);
    } catch (Error& error) {
        throw error.in("attribute \"" + attributes[0].first + "\"");
    }
    const std::string& key = attributes[0].first;
    Tensor tensor;
    const auto count = [](const auto& values) { return static_cast<std::int64_t>(values.size()); };
    if (const auto* dense = std::get_if<Tensor>(&value); dense && key == "value")
        tensor = *dense;
    else if (const auto* integer = std::get_if<std::int64_t>(&value); integer && key == "value_int")
        tensor = Tensor::scalar(*integer);
    else if (const auto* number = std::get_if<float>(&value); number && key == "value_float")
        tensor = Tensor::scalar(*number);
    else if (const auto* integers = std::get_if<std::vector<std::int64_t>>(&value); integers && key == "value_ints")
        tensor = Tensor::vector(*integers);
    else if (const auto* numbers = std::get_if<std::vector<float>>(&value); numbers && key == "value_floats")
        tensor = Tensor::from<float>({count(*numbers)}, *numbers);
    else
        fail(kUnsupported,
             "attribute \"" + key + "\": texts, sparse tensors and other types are not supported as constants",
             "store the constant as a dense tensor");
    const std::string& name = checked_name(node.output(0), "an output");
    scope.define(name, scope.builder.add_constant(scope.prefix + name, std::move(tensor), scope.prefix + name));
}

/// Brings the captured values of several bodies into one order: each gets all of them, as further inputs.
void merge_captures(const GraphBuilder& outer, std::vector<Body>& bodies) {
    std::vector<ir::ValueId> all;
    std::unordered_set<ir::ValueId> seen;
    for (const Body& body : bodies)
        for (const ir::ValueId id : body.captures)
            if (seen.insert(id).second) all.push_back(id);
    for (Body& body : bodies) {
        auto& inputs = body.graph.inputs;
        const auto formal = inputs.end() - static_cast<std::ptrdiff_t>(body.captures.size());
        std::unordered_map<ir::ValueId, ir::ValueId> inner;
        for (std::size_t i = 0; i < body.captures.size(); ++i)
            inner[body.captures[i]] = *(formal + static_cast<std::ptrdiff_t>(i));
        inputs.erase(formal, inputs.end());
        for (const ir::ValueId id : all) {
            const auto known = inner.find(id);
            if (known != inner.end()) {
                inputs.push_back(known->second);
                continue;
            }
            const ir::Value& value = outer.graph().value(id);
            inputs.push_back(body.graph.add_value({.name = body.graph.unique_name(value.name),
                                                   .dtype = outer.info(id).dtype,
                                                   .dims = outer.info(id).dims,
                                                   .origins = value.origins}));
        }
        body.captures = all;
    }
}

/// Bodies become attributes; what they take from outside becomes further inputs of the call.
void read_bodies(Scope& scope, const std::vector<std::pair<std::string, const AttributeProto*>>& attributes,
                 Call& call) {
    std::vector<std::string> keys;
    std::vector<Body> bodies;
    std::vector<DType> types;
    for (const ir::ValueId id : call.inputs)
        types.push_back(id == ir::kNone ? DType::undefined : scope.builder.info(id).dtype);
    if (call.op == "If") types.clear();
    for (const auto& [key, attribute] : attributes) {
        if (attribute->type() != AttributeProto::GRAPH) continue;
        try {
            keys.push_back(key);
            bodies.push_back(read_body(scope, attribute->g(), types));
        } catch (Error& error) {
            throw error.in("attribute \"" + key + "\"");
        }
    }
    if (bodies.empty()) return;
    merge_captures(scope.builder, bodies);
    call.inputs.insert(call.inputs.end(), bodies[0].captures.begin(), bodies[0].captures.end());
    call.captures = bodies[0].captures.size();
    call.attributes["captures"] = static_cast<std::int64_t>(bodies[0].captures.size());
    for (std::size_t i = 0; i < bodies.size(); ++i)
        call.attributes[keys[i]] = std::make_shared<const ir::Graph>(std::move(bodies[i].graph));
}

/// The branch that an If with a constant condition takes, or nullptr.
const schema::GraphProto* taken_branch(Scope& scope, const NodeProto& node) {
    if (node.op_type() != "If" || node.input_size() != 1) return nullptr;
    const ir::ValueId condition = input_of(scope, node.input(0));
    if (condition == ir::kNone) return nullptr;
    const Tensor& value = scope.builder.info(condition).constant;
    if (!value || value.dtype() != DType::boolean || value.size() != 1) return nullptr;
    const char* key = value.as<bool>()[0] ? "then_branch" : "else_branch";
    for (const auto& [name, attribute] : attributes_of(scope, node))
        if (name == key && attribute->type() == AttributeProto::GRAPH) return &attribute->g();
    return nullptr;
}

/// Puts a branch in the place of its If. The other branch, which may not even fit the shapes at hand, is not read.
void read_branch(Scope& scope, const NodeProto& node, const schema::GraphProto& branch) {
    if (node.output_size() != branch.output_size() || branch.input_size() != 0)
        fail(kBroken,
             "the branch has " + std::to_string(branch.input_size()) + " inputs and " +
                 std::to_string(branch.output_size()) + " outputs; expected none and " +
                 std::to_string(node.output_size()),
             kExportAgain);
    Scope inner{.model = scope.model,
                .builder = scope.builder,
                .opsets = scope.opsets,
                .outer = &scope,
                .call = scope.call,
                .prefix = scope.prefix,
                .depth = scope.depth + 1};
    read_initializers(inner, branch);
    read_nodes(inner, branch.node());
    for (int i = 0; i < node.output_size(); ++i) define_result(scope, node.output(i), inner, branch.output(i).name());
}

void read_operator(Scope& scope, const NodeProto& node) {
    const bool main = in_main_domain(node);
    const Convert convert = node.domain() == kMicrosoft ? find_microsoft(node.op_type()) : nullptr;
    if (!main && !convert)
        fail(kUnsupported,
             "operators of the domain \"" + node.domain().substr(0, 200) +
                 "\" are not supported; only those of the main ONNX domain are, and what ONNX Runtime's quantiser "
                 "writes",
             "export the model without custom operators");
    Call call{.op = node.op_type(),
              .version = main ? scope.opsets.main() : kNewestOpset,
              .name = scope.prefix + node_label(node),
              .origin = scope.prefix + node_label(node),
              .convert = convert};
    const auto attributes = attributes_of(scope, node);
    for (const auto& [key, attribute] : attributes) {
        if (attribute->type() == AttributeProto::GRAPH) continue;
        try {
            if (!call.attributes.emplace(key, read_attribute(scope.model.tensors, *attribute)).second)
                fail(kBroken, "the attribute is given twice", kExportAgain);
        } catch (Error& error) {
            throw error.in("attribute \"" + key.substr(0, 200) + "\"");
        }
    }
    for (const std::string& name : node.input()) call.inputs.push_back(input_of(scope, name));
    read_bodies(scope, attributes, call);
    if (node.output_size() == 0) fail(kBroken, "the node has no outputs", kExportAgain);
    for (const std::string& name : node.output()) {
        if (name.empty()) {
            call.outputs.push_back(ir::kNone);
            continue;
        }
        checked_name(name, "an output");
        call.outputs.push_back(scope.builder.add_result(scope.prefix + name, scope.prefix + name));
        scope.define(name, call.outputs.back());
    }
    add_call(scope.builder, std::move(call));
}

/// Puts the nodes of a function in the place of a call.
void read_call(Scope& scope, const NodeProto& node, const Function& function) {
    const auto& proto = *function.proto;
    if (scope.depth >= base::limits::kMaxNesting)
        fail(kLimit, "bodies and functions nest deeper than " + std::to_string(base::limits::kMaxNesting) + " levels",
             kFlatten);
    if (node.input_size() > proto.input_size() || node.output_size() > proto.output_size())
        fail(kBroken,
             "the function takes " + std::to_string(proto.input_size()) + " inputs and gives " +
                 std::to_string(proto.output_size()) + " outputs, the call has " + std::to_string(node.input_size()) +
                 " and " + std::to_string(node.output_size()),
             kExportAgain);
    FunctionCall call;
    for (const auto& fallback : proto.attribute_proto()) call.attributes[fallback.name()] = &fallback;
    for (const auto& [key, attribute] : attributes_of(scope, node)) call.attributes[key] = attribute;
    std::string prefix = scope.prefix + node_label(node) + "/";
    if (prefix.size() > kMaxPrefix) prefix = prefix.substr(prefix.size() - kMaxPrefix);
    Scope inner{.model = scope.model,
                .builder = scope.builder,
                .opsets = function.opsets,
                .call = &call,
                .prefix = prefix,
                .depth = scope.depth + 1};
    for (int i = 0; i < proto.input_size(); ++i)
        inner.define(proto.input(i), i < node.input_size() ? input_of(scope, node.input(i)) : ir::kNone);
    try {
        read_nodes(inner, proto.node());
    } catch (Error& error) {
        throw error.in("function " + proto.name().substr(0, 200));
    }
    for (int i = 0; i < node.output_size(); ++i) define_result(scope, node.output(i), inner, proto.output(i));
}

}  // namespace

void read_node(Scope& scope, const NodeProto& node) {
    try {
        checked_name(node.op_type(), "the operator");
        if (node.name().size() > base::limits::kMaxNameBytes) checked_name(node.name(), "the node");
        if (const Function* function = scope.model.functions.find(node)) return read_call(scope, node, *function);
        const bool main = in_main_domain(node);
        if (main && node.op_type() == "Constant") return read_constant(scope, node);
        if (const auto* branch = main ? taken_branch(scope, node) : nullptr) return read_branch(scope, node, *branch);
        read_operator(scope, node);
    } catch (Error& error) {
        // Errors of the operator itself name the node already.
        if (error.context().empty() || !error.context().back().starts_with("node ")) error.in(describe(node));
        throw;
    }
}

}  // namespace fovea::onnx
