#pragma once

#include <optional>
#include <string>
#include <vector>

#include "compiler/build.hpp"
#include "plan/plan.hpp"

namespace fovea::api {

/// A plan without its weights, as JSON: inputs, outputs, profile, and for each target the kernels in order with the
/// user's nodes, types, shapes at the optimum, FLOPs, bytes, tactic and measured time, and the certificate.
std::string describe(const plan::Plan& plan);

/// What a build did, as JSON.
std::string describe(const compiler::BuildReport& report, const plan::Plan& plan);

/// FLOPs and bytes (inputs, outputs and constants once each) of one step at these shapes.
struct StepCost {
    double flops = 0, bytes = 0;
};
StepCost step_cost(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values);

/// Floating-point operations of one node; none where a shape is not known.
std::optional<double> node_flops(const ir::Node& node, const ops::ValueTable& values);

/// The type that a step computes in: what its costliest operator reads, as it stood before a DequantizeLinear or Cast
/// that runs in the same kernel.
DType step_type(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values);

/// The user's nodes that a step computes.
std::vector<std::string> step_nodes(const plan::Plan& plan, const plan::Step& step);

/// Shapes and types of all values at the optimum of the profile.
ops::ValueTable optimum(const plan::Plan& plan);

}  // namespace fovea::api
