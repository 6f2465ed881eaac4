#include "onnx/export.hpp"

#include "base/checked.hpp"
#include "base/file.hpp"
#include "onnx/fail.hpp"
#include "onnx/graph_writer.hpp"
#include "onnx/tensors.hpp"

namespace fovea::onnx {
namespace {

/// Tensors of at least this size go to the file of weights, where each begins at a multiple of kAlignment.
constexpr std::size_t kExternalBytes = 1024, kAlignment = 64;

/// The oldest IR version that knows the types and fields of an operator set.
std::int64_t ir_version(std::int64_t opset) {
    if (opset <= 18) return 8;
    if (opset <= 20) return 9;
    if (opset <= 22) return 10;
    if (opset <= 23) return 11;
    if (opset <= 24) return 12;
    return opset <= 27 ? 13 : 14;
}

std::string serialise(const ir::Graph& graph, const StoreElements& store) {
    schema::ModelProto model;
    const std::int64_t opset = required_opset(graph);
    model.set_ir_version(ir_version(opset));
    model.set_producer_name("fovea");
    model.add_opset_import()->set_version(opset);
    GraphWriter(store).write(graph, *model.mutable_graph());
    std::string bytes;
    if (model.ByteSizeLong() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
        !model.SerializeToString(&bytes))
        fail(kLimit, "the model takes more than 2 GiB", "write it to a file, with its weights beside it");
    return bytes;
}

std::size_t constant_bytes(const ir::Graph& graph) {
    std::size_t bytes = 0;
    for (ir::ValueId id = 0; id < graph.value_count(); ++id)
        if (const Tensor* tensor = graph.constant(id)) bytes += tensor->bytes();
    for (const ir::NodeId id : graph.order())
        for (const auto& [key, attribute] : graph.node(id).attributes)
            if (const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&attribute))
                bytes += constant_bytes(**body);
    return bytes;
}

void add_entry(schema::TensorProto& proto, const char* key, const std::string& value) {
    auto& entry = *proto.add_external_data();
    entry.set_key(key);
    entry.set_value(value);
}

}  // namespace

std::string export_bytes(const ir::Graph& graph) { return serialise(graph, store_raw); }

void export_model(const ir::Graph& graph, const std::filesystem::path& path, const ExportOptions& options) {
    if (constant_bytes(graph) <= options.max_inline_bytes) return base::write_text(path, export_bytes(graph));
    const std::filesystem::path data_path = path.string() + ".data";
    std::string data;
    const auto store = [&](schema::TensorProto& proto, const Tensor& tensor) {
        store_raw(proto, tensor);
        if (proto.raw_data().size() < kExternalBytes) return;
        data.resize(base::round_up(data.size(), kAlignment));
        add_entry(proto, "location", data_path.filename().string());
        add_entry(proto, "offset", std::to_string(data.size()));
        add_entry(proto, "length", std::to_string(proto.raw_data().size()));
        data += proto.raw_data();
        proto.clear_raw_data();
        proto.set_data_location(schema::TensorProto::EXTERNAL);
    };
    const std::string model = serialise(graph, store);
    base::write_text(data_path, data);
    base::write_text(path, model);
}

}  // namespace fovea::onnx
