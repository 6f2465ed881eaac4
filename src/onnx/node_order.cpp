#include "onnx/node_order.hpp"

#include <functional>
#include <queue>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

#include "onnx/fail.hpp"

namespace fovea::onnx {
namespace {

using Nodes = google::protobuf::RepeatedPtrField<schema::NodeProto>;

/// Names that a body gives a meaning itself.
std::unordered_set<std::string_view> local_names(const schema::GraphProto& body) {
    std::unordered_set<std::string_view> names;
    for (const auto& input : body.input()) names.insert(input.name());
    for (const auto& initializer : body.initializer()) names.insert(initializer.name());
    for (const auto& node : body.node()) names.insert(node.output().begin(), node.output().end());
    return names;
}

/// Calls `visit(name)` for every name that `node` or a body of it takes from outside.
void for_each_read(const schema::NodeProto& node, const std::function<void(const std::string&)>& visit) {
    for (const std::string& input : node.input()) visit(input);
    for (const auto& attribute : node.attribute()) {
        if (!attribute.has_g()) continue;
        const auto local = local_names(attribute.g());
        const auto visit_outer = [&](const std::string& name) {
            if (!local.contains(name)) visit(name);
        };
        for (const auto& inner : attribute.g().node()) for_each_read(inner, visit_outer);
        for (const auto& output : attribute.g().output()) visit_outer(output.name());
    }
}

}  // namespace

std::string node_label(const schema::NodeProto& node) {
    if (!node.name().empty()) return node.name();
    return node.op_type() + ":" + (node.output_size() ? node.output(0) : "");
}

std::string describe(const schema::NodeProto& node) {
    return "node " + node_label(node).substr(0, 200) + " (" + node.op_type().substr(0, 100) + ")";
}

std::vector<int> node_order(const Nodes& nodes) {
    std::unordered_map<std::string_view, int> producers;
    for (int i = 0; i < nodes.size(); ++i)
        for (const std::string& output : nodes[i].output())
            if (!output.empty()) producers.emplace(output, i);
    std::vector<std::vector<int>> readers(static_cast<std::size_t>(nodes.size()));
    std::vector<int> missing(readers.size(), 0);
    for (int i = 0; i < nodes.size(); ++i)
        for_each_read(nodes[i], [&](const std::string& name) {
            const auto producer = producers.find(name);
            if (producer == producers.end()) return;
            readers[static_cast<std::size_t>(producer->second)].push_back(i);
            ++missing[static_cast<std::size_t>(i)];
        });
    std::priority_queue<int, std::vector<int>, std::greater<>> ready;
    for (int i = 0; i < nodes.size(); ++i)
        if (missing[static_cast<std::size_t>(i)] == 0) ready.push(i);
    std::vector<int> order;
    while (!ready.empty()) {
        const int i = ready.top();
        ready.pop();
        order.push_back(i);
        for (const int reader : readers[static_cast<std::size_t>(i)])
            if (--missing[static_cast<std::size_t>(reader)] == 0) ready.push(reader);
    }
    for (int i = 0; i < nodes.size(); ++i)
        if (missing[static_cast<std::size_t>(i)] > 0)
            throw Error(kBroken, std::string("the node is part of a cycle or follows one; a graph must be acyclic › ") +
                                     kExportAgain)
                .in(describe(nodes[i]));
    return order;
}

}  // namespace fovea::onnx
