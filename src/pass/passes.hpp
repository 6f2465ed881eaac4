#pragma once

#include "pass/pass.hpp"

/// One function per file of this folder that holds a pass; `pipeline.cpp` puts them in order.
namespace fovea::pass {

Pass dead_code();
Pass fold_constants();
Pass merge_equal_nodes();
Pass remove_identities();

}  // namespace fovea::pass
