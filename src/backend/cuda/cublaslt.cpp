#include <cublasLt.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <mutex>

#include "backend/cuda/mma_conv.hpp"
#include "backend/cuda/vendor.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// Most algorithms to time, and most memory that one may ask for.
constexpr int kMostAlgorithms = 4;
constexpr std::uint64_t kMostWorkspace = std::uint64_t{32} << 20;

struct CublasLt : Library {
    CublasLt() : Library("cuBLASLt", {"libcublasLt.so.13", "libcublasLt.so"}, "install the CUDA 13 toolkit") {}

    decltype(cublasLtCreate)* create = function("cublasLtCreate");
    decltype(cublasLtDestroy)* destroy = function("cublasLtDestroy");
    decltype(cublasLtGetVersion)* version = function("cublasLtGetVersion");
    decltype(cublasLtGetStatusString)* status_text = function("cublasLtGetStatusString");
    decltype(cublasLtMatmulDescCreate)* operation_create = function("cublasLtMatmulDescCreate");
    decltype(cublasLtMatmulDescSetAttribute)* operation_set = function("cublasLtMatmulDescSetAttribute");
    decltype(cublasLtMatmulDescDestroy)* operation_destroy = function("cublasLtMatmulDescDestroy");
    decltype(cublasLtMatrixLayoutCreate)* layout_create = function("cublasLtMatrixLayoutCreate");
    decltype(cublasLtMatrixLayoutDestroy)* layout_destroy = function("cublasLtMatrixLayoutDestroy");
    decltype(cublasLtMatmulPreferenceCreate)* preference_create = function("cublasLtMatmulPreferenceCreate");
    decltype(cublasLtMatmulPreferenceSetAttribute)* preference_set = function("cublasLtMatmulPreferenceSetAttribute");
    decltype(cublasLtMatmulPreferenceDestroy)* preference_destroy = function("cublasLtMatmulPreferenceDestroy");
    decltype(cublasLtMatmulAlgoGetHeuristic)* heuristic = function("cublasLtMatmulAlgoGetHeuristic");
    decltype(cublasLtMatmulAlgoCheck)* check_algorithm = function("cublasLtMatmulAlgoCheck");
    decltype(cublasLtMatmulAlgoConfigGetAttribute)* algorithm_get = function("cublasLtMatmulAlgoConfigGetAttribute");
    decltype(cublasLtMatmul)* multiply = function("cublasLtMatmul");

    static const CublasLt* get() { return table_of<CublasLt>(); }
};

void check(cublasStatus_t status, const char* call) {
    if (status != CUBLAS_STATUS_SUCCESS)
        throw Error(ErrorCode::unsupported,
                    std::string("cuBLASLt's ") + call + " failed: " + CublasLt::get()->status_text(status));
}

/// An object of the library, destroyed with the last copy.
template <class T>
using Handle = std::shared_ptr<std::remove_pointer_t<T>>;

/// The device's handle: it holds no state that changes, and many threads may use it.
Handle<cublasLtHandle_t> handle_of(const Target& target) {
    const std::lock_guard lock(target.vendor->mutex);
    auto& handle = target.vendor->cublaslt;
    if (!handle) {
        const Current current(target.device->context());
        cublasLtHandle_t created = nullptr;
        check(CublasLt::get()->create(&created), "cublasLtCreate");
        handle = {created, [device = target.device](void* h) {
                      const Current current(device->context(), std::nothrow);
                      CublasLt::get()->destroy(static_cast<cublasLtHandle_t>(h));
                  }};
    }
    return std::static_pointer_cast<std::remove_pointer_t<cublasLtHandle_t>>(handle);
}

cudaDataType_t data_type(DType type) {
    return type == DType::f32 ? CUDA_R_32F : type == DType::f16 ? CUDA_R_16F : CUDA_R_16BF;
}

Handle<cublasLtMatrixLayout_t> layout(DType type, std::int64_t rows, std::int64_t columns, std::int64_t pitch) {
    cublasLtMatrixLayout_t created = nullptr;
    check(CublasLt::get()->layout_create(&created, data_type(type), static_cast<std::uint64_t>(rows),
                                         static_cast<std::uint64_t>(columns), pitch),
          "cublasLtMatrixLayoutCreate");
    return {created, CublasLt::get()->layout_destroy};
}

