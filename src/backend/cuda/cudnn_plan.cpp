#include "backend/cuda/cudnn_plan.hpp"

#include "backend/cuda/kernel_cache.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

void finish(CudnnPlan& plan) {
    plan.workspace =
        plan.descriptor.finalize().get<std::int64_t>(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64).at(0);
}

/// nullptr where the library does not take the text.
std::shared_ptr<CudnnPlan> restore(const std::vector<char>& text, cudnnHandle_t handle) try {
    auto plan = std::make_shared<CudnnPlan>();
    plan->descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, CUDNN_TYPE_CHAR,
                         static_cast<std::int64_t>(text.size()), text.data());
    plan->descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle);
    finish(*plan);
    return plan;
} catch (const Error&) {
    return nullptr;
}

/// The plan with what was compiled for it; empty where the library has nothing to keep.
std::vector<char> text_of(const CudnnPlan& plan) {
    std::int64_t size = 0;
    const auto read = [&](std::int64_t room, char* text) {
        return Cudnn::get()->get_attribute(plan.descriptor.handle(), CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION,
                                           CUDNN_TYPE_CHAR, room, &size, text) == CUDNN_STATUS_SUCCESS;
    };
    if (!read(0, nullptr) || size <= 0) return {};
    std::vector<char> text(static_cast<std::size_t>(size));
    return read(size, text.data()) ? text : std::vector<char>();
}

}  // namespace

std::shared_ptr<CudnnPlan> make_cudnn_plan(const ConvProblem& problem, const std::string& engine, cudnnHandle_t handle,
                                           const std::string& device) {
    const std::string file = cache_key("cuDNN " + std::to_string(Cudnn::get()->version()) + "|" + device + "|" +
                                       problem.text() + "|" + engine) +
                             ".cudnn";
    if (const auto text = read_cached(file); !text.empty())
        if (auto plan = restore(text, handle)) return plan;
    auto plan = std::make_shared<CudnnPlan>();
    plan->descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, handle);
    plan->descriptor.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG,
                         engine_config(operation_graph(problem, handle), engine));
    finish(*plan);
    if (const auto text = text_of(*plan); !text.empty()) write_cached(file, text);
    return plan;
}

}  // namespace fovea::backend::cuda
