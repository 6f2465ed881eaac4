#include "onnx/functions.hpp"

#include <algorithm>
#include <set>

#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/versions.hpp"

namespace fovea::onnx {
namespace {

bool is_main(const std::string& domain) { return domain.empty() || domain == "ai.onnx"; }

std::string key(const std::string& domain, const std::string& name, const std::string& overload) {
    std::string result = is_main(domain) ? "" : domain;
    result += '\0';
    result += name;
    result += '\0';
    return result + overload;
}

using Nodes = google::protobuf::RepeatedPtrField<schema::NodeProto>;

/// Nodes, and the bytes they take in the file.
struct Amount {
    std::int64_t nodes = 0, bytes = 0;

    /// Stays far from overflow: counts beyond the limits need not be exact.
    void add(const Amount& other) {
        constexpr std::int64_t kEnough = std::int64_t{1} << 40;
        nodes = std::min(nodes + other.nodes, kEnough);
        bytes = std::min(bytes + other.bytes, kEnough);
    }
};

/// Measures a model with all calls expanded, without expanding them.
class Expansion {
  public:
    explicit Expansion(const Functions& functions) : functions_(&functions) {}

    Amount measure(const Nodes& nodes) {
        Amount total;
        for (const auto& node : nodes) {
            const Amount self{1, static_cast<std::int64_t>(node.ByteSizeLong())};
            own_.add(self);
            total.add(self);
            for (const auto& attribute : node.attribute())
                if (attribute.has_g()) total.add(measure(attribute.g().node()));
            if (const Function* function = functions_->find(node)) total.add(measure(*function, node.op_type()));
        }
        return total;
    }

    /// What the file itself holds, for the functions that are called.
    [[nodiscard]] Amount own() const { return own_; }

  private:
    Amount measure(const Function& function, const std::string& name) {
        const auto known = measured_.find(function.proto);
        if (known != measured_.end()) return known->second;
        if (!open_.insert(function.proto).second)
            fail(kBroken, "the function \"" + name.substr(0, 200) + "\" calls itself", kFlatten);
        if (open_.size() > base::limits::kMaxNesting)
            fail(kLimit,
                 "functions call each other more than " + std::to_string(base::limits::kMaxNesting) + " levels deep",
                 kFlatten);
        const Amount amount = measure(function.proto->node());
        open_.erase(function.proto);
        return measured_[function.proto] = amount;
    }

    const Functions* functions_;
    std::map<const schema::FunctionProto*, Amount> measured_;
    std::set<const schema::FunctionProto*> open_;
    Amount own_;
};

/// What functions may add to a model: this much, and this many times what the file holds.
constexpr Amount kFreeExpansion = {20'000, 8 << 20};
constexpr std::int64_t kExpansionFactor = 20, kByteFactor = 4;

}  // namespace

OpsetVersions::OpsetVersions(const google::protobuf::RepeatedPtrField<schema::OperatorSetIdProto>& imports) {
    for (const auto& import : imports) {
        if (!is_main(import.domain())) continue;
        if (import.version() < 1 || import.version() > kNewestOpset)
            fail(kUnsupported,
                 "operator set version " + std::to_string(import.version()) + " is not supported; expected 7 to " +
                     std::to_string(kNewestOpset),
                 "convert the model with onnx.version_converter");
        if (main_ != 0 && main_ != import.version())
            fail(kBroken, "the main operator set is imported in two versions", kExportAgain);
        main_ = import.version();
    }
}

std::int64_t OpsetVersions::main() const {
    if (main_ == 0) fail(kBroken, "the main operator set is used but not imported (opset_import)", kExportAgain);
    return main_;
}

Functions::Functions(const schema::ModelProto& model) {
    for (const auto& proto : model.functions()) {
        try {
            Function function{&proto, proto.opset_import().empty() ? OpsetVersions(model.opset_import())
                                                                   : OpsetVersions(proto.opset_import())};
            if (!functions_.emplace(key(proto.domain(), proto.name(), proto.overload()), function).second)
                fail(kBroken, "the function is defined twice", kExportAgain);
        } catch (Error& error) {
            throw error.in("function " + proto.domain() + "." + proto.name());
        }
    }
    Expansion expansion(*this);
    const Amount total = expansion.measure(model.graph().node()), own = expansion.own();
    const std::int64_t nodes = std::min(base::limits::kMaxNodes, kFreeExpansion.nodes + kExpansionFactor * own.nodes);
    if (total.nodes > nodes || total.bytes > kFreeExpansion.bytes + kByteFactor * own.bytes)
        fail(kLimit,
             "with its functions expanded the model has more than " + std::to_string(nodes) +
                 " nodes, or far more text than the file",
             kFlatten);
}

const Function* Functions::find(const schema::NodeProto& node) const {
    if (functions_.empty()) return nullptr;
    const auto it = functions_.find(key(node.domain(), node.op_type(), node.overload()));
    return it == functions_.end() ? nullptr : &it->second;
}

const schema::AttributeProto* FunctionCall::find(const schema::AttributeProto& attribute) const {
    const auto it = attributes.find(attribute.ref_attr_name());
    return it == attributes.end() ? nullptr : it->second;
}

}  // namespace fovea::onnx
