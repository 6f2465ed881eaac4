#include "backend/cpu/cpu.hpp"

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/reference/reference.hpp"

namespace fovea::backend {
namespace cpu {

std::span<const Family> families() {
    static const Family kFamilies[] = {
        quantised_conv_family(),
        quantised_matmul_family(),
        quantised_add_family(),
        quantised_pool_family(),
        quantised_table_family(),
        quantise_family(),
        quantise_dynamic_family(),
        upsampled_conv_family(),
        conv_family(),
        transposed_conv_family(),
        matmul_family(),
        attention_family(),
        pool_family(),
        group_norm_family(),
        layer_norm_family(),
        softmax_family(),
        resize_family(),
        grid_sample_family(),
        pointwise_family(),
        arg_reduce_family(),
        reduce_family(),
        gather_family(),
        cast_family(),
        concat_family(),
        slice_family(),
        view_family(),
        transpose_family(),
    };
    return kFamilies;
}

}  // namespace cpu

namespace {

class CpuBackend final : public Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return "cpu"; }
    [[nodiscard]] std::string target() const override { return cpu::instruction_set(); }
    [[nodiscard]] std::string versions() const override {
        const dnnl_version_t& v = *dnnl_version();
        return "oneDNN " + std::to_string(v.major) + "." + std::to_string(v.minor) + "." + std::to_string(v.patch);
    }
    [[nodiscard]] std::optional<Refusal> precision_refusal(DType type) const override {
        if (type == DType::f16 && !cpu::onednn_float(type))
            return refuse(Reason::unsupported_device, "the processor has no AVX-512 FP16 instructions");
        if (own_float(type)) return std::nullopt;
        return refuse(Reason::unsupported_dtype,
                      "kernels compute in fp32, bf16 and fp16, and in the 8 bits of models with QuantizeLinear");
    }
    [[nodiscard]] bool widens(DType type) const override { return type == DType::f16; }
    [[nodiscard]] std::size_t matcher_count() const override { return cpu::families().size() + 1; }

    std::variant<Region, Refusal> match(std::size_t matcher, const MatchContext& context,
                                        ir::NodeId root) const override {
        if (matcher == cpu::families().size()) return reference_->match(0, context, root);
        return cpu::families()[matcher].match(context, root);
    }

    [[nodiscard]] std::vector<Tactic> tactics(const RegionContext& context) const override {
        if (const Family* family = find(context.region)) return family->tactics(context);
        return reference_->tactics(context);
    }

    [[nodiscard]] std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) const override {
        if (const Family* family = find(context.region)) return family->prepare(context, tactic);
        return reference_->prepare(context, tactic);
    }

    [[nodiscard]] std::unique_ptr<Kernel> conversion(const TensorDesc& from, const TensorDesc& to) const override {
        if (auto kernel = cpu::reorder(from, to)) return kernel;
        return Backend::conversion(from, to);
    }

  private:
    static const Family* find(const Region& region) {
        return region.pattern == "reference" ? nullptr : &family_of(cpu::families(), region);
    }

    std::unique_ptr<Backend> reference_ = make_reference_backend();
};

}  // namespace

std::string cpu_library() {
    const dnnl_version_t* version = dnnl_version();
    return "oneDNN " + std::to_string(version->major) + "." + std::to_string(version->minor) + "." +
           std::to_string(version->patch);
}

std::unique_ptr<Backend> make_cpu_backend() { return std::make_unique<CpuBackend>(); }

}  // namespace fovea::backend
