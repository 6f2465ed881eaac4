#pragma once

#include <span>
#include <string>

#include "onnx/graph_builder.hpp"

namespace fovea::onnx {

/// Holds the types of `inputs` against the schema that operator `op` of the main domain has in `version` of the
/// operator set: each belongs to those allowed, and inputs that share a type variable have one type. Types that are not
/// known and inputs that the schema does not list pass; so do nodes that lack a required input, which `ops::check`
/// refuses. Throws `invalid_model` naming the input.
///
/// This holds for imported graphs only: precision assignment mixes types on purpose.
void check_operand_types(const GraphBuilder& builder, const std::string& op, std::int64_t version,
                         std::span<const ir::ValueId> inputs);

}  // namespace fovea::onnx
