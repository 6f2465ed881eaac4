#include "backend/cuda/cuda.hpp"

#include <omp.h>

#include <array>
#include <span>

#include "backend/cuda/families.hpp"
#include "backend/cuda/kernel_texts.hpp"
#include "backend/cuda/moves.hpp"
#include "backend/cuda/nvrtc.hpp"
#include "backend/cuda/vendor.hpp"
#include "backend/reference/reference.hpp"
#include "base/hash.hpp"
#include "fovea/error.hpp"
#include "ops/counted.hpp"

namespace fovea::backend {
namespace cuda {
namespace {

std::span<const CudaFamily> families() {
    static const CudaFamily kFamilies[] = {
        stem_pool_kernels(),
        resized_conv_kernels(),
        quantised_conv_kernels(),
        quantised_f8_conv_kernels(),
        quantised_gemm_kernels(),
        quantised_f8_gemm_kernels(),
        conv_kernels(),
        transposed_conv_kernels(),
        gemm_kernels(),
        matmul_kernels(),
        attention_kernels(),
        pool_kernels(),
        resize_kernels(),
        layer_norm_kernels(),
        softmax_kernels(),
        arg_reduce_kernels(),
        reduce_kernels(),
        top_k_kernels(),
        cumulative_kernels(),
        group_norm_kernels(),
        lrn_kernels(),
        pointwise_kernels(),
        concat_views_kernels(),
        concat_kernels(),
        view_kernels(),
        slice_kernels(),
        transpose_kernels(),
        scatter_kernels(),
        gather_kernels(),
        lookup_kernels(),
        pad_kernels(),
        rearrange_kernels(),
        sample_kernels(),
        selection_kernels(),
        suppression_kernels(),
    };
    return kFamilies;
}

/// A hash of all kernel templates.
std::string kernels_version() {
    static const std::uint64_t hash = [] {
        std::uint64_t combined = 0;
        for (const auto& [name, text] : kernel_texts()) combined = base::hash_text(text, combined);
        return combined;
    }();
    char text[20];
    std::snprintf(text, sizeof text, "%016llx", static_cast<unsigned long long>(hash));
    return text;
}

/// A kernel of another backend in a plan for the GPU: the runtime brings its tensors to the host and back.
class HostKernel final : public Kernel {
  public:
    explicit HostKernel(std::unique_ptr<Kernel> kernel) : kernel_(std::move(kernel)) {}
    void run(const KernelArgs& args) const override { kernel_->run(args); }
    [[nodiscard]] std::unique_ptr<KernelState> make_state() const override { return kernel_->make_state(); }
    [[nodiscard]] std::size_t workspace_bytes() const override { return kernel_->workspace_bytes(); }
    [[nodiscard]] bool on_host() const override { return true; }
    [[nodiscard]] std::string implementation() const override { return "on the host: " + kernel_->implementation(); }

  private:
    std::unique_ptr<Kernel> kernel_;
};

class CudaBackend final : public Backend {
  public:
    CudaBackend(std::shared_ptr<const CudaDevice> device, bool tf32) : target_{std::move(device), tf32} {}

    [[nodiscard]] std::string_view name() const override { return "cuda"; }
    /// Tactics are chosen on one model of GPU.
    [[nodiscard]] std::string target() const override {
        return target_.device->architecture() + " " + target_.device->facts().name + (target_.tf32 ? " tf32" : "");
    }
    /// Libraries' own kernels carry their versions in their tactics' names.
    [[nodiscard]] std::string versions() const override { return "NVRTC " + nvrtc_version() + " " + kernels_version(); }
    [[nodiscard]] std::optional<Refusal> precision_refusal(DType type) const override {
        if (own_float(type)) return std::nullopt;
        return refuse(Reason::unsupported_dtype, "the GPU's kernels compute in fp32, bf16 and fp16");
    }
    [[nodiscard]] bool tf32() const override { return target_.tf32; }
    [[nodiscard]] const Device* device() const override { return target_.device.get(); }
    [[nodiscard]] std::size_t matcher_count() const override { return families().size() + 1; }

