#pragma once

#include <functional>
#include <map>
#include <set>
#include <string>

#include "ir/graph.hpp"
#include "onnx/schema.hpp"

namespace fovea::onnx {

/// Stores a constant's elements in the (otherwise complete) proto.
using StoreElements = std::function<void(schema::TensorProto&, const Tensor&)>;

/// Elements packed as files hold them, in `raw_data`.
void store_raw(schema::TensorProto& proto, const Tensor& tensor);

/// Writes a graph with its bodies; keeps the names of all of them apart.
class GraphWriter {
  public:
    explicit GraphWriter(StoreElements store) : store_(std::move(store)) {}

    void write(const ir::Graph& graph, schema::GraphProto& proto);

  private:
    using Names = std::map<ir::ValueId, std::string>;

    void write_body(const ir::Graph& body, const std::vector<std::string>& captured, schema::GraphProto& proto);
    void write_content(const ir::Graph& graph, Names& names, schema::GraphProto& proto);
    void write_node(const ir::Node& node, const Names& names, schema::NodeProto& proto);
    void write_attribute(const std::string& key, const ir::Attribute& value, const std::vector<std::string>& captured,
                         schema::AttributeProto& proto);
    void write_tensor(const std::string& name, const Tensor& tensor, const StoreElements& store,
                      schema::TensorProto& proto);
    std::string unused_name(const std::string& name);

    StoreElements store_;
    std::set<std::string> used_;
};

}  // namespace fovea::onnx
