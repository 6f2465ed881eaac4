#pragma once

#include <memory>
#include <string>

#include "backend/cuda/cuda.hpp"
#include "backend/reference/reference.hpp"
#include "compiler/build.hpp"
#include "fovea/error.hpp"

namespace fovea::backend {

/// Why kernels cannot be compiled here; empty where they can.
inline const std::string& no_compiler() {
    static const std::string kReason = []() -> std::string {
        try {
            (void)make_cuda_compiler(90);
            return {};
        } catch (const Error& error) {
            return error.what();
        }
    }();
    return kReason;
}

/// Beside the host, a GPU that need not be there.
inline runtime::Backends compilers(int capability) {
    return {make_cuda_compiler(capability), make_reference_backend()};
}

/// The GPU and the host, for all tests of a process.
inline const runtime::Backends& backends() {
    static const runtime::Backends kBackends = {make_cuda_backend({}), make_reference_backend()};
    return kBackends;
}

/// Neither tuned nor checked.
inline plan::Plan plan_of(const ir::Graph& graph, const runtime::Backends& backends) {
    compiler::BuildOptions options;
    options.gate = compiler::GateMode::off;
    options.tune = false;
    return compiler::build(graph, backends, options);
}

}  // namespace fovea::backend
