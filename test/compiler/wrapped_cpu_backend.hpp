#pragma once

#include <memory>

#include "backend/cpu/cpu.hpp"

namespace fovea::compiler {

/// The CPU backend, of which tests override what they change; `cpu()` is the original.
class WrappedCpuBackend : public backend::Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return cpu_->name(); }
    [[nodiscard]] std::string target() const override { return cpu_->target(); }
    [[nodiscard]] std::size_t matcher_count() const override { return cpu_->matcher_count(); }
    std::variant<backend::Region, backend::Refusal> match(std::size_t matcher, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        return cpu_->match(matcher, context, root);
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        return cpu_->tactics(context);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        return cpu_->prepare(context, tactic);
    }

  protected:
    [[nodiscard]] const backend::Backend& cpu() const { return *cpu_; }

  private:
    std::unique_ptr<backend::Backend> cpu_ = backend::make_cpu_backend();
};

/// The CPU backend on a processor that computes in f16; the reference takes what oneDNN does not.
class HalfBackend final : public WrappedCpuBackend {
  public:
    [[nodiscard]] bool widens(DType type) const override { return cpu().widens(type); }
    [[nodiscard]] std::unique_ptr<backend::Kernel> conversion(const backend::TensorDesc& from,
                                                              const backend::TensorDesc& to) const override {
        return cpu().conversion(from, to);
    }
};

}  // namespace fovea::compiler
