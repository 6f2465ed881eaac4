#pragma once

#include <string>

#include "backend/backend.hpp"

namespace fovea::tune {

/// Text that is equal where times are: the machine, the versions of what makes its kernels, and, but for a device,
/// which has none of them, the threads.
std::string machine_key(const backend::Backend& backend, int threads);

/// Text that is equal for regions that do the same work: operators, attributes, shapes, types, which inputs are
/// constant.
std::string region_key(const backend::RegionContext& context);

/// A tactic of a region: its name and its layouts.
std::string tactic_key(const backend::Tactic& tactic);

/// What `candidate_key` puts in front of a tactic's key, for all tactics of a region.
std::string region_prefix(const backend::Backend& backend, const backend::RegionContext& context);

/// What a tactic of a region is called in the cache: its time, and what else is known of it.
std::string candidate_key(const backend::Backend& backend, const backend::RegionContext& context,
                          const backend::Tactic& tactic);

}  // namespace fovea::tune