std::optional<cublasLtEpilogue_t> epilogue_code(const VendorEpilogue& epilogue) {
    const bool bias = !epilogue.bias.empty();
    switch (epilogue.activation.activation) {
        case Activation::none: return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
        case Activation::relu: return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
        case Activation::gelu_tanh: return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
        default: return std::nullopt;
    }
}

/// The addend's memory beside the result's.
struct Addend {
    std::size_t input = 0;
    std::int64_t pitch = 0, offset = 0;
};

/// Columns of the library's matrices are our rows: result^T = weights^T · input^T, all with the channels contiguous.
struct Product {
    Handle<cublasLtMatmulDesc_t> operation;
    Handle<cublasLtMatrixLayout_t> weights, input, addend, result;
    std::uint32_t input_alignment = 16, result_alignment = 16, addend_alignment = 16;
};

/// Bytes to which every row of a tensor is aligned, at most 16.
std::uint32_t alignment(DType type, std::int64_t pitch, std::int64_t offset) {
    const auto element = static_cast<int>(element_bytes(type));
    return static_cast<std::uint32_t>(common_width(16 / element, {pitch, offset}) * element);
}

Product describe(const MmaProblem& p, const std::optional<Addend>& addend, cublasLtEpilogue_t epilogue, bool tf32) {
    Product product;
    cublasLtMatmulDesc_t created = nullptr;
    const auto compute = tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
    check(CublasLt::get()->operation_create(&created, compute, CUDA_R_32F), "cublasLtMatmulDescCreate");
    product.operation = {created, CublasLt::get()->operation_destroy};
    const cublasOperation_t transposed = CUBLAS_OP_T;
    const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
        check(CublasLt::get()->operation_set(created, attribute, &value, sizeof value),
              "cublasLtMatmulDescSetAttribute");
    };
    set(CUBLASLT_MATMUL_DESC_TRANSA, transposed);
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue);
    product.weights = layout(p.type, p.channels(), p.outputs, p.channels());
    product.input = layout(p.type, p.channels(), p.rows(), p.sources[0].pitch);
    product.result = layout(p.type, p.outputs, p.rows(), p.output_pitch);
    product.addend = addend ? layout(p.type, p.outputs, p.rows(), addend->pitch) : product.result;
    product.input_alignment = alignment(p.type, p.sources[0].pitch, p.sources[0].offset);
    product.result_alignment = alignment(p.type, p.output_pitch, p.output_offset);
    product.addend_alignment = addend ? alignment(p.type, addend->pitch, addend->offset) : product.result_alignment;
    return product;
}

std::optional<Addend> addend_of(const RegionContext& context, const Tactic& tactic, const VendorEpilogue& epilogue) {
    if (epilogue.addend == ir::kNone) return std::nullopt;
    const std::size_t input = context.input_index(epilogue.addend);
    const TensorDesc desc = channel_rows(context.input_desc(input, tactic));
    return Addend{input, desc.pitch, offset_of(context.input_offsets, input)};
}

bool plain_product(const MmaProblem& p) {
    return p.sources.size() == 1 && p.sources[0].upsample == 1 && p.taps_y * p.taps_x == 1 && p.stride_y == 1 &&
           p.stride_x == 1 && p.pad == 0 && p.pad_y == 0 && p.pad_x == 0 && p.output_height == p.height &&
           p.output_width == p.width && p.type == p.result;
}

std::string text_of(const cublasLtMatmulAlgo_t& algorithm) {
    std::string text;
    std::size_t words = std::size(algorithm.data);
    while (words > 1 && algorithm.data[words - 1] == 0) --words;
    for (std::size_t i = 0; i < words; ++i) {
        char word[24];
        std::snprintf(word, sizeof word, "%s%llx", i ? "." : "", static_cast<unsigned long long>(algorithm.data[i]));
        text += word;
    }
    return text;
}

/// The library lets its algorithms be kept for the same version of it.
cublasLtMatmulAlgo_t algorithm_from(const std::string& text) {
    cublasLtMatmulAlgo_t algorithm{};
    const char* at = text.c_str();
    for (auto& word : algorithm.data) {
        char* end = nullptr;
        word = std::strtoull(at, &end, 16);
        if (*end != '.') break;
        at = end + 1;
    }
    return algorithm;
}

