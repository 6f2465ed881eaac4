#pragma once

#include "backend/family.hpp"

namespace fovea::backend {

/// Slice, and Split into any number of parts, whose places are known before the run.
std::variant<Region, Refusal> match_slice(const MatchContext& context, ir::NodeId root);
/// Copies in either layout. A split along the rows of one layout is best left in that layout: its parts can then be
/// read in place.
std::vector<Tactic> slice_tactics(const RegionContext& context);

/// Which places of the input an output shows: `start`, `start + step`, … of each axis.
struct SlicePlaces {
    Shape start, step;
};
SlicePlaces slice_places(const RegionContext& context, ir::ValueId output);

}  // namespace fovea::backend
