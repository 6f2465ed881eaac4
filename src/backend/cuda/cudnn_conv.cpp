#include <algorithm>
#include <map>

#include "backend/cuda/conv.hpp"
#include "backend/cuda/cudnn_plan.hpp"
#include "backend/cuda/mma_conv.hpp"
#include "backend/cuda/vendor.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// Most engines to time, and most memory that one may ask for.
constexpr std::size_t kMostEngines = 4;
constexpr std::int64_t kMostWorkspace = std::int64_t{64} << 20;

ConvProblem::Image image_of(const TensorDesc& desc, std::int64_t offset) {
    const Shape& s = desc.shape;
    const auto element = static_cast<int>(element_bytes(desc.dtype));
    return {{s[0], s[1], s[2], s[3]},
            {s[2] * s[3] * desc.pitch, 1, s[3] * desc.pitch, desc.pitch},
            common_width(16 / element, {desc.pitch, offset}) * element};
}

/// Nothing where the library has no such operation.
std::optional<ConvProblem> read_problem(const Target& target, const RegionContext& context, const Tactic& tactic,
                                        const ConvRegion& region, const VendorEpilogue& epilogue) {
    const auto& inputs = context.region.inputs;
    if (!region.prologue.trivial() || std::find(inputs.begin(), inputs.end(), region.conv->inputs[0]) == inputs.end())
        return std::nullopt;
    const std::size_t input = context.input_index(region.conv->inputs[0]);
    const TensorDesc x = channel_rows(context.input_desc(input, tactic));
    const TensorDesc y = channel_rows(context.output_desc(0, tactic));
    if (x.dtype != y.dtype) return std::nullopt;
    ConvProblem p;
    p.type = x.dtype;
    p.bias = !epilogue.bias.empty();
    p.input = image_of(x, offset_of(context.input_offsets, input));
    p.result = image_of(y, offset_of(context.output_offsets, 0));
    const Shape& w = context.constant(region.conv->inputs[1])->shape();
    p.tf32 = rounds_to_tf32(target, p.type, y.shape[0] * y.shape[2] * y.shape[3], y.shape[1], w[2] * w[3]);
    p.weights = image_of(TensorDesc::dense(p.type, w, Layout::channels_last), 0);
    if (epilogue.addend != ir::kNone) {
        const std::size_t addend = context.input_index(epilogue.addend);
        p.adds = true;
        p.addend = image_of(channel_rows(context.input_desc(addend, tactic)), offset_of(context.input_offsets, addend));
    }
    const auto& window = region.window;
    for (std::size_t i = 0; i < 2; ++i) {
        p.strides[i] = window.strides[i];
        p.dilations[i] = window.dilations[i];
        p.pads_begin[i] = window.pads_begin[i];
        p.pads_end[i] = window.pads_end[i];
    }
    p.activation = epilogue.activation;
    return p;
}

/// One device's handles, each for one thread at a time, and its plans: making one may compile.
class CudnnState {
  public:
    explicit CudnnState(std::shared_ptr<const CudaDevice> device) : device_(std::move(device)) {}
    ~CudnnState() {
        const Current current(device_->context(), std::nothrow);
        plans_.clear();
        for (const cudnnHandle_t handle : handles_) Cudnn::get()->destroy(handle);
    }
    CudnnState(const CudnnState&) = delete;
    CudnnState& operator=(const CudnnState&) = delete;

    static std::shared_ptr<CudnnState> of(const Target& target) {
        const std::lock_guard lock(target.vendor->mutex);
        if (!target.vendor->cudnn) target.vendor->cudnn = std::make_shared<CudnnState>(target.device);
        return std::static_pointer_cast<CudnnState>(target.vendor->cudnn);
    }

    /// Calls `function` with a handle that no other thread uses meanwhile.
    template <class Function>
    auto with_handle(const Function& function) {
        struct Lease {
            CudnnState& state;
            cudnnHandle_t handle;
            ~Lease() {
                const std::lock_guard lock(state.mutex_);
                state.handles_.push_back(handle);
            }
        };
        const Current current(device_->context());
        const Lease lease{*this, take()};
        return function(lease.handle);
    }

    /// What `proposed_engines` says of a problem.
    std::vector<std::string> engines(const ConvProblem& problem) {
        const std::string key = problem.text();
        {
            const std::lock_guard lock(mutex_);
            if (const auto known = engines_.find(key); known != engines_.end()) return known->second;
        }
        auto found = with_handle([&](cudnnHandle_t handle) { return proposed_engines(problem, handle, kMostEngines); });
        const std::lock_guard lock(mutex_);
        return engines_.emplace(key, std::move(found)).first->second;
    }

    /// Throws what the library says where the engine does not take the problem.
    std::shared_ptr<CudnnPlan> plan(const ConvProblem& problem, const std::string& engine) {
        const std::string key = problem.text() + "|" + engine;
        {
            const std::lock_guard lock(mutex_);
            if (const auto known = plans_.find(key); known != plans_.end()) return known->second;
        }
        auto made = with_handle([&](cudnnHandle_t handle) {
            return make_cudnn_plan(problem, engine, handle, device_->architecture() + " " + device_->facts().name);
        });
        if (made->workspace > kMostWorkspace)
            throw Error(ErrorCode::unsupported, "the engine needs " + std::to_string(made->workspace) + " bytes");
        const std::lock_guard lock(mutex_);
        return plans_.emplace(key, std::move(made)).first->second;
    }

  private:
    cudnnHandle_t take() {
        {
            const std::lock_guard lock(mutex_);
            if (!handles_.empty()) {
                const cudnnHandle_t handle = handles_.back();
                handles_.pop_back();
                return handle;
            }
        }
        cudnnHandle_t handle = nullptr;
        check(Cudnn::get()->create(&handle), "cudnnCreate");
        return handle;
    }

