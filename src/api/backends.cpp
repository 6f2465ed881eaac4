#include "api/backends.hpp"

#include "backend/cpu/cpu.hpp"
#include "backend/reference/reference.hpp"

namespace fovea::api {

runtime::Backends backends() { return {backend::make_cpu_backend(), backend::make_reference_backend()}; }

runtime::Backends reference_backends() { return {backend::make_reference_backend()}; }

}  // namespace fovea::api
