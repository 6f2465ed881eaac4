#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "fovea/engine.hpp"
#include "latency.hpp"

namespace fovea::cli {

/// Times of pre-processing an image of random pixels and of decoding the outputs, as the plan's contract says; null for
/// a plan without one.
nlohmann::ordered_json measure_contract(const Engine& engine, const Schedule& schedule);

/// Lines for what it gave.
std::string contract_text(const nlohmann::ordered_json& measured);

}  // namespace fovea::cli
