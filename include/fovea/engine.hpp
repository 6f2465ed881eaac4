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
    /// the plan was built for, "cuda:0" where it has a section for a GPU and this machine has one. Throws `io`,
    /// `corrupt_plan`, `unsupported` where the plan has no section for the device, and `invalid_argument` for a device
    /// that this machine does not have.
    explicit Engine(const std::filesystem::path& plan, int threads = 0, const std::string& device = "");
    explicit Engine(const Plan& plan, int threads = 0, const std::string& device = "");

    [[nodiscard]] const std::vector<TensorInfo>& inputs() const { return inputs_; }
    [[nodiscard]] const std::vector<TensorInfo>& outputs() const { return outputs_; }
    /// Number of the GPU that it runs on; -1 for the CPU.
    [[nodiscard]] int device() const;
    /// A context for one thread. Contexts of one GPU work in parallel, and one copies while another computes.
    [[nodiscard]] Context make_context() const;
    /// Host memory that copies to and from the engine's GPU are fastest with (page-locked); plain memory on the CPU.
    [[nodiscard]] std::shared_ptr<void> allocate_host(std::size_t bytes) const;
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

    /// Gives the memory of an input; it must stay valid and unchanged during `run`. Memory of the engine's GPU is read
    /// where it lies, page-locked memory is copied by the GPU itself, other memory by way of such. Throws
    /// `invalid_argument` for an unknown name, another type, or memory of another device.
    void bind(std::string_view input, const TensorView& tensor);
    /// Gives the memory that runs write an output to, of the type and shape that it will have (`run` throws
    /// `invalid_argument` otherwise). Without memory, the output is the context's again.
    void bind_output(std::string_view output, const TensorView& tensor);
    /// Leaves outputs that are not bound on the GPU, where `output` then finds them. On the CPU without effect.
    void keep_outputs_on_device(bool keep);
    /// Runs the network. Throws `invalid_argument` when an input is missing, `out_of_range` when a shape lies outside
    /// the plan's profile.
    void run();
    /// As `run`, behind the work in a stream of the caller's (a `cudaStream_t` or `CUstream`; null is the default
    /// stream), and without waiting for the end unless a step runs on the CPU: the stream's end is the run's, and
    /// memory that is bound must stay as it is until then. Outputs bound to memory that is neither the GPU's nor
    /// page-locked are waited for. Runs of one context follow each other, whatever the streams. Throws
    /// `invalid_argument` on the CPU.
    void enqueue(void* stream);
    /// Waits for the end of the last run.
    void synchronize();
    /// An output of the last run; valid until the next run or the context's end.
    [[nodiscard]] TensorView output(std::string_view name) const;
    /// Its place among the engine's outputs. Throws `invalid_argument` naming those that there are.
    [[nodiscard]] std::size_t output_index(std::string_view name) const;
    [[nodiscard]] runtime::Context& content() { return *content_; }

  private:
    std::unique_ptr<runtime::Context> content_;
};

}  // namespace fovea