/// Weights as [output][channel].
template <class Word>
std::vector<std::byte> packed(const MmaProblem& p, bool tf32) {
    const Tensor weights = factors(p, tf32);
    std::vector<std::byte> result(static_cast<std::size_t>(p.outputs * p.channels()) * sizeof(Word));
    const auto* source = reinterpret_cast<const Word*>(weights.raw());
    auto* target = reinterpret_cast<Word*>(result.data());
    for (std::int64_t n = 0; n < p.outputs; ++n)
        for (std::int64_t c = 0; c < p.channels(); ++c) *target++ = source[n * p.output_stride + c * p.channel_stride];
    return result;
}

class CublasLtKernel final : public Kernel {
  public:
    CublasLtKernel(const Target& target, const RegionContext& context, const MmaProblem& problem, Product product,
                   const std::optional<Addend>& addend, const std::vector<float>& bias,
                   const cublasLtMatmulHeuristicResult_t& chosen)
        : device_(target.device),
          handle_(handle_of(target)),
          product_(std::move(product)),
          chosen_(chosen),
          input_(problem.sources[0].input),
          addend_(addend),
          tf32_(cuda::rounds_to_tf32(target, problem)) {
        weights_ = device_constant(target, context, std::string("rows of weights") + (tf32_ ? " tf32" : ""), [&] {
            return element_bytes(problem.type) == 2 ? packed<std::uint16_t>(problem, tf32_)
                                                    : packed<std::uint32_t>(problem, tf32_);
        });
        if (bias.empty()) return;
        const Tensor typed = Tensor::from<float>({static_cast<std::int64_t>(bias.size())}, bias).cast(problem.type);
        bias_ = device_constant(target, context, "typed bias", std::span(typed.raw(), typed.bytes()));
        const void* address = bias_.get();
        check(CublasLt::get()->operation_set(product_.operation.get(), CUBLASLT_MATMUL_DESC_BIAS_POINTER, &address,
                                             sizeof address),
              "cublasLtMatmulDescSetAttribute");
    }

    void run(const KernelArgs& args) const override {
        const Current current(device_->context());
        const float one = 1, beta = addend_ ? 1 : 0;
        check(CublasLt::get()->multiply(
                  handle_.get(), product_.operation.get(), &one, weights_.get(), product_.weights.get(),
                  args.inputs[input_], product_.input.get(), &beta,
                  addend_ ? args.inputs[addend_->input] : args.outputs[0], product_.addend.get(), args.outputs[0],
                  product_.result.get(), &chosen_.algo, args.workspace, chosen_.workspaceSize,
                  reinterpret_cast<cudaStream_t>(static_cast<CudaStream&>(*args.stream).handle())),
              "cublasLtMatmul");
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return chosen_.workspaceSize; }
    [[nodiscard]] bool rounds_to_tf32() const override { return tf32_; }
    [[nodiscard]] std::string implementation() const override {
        int algorithm = 0, tile = 0, split = 0;
        std::size_t written = 0;
        const auto get = CublasLt::get()->algorithm_get;
        get(&chosen_.algo, CUBLASLT_ALGO_CONFIG_ID, &algorithm, sizeof algorithm, &written);
        get(&chosen_.algo, CUBLASLT_ALGO_CONFIG_TILE_ID, &tile, sizeof tile, &written);
        get(&chosen_.algo, CUBLASLT_ALGO_CONFIG_SPLITK_NUM, &split, sizeof split, &written);
        return "cuBLASLt " + cublaslt_version() + ", algorithm " + std::to_string(algorithm) + ", tile " +
               std::to_string(tile) + ", split " + std::to_string(split);
    }

  private:
    std::shared_ptr<const CudaDevice> device_;
    Handle<cublasLtHandle_t> handle_;
    Product product_;
    cublasLtMatmulHeuristicResult_t chosen_;
    std::size_t input_;
    std::optional<Addend> addend_;
    bool tf32_;
    PackedConstants::Block weights_, bias_;
};

