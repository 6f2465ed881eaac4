#include "api/backends.hpp"

#include "backend/cpu/cpu.hpp"
#include "backend/reference/reference.hpp"
#include "fovea/error.hpp"

namespace fovea::api {

runtime::Backends backends() { return {backend::make_cpu_backend(), backend::make_reference_backend()}; }

runtime::Backends backends_for(std::string_view device) {
    runtime::Backends result = backends();
    std::string names;
    while (!result.empty() && result.front()->name() != device) {
        names += (names.empty() ? "" : ", ") + std::string(result.front()->name());
        result.erase(result.begin());
    }
    if (result.empty())
        throw Error(ErrorCode::invalid_argument,
                    "this machine has no device \"" + std::string(device) + "\"; it has " + names);
    return result;
}

}  // namespace fovea::api
