#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/graph_reader.hpp"

namespace fovea::onnx {

using schema::AttributeProto;

ir::Attribute read_attribute(TensorReader& tensors, const AttributeProto& proto) {
    switch (proto.type()) {
        case AttributeProto::INT: return proto.i();
        case AttributeProto::FLOAT: return proto.f();
        case AttributeProto::STRING: return proto.s();
        case AttributeProto::TENSOR: return tensors.read(proto.t());
        case AttributeProto::INTS: return std::vector<std::int64_t>(proto.ints().begin(), proto.ints().end());
        case AttributeProto::FLOATS: return std::vector<float>(proto.floats().begin(), proto.floats().end());
        case AttributeProto::STRINGS: return std::vector<std::string>(proto.strings().begin(), proto.strings().end());
        case AttributeProto::UNDEFINED: fail(kBroken, "the attribute has no type", kExportAgain);
        default: break;
    }
    fail(kUnsupported,
         "attributes of type " + std::to_string(proto.type()) +
             " (sparse tensors, lists of tensors or graphs, types) are not supported",
         "leave this part out of the exported network");
}

const std::string& checked_name(const std::string& name, const char* what) {
    if (name.empty()) fail(kBroken, std::string(what) + " has no name", kExportAgain);
    if (name.size() > base::limits::kMaxNameBytes)
        fail(kLimit,
             std::string(what) + " has a name of " + std::to_string(name.size()) + " bytes; at most " +
                 std::to_string(base::limits::kMaxNameBytes) + " are supported",
             "shorten the name");
    return name;
}

}  // namespace fovea::onnx
