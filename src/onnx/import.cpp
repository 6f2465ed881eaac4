#include "onnx/import.hpp"

#include <google/protobuf/io/coded_stream.h>

#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/graph_reader.hpp"
#include "onnx/skeleton.hpp"

namespace fovea::onnx {
namespace {

constexpr std::int64_t kNewestIr = 14;

schema::ModelProto parse(const std::string& message) {
    schema::ModelProto model;
    if (message.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
        fail(kLimit, "the graph without its weights takes more than 2 GiB", "split the model");
    google::protobuf::io::CodedInputStream stream(reinterpret_cast<const std::uint8_t*>(message.data()),
                                                  static_cast<int>(message.size()));
    if (!model.ParseFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
        fail(kBroken, "the file is not an ONNX model", kExportAgain);
    return model;
}

void check_header(const schema::ModelProto& model) {
    if (!model.has_graph()) fail(kBroken, "the file holds no graph; it is not an ONNX model", kExportAgain);
    if (model.ir_version() < 1) fail(kBroken, "the file has no IR version; it is not an ONNX model", kExportAgain);
    if (model.ir_version() > kNewestIr)
        fail(kUnsupported,
             "IR version " + std::to_string(model.ir_version()) + " is not supported; expected at most " +
                 std::to_string(kNewestIr),
             "export with an older onnx package");
}

ir::Graph import_at(base::MappedFile file, const std::filesystem::path& folder, const ImportOptions& options) {
    if (file.bytes.empty()) fail(kBroken, "the file is empty", "copy it again");
    Skeleton skeleton = read_skeleton(file.bytes);
    schema::ModelProto model = parse(skeleton.message);
    skeleton.message = {};
    check_header(model);
    ModelContext context{.tensors = TensorReader(std::move(file), std::move(skeleton.payloads), folder),
                         .functions = Functions(model),
                         .shapes = options.shapes};
    const OpsetVersions opsets(model.opset_import());
    ir::Graph graph = read_graph(context, opsets, *model.mutable_graph());
    ir::verify(graph);
    return graph;
}

const char* remedy(ErrorCode code) {
    switch (code) {
        case ErrorCode::unsupported:
            return "leave this part out of the exported network, or export it with other operators";
        case ErrorCode::out_of_range: return "make the model smaller; the limits stand in base/limits.hpp";
        case ErrorCode::io: return "check the path and its permissions";
        default: return "check the model with onnx.checker and export it again";
    }
}

/// Runs the import with errors in the form that the header promises.
template <class Function>
ir::Graph with_file(const std::string& name, const Function& function) {
    try {
        return function();
    } catch (const Error& error) {
        const bool complete = error.message().find(" › ") != std::string::npos;
        Error full(error.code(), complete ? error.message() : error.message() + " › " + remedy(error.code()));
        for (const std::string& context : error.context()) full.in(context);
        if (error.context().empty() || error.context().back() != name) full.in(name);
        throw full;
    }
}

}  // namespace

ir::Graph import_model(const std::filesystem::path& path, const ImportOptions& options) {
    return with_file(path.string(), [&] {
        const auto folder = path.parent_path();
        return import_at(base::map_file(path), folder.empty() ? "." : folder, options);
    });
}

ir::Graph import_model_bytes(base::MappedFile model, const ImportOptions& options, const std::string& name) {
    return with_file(name, [&] { return import_at(std::move(model), {}, options); });
}

}  // namespace fovea::onnx
