#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/dtype.hpp"
#include "fovea/error.hpp"

namespace fovea {

namespace plan {
struct Plan;
}

/// A network made ready to run. Cheap to copy; copies share their content.
class Plan {
  public:
    explicit Plan(std::shared_ptr<const plan::Plan> content) : content_(std::move(content)) {}
    /// Maps and verifies a plan file. Throws `io`, `corrupt_plan`.
    static Plan load(const std::filesystem::path& path);
    /// Writes the plan atomically. Throws `io`.
    void save(const std::filesystem::path& path) const;
    /// The whole plan but the weights, as JSON: inputs, outputs, kernels, types, certificate.
    [[nodiscard]] std::string to_json() const;
    [[nodiscard]] const std::shared_ptr<const plan::Plan>& content() const { return content_; }

  private:
    std::shared_ptr<const plan::Plan> content_;
};

/// How thoroughly a build proves the plan: not at all, samples of every kernel's result, or every element.
enum class Gate : std::uint8_t { off, boxes, full };

/// Turns an ONNX model into a plan for this machine, or a plan for other machines into one for this machine, too.
///
///     auto plan = fovea::Builder("model.onnx").precision(fovea::DType::bf16).shape("image", {1, 3, 512,
///     1024}).build();
///
/// Every method returns the builder. `build` throws `Error`: `invalid_model`, `unsupported`, `contract`, `numerics`.
class Builder {
  public:
    /// An ONNX model, or a plan that is to run on this machine, too: `build` then adds a target section to it, or
    /// renews the one for this machine, and throws `invalid_argument` when other types or shapes are asked for.
    explicit Builder(std::filesystem::path model);
    /// A model in memory, without external data; `name` stands for the file in errors.
    Builder(std::vector<std::byte> model, std::string name);
    ~Builder();
    Builder(Builder&&) noexcept;
    Builder& operator=(Builder&&) noexcept;

    /// Type to compute in: f32 (default), bf16, or f16 on a GPU and where the processor has AVX-512 FP16.
    Builder& precision(DType type);
    /// Fixes the shape of an input; overrides what the model declares.
    Builder& shape(const std::string& input, std::vector<std::int64_t> sizes);
    /// Range of shapes of an input and the one to optimise for.
    Builder& profile(const std::string& input, std::vector<std::int64_t> min, std::vector<std::int64_t> opt,
                     std::vector<std::int64_t> max);
    /// Threads that runs will use; 0: all that the machine offers.
    Builder& threads(int count);
    Builder& gate(Gate mode);
    /// Times candidate kernels (default) or takes the first choice of each.
    Builder& tune(bool on);
    /// Fuses operators into regions (default) or runs every operator by itself.
    Builder& fuse(bool on);
    /// Leaves out a simplification pass.
    Builder& disable_pass(const std::string& name);
    /// Type of one of the model's nodes, by its name.
    Builder& pin(const std::string& node, DType type);
    /// Pre- and post-processing to keep in the plan, as JSON (docs/contract.md). `build` throws `invalid_argument` when
    /// it is broken or names no input.
    Builder& contract(std::string json);
    /// File of measured times, read before and extended after the build. Of several, all are read; the first one, which
    /// prevails, gets what is in any of them.
    Builder& timing_cache(std::filesystem::path file);
    /// Lets builds that name the same file, and others that lock it (`flock` on file.gate.lock, then on file.lock, then
    /// the former released), time kernels one after the other: for several at a time on one device.
    Builder& timing_lock(std::filesystem::path file);
    /// On a GPU, rounds the factors of f32 products to TF32's 10 bits (default: off, f32 is f32).
    Builder& tf32(bool on);
    /// What the plan is to run on: "cpu" (default), "cuda:0" for the first GPU, or "reference" for plain loops that run
    /// everywhere. `build` throws `invalid_argument` for a device that this machine does not have.
    Builder& target(std::string device);
    /// Called with the stage and the fraction of the whole build that is done.
    Builder& progress(std::function<void(std::string_view, double)> callback);

    [[nodiscard]] Plan build();
    /// What the last build did: simplifications, seconds by stage, tactics considered, reasons; as JSON.
    [[nodiscard]] const std::string& report() const;

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace fovea
