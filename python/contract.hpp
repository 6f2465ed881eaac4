#pragma once

#include <nanobind/nanobind.h>

namespace fovea::python {

/// Adds `Contract` and `Findings` to the module.
void add_contract(nanobind::module_& module);

}  // namespace fovea::python
