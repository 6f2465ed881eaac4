#include "onnx/versions.hpp"

namespace fovea::onnx {
namespace {

/// A body that applies `scan` to one example; its inputs and outputs are the node's, less the batch axis of the first
/// `examples` inputs.
ir::Graph body_of_example(const Conversion& c, ir::Node scan, std::size_t examples) {
    ir::Graph body;
    body.name = "example";
    for (std::size_t i = 0; i < c.call.inputs.size(); ++i) {
        const ops::ValueInfo& info = c.info(i);
        std::optional<ir::Dims> dims = info.dims;
        if (i < examples && dims && !dims->empty()) dims->erase(dims->begin());
        scan.inputs.push_back(body.add_input("x" + std::to_string(i), info.dtype, std::move(dims)));
    }
    const auto& inner = std::get<std::shared_ptr<const ir::Graph>>(scan.attributes.at("body"));
    for (std::size_t i = 0; i < c.call.outputs.size(); ++i) {
        const DType type = i < inner->outputs.size() ? inner->value(inner->outputs[i].value).dtype : DType::undefined;
        scan.outputs.push_back(body.add_value({.name = "y" + std::to_string(i), .dtype = type}));
        body.outputs.push_back({"y" + std::to_string(i), scan.outputs.back()});
    }
    body.add_node(std::move(scan));
    return body;
}

}  // namespace

/// In operator set 8 every input and output of Scan had a batch axis in front. A scan over the batch whose body is
/// today's Scan computes the same.
void scan_8(Conversion& c) {
    if (c.has(0)) c.refuse("input \"sequence_lens\" is not supported");
    if (!c.call.attributes.contains("body") || c.call.inputs.empty()) return;
    c.call.inputs.erase(c.call.inputs.begin());
    for (std::size_t i = 0; i < c.call.inputs.size(); ++i)
        if (!c.has(i)) c.refuse("input " + std::to_string(i + 1) + " is omitted");
    const auto captures = c.take<std::int64_t>("captures", 0);
    const auto examples = static_cast<std::int64_t>(c.call.inputs.size()) - captures;
    ir::Node scan{
        .op = "Scan", .name = c.call.name, .attributes = std::move(c.call.attributes), .origins = {c.call.origin}};
    const auto directions = scan.attributes.find("directions");
    if (directions != scan.attributes.end()) {
        scan.attributes["scan_input_directions"] = directions->second;
        scan.attributes.erase("directions");
    }
    scan.attributes["captures"] = captures;
    auto body =
        std::make_shared<const ir::Graph>(body_of_example(c, std::move(scan), static_cast<std::size_t>(examples)));
    c.call.attributes = {{"body", std::move(body)}, {"captures", captures}, {"num_scan_inputs", examples}};
}

}  // namespace fovea::onnx