    std::shared_ptr<const CudaDevice> device_;
    std::mutex mutex_;
    std::vector<cudnnHandle_t> handles_;
    std::map<std::string, std::vector<std::string>> engines_;
    std::map<std::string, std::shared_ptr<CudnnPlan>> plans_;
};

/// The weights as [output][tap][channel].
std::vector<std::byte> packed(const Tensor& weights) {
    const auto plain = TensorDesc::dense(weights.dtype(), weights.shape(), Layout::plain);
    const auto last = TensorDesc::dense(weights.dtype(), weights.shape(), Layout::channels_last);
    std::vector<std::byte> result(last.bytes());
    convert(plain, weights.raw(), last, result.data());
    return result;
}

class CudnnKernel final : public Kernel {
  public:
    CudnnKernel(const Target& target, const RegionContext& context, const ConvRegion& region,
                const VendorEpilogue& epilogue, bool tf32, std::shared_ptr<CudnnPlan> plan, std::string engine)
        : state_(CudnnState::of(target)), plan_(std::move(plan)), engine_(std::move(engine)), tf32_(tf32) {
        input_ = context.input_index(region.conv->inputs[0]);
        if (epilogue.addend != ir::kNone) addend_ = context.input_index(epilogue.addend);
        weights_ = device_constant(target, context, std::string("channels-last weights") + (tf32 ? " tf32" : ""),
                                   [&] { return packed(factors(*context.constant(region.conv->inputs[1]), tf32)); });
        if (!epilogue.bias.empty())
            bias_ = device_constant(target, context, "bias", std::as_bytes(std::span(epilogue.bias)));
    }

    void run(const KernelArgs& args) const override {
        std::vector<std::int64_t> uids = {kInput, kWeights, kResult};
        std::vector<const void*> places = {args.inputs[input_], weights_.get(), args.outputs[0]};
        const auto bind = [&](std::int64_t uid, const void* place) {
            uids.push_back(uid);
            places.push_back(place);
        };
        if (bias_) bind(kBias, bias_.get());
        if (addend_) bind(kAddend, args.inputs[*addend_]);
        const void* workspace = args.workspace;
        CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
        pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, uids);
        pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, static_cast<std::int64_t>(places.size()),
                 places.data());
        pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &workspace).finalize();
        state_->with_handle([&](cudnnHandle_t handle) {
            const CUstream stream = static_cast<CudaStream&>(*args.stream).handle();
            check(Cudnn::get()->set_stream(handle, stream), "cudnnSetStream");
            const std::lock_guard lock(plan_->mutex);
            check(Cudnn::get()->execute(handle, plan_->descriptor.handle(), pack.handle()), "cudnnBackendExecute");
        });
    }
    [[nodiscard]] std::size_t workspace_bytes() const override { return static_cast<std::size_t>(plan_->workspace); }
    [[nodiscard]] bool rounds_to_tf32() const override { return tf32_; }
    [[nodiscard]] std::string implementation() const override {
        return "cuDNN " + cudnn_version() + ", engine " + engine_;
    }

  private:
    std::shared_ptr<CudnnState> state_;
    std::shared_ptr<CudnnPlan> plan_;
    std::string engine_;
    bool tf32_;
    std::size_t input_ = 0;
    std::optional<std::size_t> addend_;
    PackedConstants::Block weights_, bias_;
};

std::string shape_text(const ConvProblem& p) {
    return std::to_string(p.input.dims[0]) + "x" + std::to_string(p.input.dims[2]) + "x" +
           std::to_string(p.input.dims[3]);
}

}  // namespace

std::string cudnn_version() {
    const Cudnn* cudnn = Cudnn::get();
    if (!cudnn) return {};
    const std::size_t version = cudnn->version();
    return std::to_string(version / 10000) + "." + std::to_string(version / 100 % 100) + "." +
           std::to_string(version % 100);
}

std::vector<Tactic> cudnn_tactics(const Target& target, const RegionContext& context, const Tactic& own,
                                  const ConvRegion& region, const VendorEpilogue& epilogue) {
    if (!target.device->present() || !Cudnn::get() || !cudnn_activation(epilogue.activation.activation)) return {};
    const auto problem = read_problem(target, context, own, region, epilogue);
    if (!problem) return {};
    std::vector<Tactic> result;
    try {
        for (const std::string& engine : CudnnState::of(target)->engines(*problem)) {
            result.push_back(own);
            result.back().name = VendorName{"cudnn", cudnn_version(), engine, shape_text(*problem), own.name}.text();
        }
    } catch (const Error& error) {  // no engine for such a graph
        if (error.code() != ErrorCode::unsupported) throw;
    }
    return result;
}

std::unique_ptr<Kernel> prepare_cudnn(const Target& target, const RegionContext& context, const Tactic& tactic,
                                      const VendorName& name, const ConvRegion& region,
                                      const VendorEpilogue& epilogue) {
    require_version(name, "cuDNN", cudnn_version());
    const auto problem = read_problem(target, context, tactic, region, epilogue);
    if (!problem || name.shape != shape_text(*problem)) return nullptr;
    std::shared_ptr<CudnnPlan> plan;
    try {
        plan = CudnnState::of(target)->plan(*problem, name.algorithm);
    } catch (const Error& error) {
        if (dense(context) || error.code() != ErrorCode::unsupported) throw;
        return nullptr;
    }
    return std::make_unique<CudnnKernel>(target, context, region, epilogue, problem->tf32, std::move(plan),
                                         name.algorithm);
}

}  // namespace fovea::backend::cuda
