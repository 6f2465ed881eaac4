#pragma once

#include <string_view>

#include "fovea/engine.hpp"
#include "vision/contract.hpp"

namespace fovea {

/// A contract's text (docs/contract.md) for the engine's network: input sizes that it leaves open are the plan's where
/// the plan fixes them. Throws `invalid_argument` when it is broken or names no input of the plan.
vision::Contract image_contract(const Engine& engine, std::string_view text);

}  // namespace fovea
