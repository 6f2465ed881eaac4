#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "onnx/schema.hpp"

namespace fovea::onnx {

/// Versions of the operator sets that a model or function imports, by domain ("" is the main one).
class OpsetVersions {
  public:
    OpsetVersions() = default;
    /// Throws `invalid_model` for versions that are missing, contradictory or unknown.
    explicit OpsetVersions(const google::protobuf::RepeatedPtrField<schema::OperatorSetIdProto>& imports);
    /// Version of the main domain; throws when the model does not import it.
    [[nodiscard]] std::int64_t main() const;

  private:
    std::int64_t main_ = 0;
};

/// A function of the model.
struct Function {
    const schema::FunctionProto* proto = nullptr;
    OpsetVersions opsets;
};

/// The functions that a model defines.
class Functions {
  public:
    Functions() = default;
    /// Throws where functions are defined twice, call themselves, nest too deeply, or expand to too many nodes.
    explicit Functions(const schema::ModelProto& model);
    /// The function that `node` calls, or nullptr.
    [[nodiscard]] const Function* find(const schema::NodeProto& node) const;

  private:
    std::map<std::string, Function> functions_;
};

/// Attributes that a function's nodes refer to, as one call gives them.
struct FunctionCall {
    std::map<std::string, const schema::AttributeProto*, std::less<>> attributes;
    /// The attribute that `attribute` of a node in the function stands for; nullptr when it is absent.
    [[nodiscard]] const schema::AttributeProto* find(const schema::AttributeProto& attribute) const;
};

}  // namespace fovea::onnx
