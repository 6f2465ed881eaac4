#pragma once

#include <nanobind/nanobind.h>

namespace fovea::python {

/// Adds `build`, `load`, `Plan` and `Engine` to the module.
void add_engine(nanobind::module_& module);

}  // namespace fovea::python
