#include "runtime/engine.hpp"

#include <omp.h>

#include "fovea/error.hpp"

namespace fovea::runtime {

Engine::Engine(plan::Plan plan, Backends backends, EngineOptions options)
    : plan_(std::move(plan)),
      backends_(std::move(backends)),
      cached_shapes_(std::max<std::size_t>(options.cached_shapes, 1)),
      cached_graphs_(options.cached_graphs) {
    if (!options.device.empty()) backends_.resize(1);
    for (const auto& backend : backends_)
        for (const plan::TargetSection& target : plan_.targets)
            if (!target_ && target.backend == backend->name() && target.target == backend->target()) {
                target_ = &target;
                device_ = backend->device();
            }
    if (!target_) refuse_machine(options.device);
    threads_ = options.threads > 0 ? options.threads : target_->threads;
}

void Engine::refuse_machine(const std::string& device) const {
    std::string built, offered;
    for (const plan::TargetSection& target : plan_.targets)
        built += (built.empty() ? "" : ", ") + target.backend + " (" + target.target + ")";
    for (const auto& backend : backends_)
        offered += (offered.empty() ? "" : ", ") + std::string(backend->name()) + " (" + backend->target() + ")";
    throw Error(ErrorCode::unsupported, "the plan was built and proven for " + (built.empty() ? "no machine" : built) +
                                            "; " + (device.empty() ? "this machine offers" : device + " is") + " " +
                                            offered + " › add a section for it with " + "`fovea build PLAN --target " +
                                            (!device.empty()     ? device
                                             : backends_.empty() ? "cpu"
                                                                 : std::string(backends_[0]->name())) +
                                            "`");
}

void Engine::check_profile(const std::vector<Shape>& input_shapes) const {
    for (std::size_t i = 0; i < input_shapes.size(); ++i) {
        const std::string& name = plan_.graph.value(plan_.graph.inputs[i]).name;
        const auto it = plan_.profile.find(name);
        if (it == plan_.profile.end()) continue;
        const plan::InputProfile& p = it->second;
        bool inside = input_shapes[i].size() == p.min.size();
        for (std::size_t axis = 0; inside && axis < p.min.size(); ++axis)
            inside = input_shapes[i][axis] >= p.min[axis] && input_shapes[i][axis] <= p.max[axis];
        if (!inside)
            throw Error(ErrorCode::out_of_range, "the shape " + base::to_string(input_shapes[i]) +
                                                     " lies outside the plan's profile " + base::to_string(p.min) +
                                                     " to " + base::to_string(p.max) +
                                                     "; build with --profile to widen it")
                .in("input " + name);
    }
}

std::shared_ptr<const Program> Engine::program(const std::vector<Shape>& input_shapes) const {
    check_profile(input_shapes);
    const std::lock_guard lock(mutex_);
    for (auto it = programs_.begin(); it != programs_.end(); ++it)
        if ((*it)->input_shapes == input_shapes) {
            programs_.splice(programs_.begin(), programs_, it);
            return programs_.front();
        }
    const int before = omp_get_max_threads();
    omp_set_num_threads(threads_);
    programs_.push_front(make_program(plan_, *target_, backends_, input_shapes, threads_, packed_));
    omp_set_num_threads(before);
    if (programs_.size() > cached_shapes_) programs_.pop_back();
    return programs_.front();
}

}  // namespace fovea::runtime
