#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "backend/cuda/cudnn_graph.hpp"

namespace fovea::backend::cuda {

/// A finished plan of the library. Its plans are not made for two threads at once.
struct CudnnPlan {
    CudnnDescriptor descriptor{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
    std::int64_t workspace = 0;
    std::mutex mutex;
};

/// The plan of an engine for a problem: from the cache of compiled kernels, where an equal one was written for a GPU
/// called `device`, and else made, which may compile. Throws what the library says where the engine does not take the
/// problem.
std::shared_ptr<CudnnPlan> make_cudnn_plan(const ConvProblem& problem, const std::string& engine, cudnnHandle_t handle,
                                           const std::string& device);

}  // namespace fovea::backend::cuda
