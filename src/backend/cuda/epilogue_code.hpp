#pragma once

#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "backend/cuda/arguments.hpp"
#include "backend/cuda/device.hpp"
#include "backend/epilogue.hpp"

namespace fovea::backend::cuda {

/// What the files of vendor.hpp keep for one device: handles, and plans that took long to make. Each makes its own on
/// first use, under the lock.
struct VendorState {
    std::mutex mutex;
    std::shared_ptr<void> cublaslt, cudnn;
};

/// What the backend hands to its families besides the region.
struct Target {
    std::shared_ptr<const CudaDevice> device;
    bool tf32 = false;  ///< products of f32 may be rounded to TF32
    std::shared_ptr<VendorState> vendor = std::make_shared<VendorState>();
};

/// `name` of the region's first node and its position, for constants kept in `RegionContext::packed`.
std::string constant_key(const RegionContext& context, const std::string& name);

/// `content` on the device: kept with the engine's packed constants when there are any. It may be another one, of the
/// same name, at other shapes.
PackedConstants::Block device_constant(const Target& target, const RegionContext& context, const std::string& name,
                                       std::span<const std::byte> content);
/// The same for what the graph and `name` decide, whatever the shapes: `pack` makes the content where it is not kept
/// yet.
PackedConstants::Block device_constant(const Target& target, const RegionContext& context, const std::string& name,
                                       const std::function<std::vector<std::byte>()>& pack);

/// Whether a kernel that writes rows of channels can compute `step` on the way; for `match_epilogue`.
bool accepts_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain);
/// The same for a kernel whose channels are the last axis of a plain tensor.
bool accepts_row_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain);

/// Most steps that `EpilogueArgs` has room for, each with two operands, behind a bias.
inline constexpr std::size_t kMostSteps = 4;

/// The steps behind a kernel's main result as the text of its function `epilogue`, and the tensors that they read.
class EpilogueCode {
  public:
    /// `bias`: one number per channel to add first; may be empty. The result has the type of the region's output 0.
    EpilogueCode(const Target& target, const RegionContext& context, const Tactic& tactic, const Epilogue& epilogue,
                 const std::vector<float>& bias);

    [[nodiscard]] const std::string& text() const { return text_; }
    /// Largest power of two that divides the row length, pitch and offset of every tensor that is read, and `most`.
    [[nodiscard]] int width(int most) const;
    void bind(EpilogueArgs& target, const KernelArgs& args) const;

  private:
    struct Operand {
        PackedConstants::Block constant;  ///< or
        std::size_t input = 0;            ///< of the region
        std::int64_t pitch = 0, offset = 0;
    };
    struct Place {
        const Target& target;
        const RegionContext& context;
        const Tactic& tactic;
    };
    std::string channels(const Place& place, const std::vector<float>& values);
    /// `members` and `loads` gain what a tensor needs.
    std::string operand(const Place& place, const EpilogueStep& step, ir::ValueId result, std::string& members,
                        std::string& loads);
    void line(const std::string& code) { text_ += "    " + code + "\n"; }

    std::vector<Operand> operands_;
    std::string text_;
};

/// `step` as an expression of the f32 `v`.
std::string activation_code(const EpilogueStep& step);

/// Largest power of two, at most `most`, that divides all of `numbers`.
int common_width(int most, std::initializer_list<std::int64_t> numbers);

/// Elements before the first one of a region's input or output in the wider row whose slice it is.
std::int64_t offset_of(const std::vector<std::int64_t>& offsets, std::size_t i);

}  // namespace fovea::backend::cuda
