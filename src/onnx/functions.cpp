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

/// Counts the nodes of a model with all calls expanded, without expanding them.
class Expansion {
  public:
    explicit Expansion(const Functions& functions) : functions_(&functions) {}

    std::int64_t count(const Nodes& nodes) {
        std::int64_t total = 0;
        for (const auto& node : nodes) {
            ++own_;
            total += 1;
            for (const auto& attribute : node.attribute())
                if (attribute.has_g()) total += count(attribute.g().node());
            if (const Function* function = functions_->find(node)) total += count(*function, node.op_type());
            total = std::min(total, base::limits::kMaxNodes + 1);
        }
        return total;
    }

    [[nodiscard]] std::int64_t own() const { return own_; }

  private:
    std::int64_t count(const Function& function, const std::string& name) {
        const auto known = counts_.find(function.proto);
        if (known != counts_.end()) return known->second;
        if (!open_.insert(function.proto).second) fail(kBroken, "the function \"" + name + "\" calls itself", kFlatten);
        if (open_.size() > base::limits::kMaxNesting)
            fail(kLimit,
                 "functions call each other more than " + std::to_string(base::limits::kMaxNesting) + " levels deep",
                 kFlatten);
        const std::int64_t nodes = count(function.proto->node());
        open_.erase(function.proto);
        return counts_[function.proto] = nodes;
    }

    const Functions* functions_;
    std::map<const schema::FunctionProto*, std::int64_t> counts_;
    std::set<const schema::FunctionProto*> open_;
    std::int64_t own_ = 0;
};

/// Nodes that functions may add to a model, at least, and for each node that the file holds.
constexpr std::int64_t kFreeExpansion = 20'000, kExpansionFactor = 20;

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
    const std::int64_t total = expansion.count(model.graph().node());
    const std::int64_t allowed = std::min(base::limits::kMaxNodes, kFreeExpansion + kExpansionFactor * expansion.own());
    if (total > allowed)
        fail(kLimit, "with its functions expanded the model has more than " + std::to_string(allowed) + " nodes",
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
