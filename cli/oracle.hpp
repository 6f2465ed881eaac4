#pragma once

#include <filesystem>
#include <functional>

#include "npz.hpp"
#include "plan/plan.hpp"

namespace fovea::cli {

/// Computes the expected outputs for inputs by name.
using Oracle = std::function<Tensors(const Tensors&)>;

enum class OracleKind {
    reference,  ///< the model as it is, by the reference kernels
    unfused,    ///< the simplified model, operator by operator in f32, by the preferred backend's first kernels
};

/// Reads the model at the shapes of the plan's profile.
Oracle make_oracle(const plan::Plan& plan, const std::filesystem::path& model, OracleKind kind);

}  // namespace fovea::cli
