#pragma once

#include <vector>

#include "onnx/schema.hpp"

namespace fovea::onnx {

/// Positions of `nodes` in an order in which every producer stands before its readers, those inside bodies included;
/// otherwise as given. Throws `invalid_model` naming a node on a cycle.
std::vector<int> node_order(const google::protobuf::RepeatedPtrField<schema::NodeProto>& nodes);

/// "node NAME (Op)", as errors show it.
std::string describe(const schema::NodeProto& node);

/// The node's name or, where it has none, "Op:first_output".
std::string node_label(const schema::NodeProto& node);

}  // namespace fovea::onnx