    std::variant<Region, Refusal> match(std::size_t matcher, const MatchContext& context,
                                        ir::NodeId root) const override {
        if (matcher == families().size()) return reference_->match(0, context, root);
        const ir::Node& node = context.graph.node(root);
        for (const ir::ValueId output : node.outputs)
            if (output != ir::kNone && !context.shape(output))
                return refuse(Reason::shape_depends_on_data,
                              "how large the result of " + node.op + " is, the host knows only when it has run");
        const CudaFamily& family = families()[matcher];
        if (target_.device->facts().compute_capability < family.capability)
            return refuse(Reason::unsupported_device, "the GPU is too old for these kernels");
        auto proposal = family.match(context, root);
        if (const auto* region = std::get_if<Region>(&proposal))
            for (const ir::NodeId id : region->nodes)
                if (const ir::Node& one = context.graph.node(id);
                    ops::reads_counted(one, context.values) && !ops::takes_counted(one, context.values))
                    return refuse(Reason::shape_depends_on_data,
                                  one.op + " needs the number of places that the GPU found, or mixes them");
        return proposal;
    }

    [[nodiscard]] std::vector<Tactic> tactics(const RegionContext& context) const override {
        if (context.region.pattern == "reference") return reference_->tactics(context);
        return family_of(families(), context.region).tactics(target_, context);
    }

    [[nodiscard]] std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) const override {
        if (context.region.pattern == "reference")
            return std::make_unique<HostKernel>(reference_->prepare(context, tactic));
        return family_of(families(), context.region).prepare(target_, context, tactic);
    }

    [[nodiscard]] std::vector<std::unique_ptr<Kernel>> prepare_ahead(
        const std::vector<std::pair<RegionContext, Tactic>>& list) const override {
        std::vector<std::unique_ptr<Kernel>> kernels(list.size());
#pragma omp parallel for schedule(dynamic)
        for (std::size_t i = 0; i < list.size(); ++i) try {
                const auto& [context, tactic] = list[i];
                if (context.region.pattern != "reference") kernels[i] = prepare(context, tactic);
            } catch (const std::exception&) {  // comes again where the kernel is needed
            }
        return kernels;
    }

    [[nodiscard]] std::unique_ptr<Kernel> conversion(const TensorDesc& from, const TensorDesc& to) const override {
        Move move = Move::between(from, to);
        // Where a slice begins in its row is not said.
        if (from.pitch != from.row()) move.source_skew = 1;
        if (to.pitch != to.row()) move.target_skew = 1;
        return make_moves(target_, from.dtype, {std::move(move)});
    }

  private:
    Target target_;
    std::unique_ptr<Backend> reference_ = make_reference_backend();
};

std::string dotted(int version) { return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10); }

}  // namespace
}  // namespace cuda

std::unique_ptr<Backend> make_cuda_backend(const CudaOptions& options) {
    return std::make_unique<cuda::CudaBackend>(std::make_shared<const cuda::CudaDevice>(options.device), options.tf32);
}

std::unique_ptr<Backend> make_cuda_compiler(int compute_capability, bool tf32) {
    (void)cuda::nvrtc_version();
    // An A100's and an H100's numbers.
    cuda::Facts facts{"compiler only", compute_capability, compute_capability >= 90 ? 132 : 108, std::size_t{80} << 30};
    facts.shared_bytes = compute_capability >= 90 ? 232448 : 166912;
    return std::make_unique<cuda::CudaBackend>(std::make_shared<const cuda::CudaDevice>(std::move(facts)), tf32);
}

CudaStatus cuda_status() {
    CudaStatus status;
    try {
        const cuda::Driver& driver = cuda::Driver::get();
        int version = 0, count = 0;
        driver.version(&version);
        driver.device_count(&count);
        const auto library = [](const std::string& name, const std::string& found) {
            return found.empty() ? ", no " + name : ", " + name + " " + found;
        };
        status.text = "driver for CUDA " + cuda::dotted(version) + ", NVRTC " + cuda::nvrtc_version() +
                      library("cuBLASLt", cuda::cublaslt_version()) + library("cuDNN", cuda::cudnn_version());
        for (int i = 0; i < count; ++i) {
            const cuda::CudaDevice device(i);
            const cuda::Facts& facts = device.facts();
            status.devices.push_back("cuda:" + std::to_string(i) + " " + facts.name + ", " + device.architecture() +
                                     ", " + std::to_string(facts.multiprocessors) + " multiprocessors, " +
                                     std::to_string(facts.memory_bytes >> 30) + " GiB");
        }
        status.usable = count > 0;
        if (count == 0) status.text += ", no GPU";
    } catch (const Error& error) {
        status.text = error.what();
    }
    return status;
}

}  // namespace fovea::backend
