#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "fovea/builder.hpp"
#include "fovea/tensor.hpp"

namespace fovea {

namespace runtime {
class Engine;
class Context;
}  // namespace runtime

class Context;

/// A plan ready to run on this machine. Immutable; all threads may share it.
class Engine {
  public:
    /// Loads a plan file. `threads` 0: as many as the plan was built for. `device`: "cpu", "cuda:1", ...; empty: what
    /// the plan was built for, "cuda:0" where it has a section for a GPU. Throws `io`, `corrupt_plan`, `unsupported`,
    /// and `invalid_argument` for a device that this machine does not have.
    explicit Engine(const std::filesystem::path& plan, int threads = 0, const std::string& device = "");
    explicit Engine(const Plan& plan, int threads = 0, const std::string& device = "");

    [[nodiscard]] const std::vector<TensorInfo>& inputs() const { return inputs_; }
    [[nodiscard]] const std::vector<TensorInfo>& outputs() const { return outputs_; }
    /// A context for one thread.
    [[nodiscard]] Context make_context() const;
    [[nodiscard]] const std::shared_ptr<const runtime::Engine>& content() const { return content_; }

  private:
    void describe();

    std::shared_ptr<const runtime::Engine> content_;
    std::vector<TensorInfo> inputs_, outputs_;
};

/// Memory and state of one thread that runs an engine. Keeps the engine alive.
class Context {
  public:
    explicit Context(std::shared_ptr<const runtime::Engine> engine);
    ~Context();
    Context(Context&&) noexcept;
    Context& operator=(Context&&) noexcept;

    /// Gives the memory of an input; it must stay valid and unchanged during `run`. Throws `invalid_argument` for an
    /// unknown name or another type.
    void bind(std::string_view input, const TensorView& tensor);
    /// Runs the network. Throws `invalid_argument` when an input is missing, `out_of_range` when a shape lies outside
    /// the plan's profile.
    void run();
    /// An output of the last run; valid until the next run or the context's end.
    [[nodiscard]] TensorView output(std::string_view name) const;
    [[nodiscard]] runtime::Context& content() { return *content_; }

  private:
    std::unique_ptr<runtime::Context> content_;
};

}  // namespace fovea