/// What an algorithm was proposed for: the rows, and the alignment of input, result and addend.
std::string shape_text(const MmaProblem& p, const Product& product) {
    std::string text = std::to_string(p.rows());
    for (const std::uint32_t bytes : {product.input_alignment, product.result_alignment, product.addend_alignment})
        text += "x" + std::to_string(bytes);
    return text;
}

std::vector<cublasLtMatmulHeuristicResult_t> proposals(const Target& target, const Product& product) {
    const CublasLt& lt = *CublasLt::get();
    cublasLtMatmulPreference_t created = nullptr;
    check(lt.preference_create(&created), "cublasLtMatmulPreferenceCreate");
    const Handle<cublasLtMatmulPreference_t> preference(created, lt.preference_destroy);
    const auto set = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
        check(lt.preference_set(created, attribute, &value, sizeof value), "cublasLtMatmulPreferenceSetAttribute");
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
    // Partial sums are added in f32 and in one order.
    set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, product.input_alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, product.addend_alignment);
    set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, product.result_alignment);
    std::array<cublasLtMatmulHeuristicResult_t, kMostAlgorithms> results{};
    int count = 0;
    const auto status =
        lt.heuristic(handle_of(target).get(), product.operation.get(), product.weights.get(), product.input.get(),
                     product.addend.get(), product.result.get(), created, kMostAlgorithms, results.data(), &count);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
    check(status, "cublasLtMatmulAlgoGetHeuristic");
    std::vector<cublasLtMatmulHeuristicResult_t> result;
    for (int i = 0; i < count; ++i)
        if (results[static_cast<std::size_t>(i)].state == CUBLAS_STATUS_SUCCESS)
            result.push_back(results[static_cast<std::size_t>(i)]);
    return result;
}

}  // namespace

std::string cublaslt_version() {
    const CublasLt* lt = CublasLt::get();
    if (!lt) return {};
    const std::size_t version = lt->version();
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

std::vector<Tactic> cublaslt_tactics(const Target& target, const RegionContext& context, const Tactic& own,
                                     const MmaProblem& problem, const VendorEpilogue& epilogue) {
    const auto code = epilogue_code(epilogue);
    if (!target.device->present() || !CublasLt::get() || !plain_product(problem) || !code) return {};
    const Current current(target.device->context());
    std::vector<Tactic> result;
    try {
        const Product product =
            describe(problem, addend_of(context, own, epilogue), *code, rounds_to_tf32(target, problem));
        for (const auto& proposal : proposals(target, product)) {
            result.push_back(own);
            result.back().name = VendorName{"cublaslt", cublaslt_version(), text_of(proposal.algo),
                                            shape_text(problem, product), own.name}
                                     .text();
        }
    } catch (const Error& error) {  // the library cannot start here
        if (error.code() != ErrorCode::unsupported) throw;
    }
    return result;
}

std::unique_ptr<Kernel> prepare_cublaslt(const Target& target, const RegionContext& context, const Tactic& tactic,
                                         const VendorName& name, const MmaProblem& problem,
                                         const VendorEpilogue& epilogue) {
    require_version(name, "cuBLASLt", cublaslt_version());
    const auto code = epilogue_code(epilogue);
    if (!plain_product(problem) || !code) return nullptr;
    const Current current(target.device->context());
    const auto addend = addend_of(context, tactic, epilogue);
    Product product = describe(problem, addend, *code, rounds_to_tf32(target, problem));
    if (name.shape != shape_text(problem, product)) return nullptr;
    cublasLtMatmulHeuristicResult_t chosen{};
    chosen.algo = algorithm_from(name.algorithm);
    const cublasLtMatmulAlgo_t algorithm = chosen.algo;
    if (CublasLt::get()->check_algorithm(handle_of(target).get(), product.operation.get(), product.weights.get(),
                                         product.input.get(), product.addend.get(), product.result.get(), &algorithm,
                                         &chosen) != CUBLAS_STATUS_SUCCESS) {
        if (dense(context)) throw Error(ErrorCode::unsupported, "cuBLASLt refuses its algorithm " + name.algorithm);
        return nullptr;
    }
    chosen.algo = algorithm;
    return std::make_unique<CublasLtKernel>(target, context, problem, std::move(product), addend, epilogue.bias,
                                            chosen);
}

}  // namespace fovea::backend::cuda
