#pragma once

#include <string>
#include <utility>
#include <vector>

#include "backend/cpu/conv.hpp"
#include "backend/cpu/simd_bridge.hpp"

namespace fovea::backend::cpu {

/// What an own convolution kernel of `simd/` needs beside its fixed sizes. `Conv` is the kernel's description.
template <class Conv>
struct OwnConv {
    Conv conv;
    std::string implementation;
    std::size_t workspace;
    void (*compute)(const Conv&, void* workspace, int threads) noexcept;
    std::vector<ConvSource> sources;  ///< or
    std::size_t input = 0;            ///< the only one, read without tables
    int residual;                     ///< position among the region's inputs, -1: none
    PackedConstants::Block weights;
    std::vector<float> bias;
    std::vector<float> last_scale = {}, last_shift = {};  ///< of Winograd's
};

/// Runs an own convolution kernel. The region's pointers are filled in at run time; everything else is fixed.
template <class Conv>
class OwnConvKernel final : public Kernel {
  public:
    OwnConvKernel(OwnConv<Conv> parts, int threads) : parts_(std::move(parts)), threads_(threads) {
        Conv& conv = parts_.conv;
        conv.weights = reinterpret_cast<const float*>(parts_.weights.get());
        conv.epilogue.bias = parts_.bias.empty() ? nullptr : parts_.bias.data();
        if constexpr (requires { conv.sources; })
            for (std::size_t i = 0; i < parts_.sources.size(); ++i) {
                conv.sources[i].rows = parts_.sources[i].rows.data();
                conv.sources[i].columns = parts_.sources[i].columns.data();
            }
        if constexpr (requires { conv.last_scale; }) {
            conv.last_scale = parts_.last_scale.empty() ? nullptr : parts_.last_scale.data();
            conv.last_shift = parts_.last_shift.data();
        }
    }

    void run(const KernelArgs& args) const override {
        Conv conv = parts_.conv;
        if constexpr (requires { conv.sources; })
            for (std::size_t i = 0; i < parts_.sources.size(); ++i)
                conv.sources[i].data = args.inputs[parts_.sources[i].input];
        else
            conv.input = args.inputs[parts_.input];
        if (parts_.residual >= 0) conv.epilogue.residual = args.inputs[parts_.residual];
        conv.output = args.outputs[0];
        parts_.compute(conv, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return parts_.workspace; }
    [[nodiscard]] std::string implementation() const override { return parts_.implementation; }

  private:
    OwnConv<Conv> parts_;
    int threads_;
};

template <class Conv>
std::unique_ptr<Kernel> make_own_conv(OwnConv<Conv> parts, const RegionContext& context) {
    return std::make_unique<OwnConvKernel<Conv>>(std::move(parts), context.threads);
}

/// Sets an own kernel's epilogue; returns the position of its residual among the inputs (-1: none).
int set_epilogue(const RegionContext& context, const Tactic& tactic, const SimdEpilogue& steps,
                 simd::Epilogue& epilogue);

/// Weights of `floats` floats, made by `pack(filters, packed)`, shared under a name in which `kind` tells kernels
/// apart.
template <class Pack>
PackedConstants::Block packed_weights(const RegionContext& context, const ConvRegion& region, const std::string& kind,
                                      std::size_t floats, const Pack& pack) {
    const auto make = [&]() -> PackedConstants::Block {
        auto block = PackedConstants::allocate(floats * sizeof(float));
        if (context.packed) context.packed->account(floats * sizeof(float));
        const Tensor filters = context.constant(region.conv->inputs[1])->cast(DType::f32);
        pack(filters.as<float>().data(), reinterpret_cast<float*>(block.get()));
        return block;
    };
    if (!context.packed) return make();
    return context.packed->get(context.graph.value(region.conv->inputs[1]).name + "@" + kind, make);
}

}  // namespace fovea::backend::cpu
