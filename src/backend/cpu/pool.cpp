#include "backend/cpu/simd/pool.hpp"
#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"
#include "ops/window.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::algorithm;
using dnnl::memory;

bool global(const ir::Node& node) { return node.op == "GlobalAveragePool" || node.op == "GlobalMaxPool"; }

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!global(node) && node.op != "MaxPool" && node.op != "AveragePool") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    const bool bytes = node.op == "MaxPool" && (type == DType::u8 || type == DType::i8);
    if (!onednn_float(type) && !bytes)
        return refuse(Reason::unsupported_dtype, "pooling takes f32, bf16 or, with AVX-512 FP16, f16");
    if (x->size() < 3 || x->size() > 5)
        return refuse(Reason::unsupported_shape, "pooling takes one to three spatial axes");
    if (node.outputs.size() > 1 && node.outputs[1] != ir::kNone)
        return refuse(Reason::unsupported_attribute, "indices of the maxima");
    // oneDNN would count what lies beyond the declared padding, too.
    if (node.get<std::int64_t>("count_include_pad", 0) && node.get<std::int64_t>("ceil_mode", 0))
        return refuse(Reason::unsupported_attribute, "an average over padding in ceil mode");
    return make_region(context, "pool", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) {
    if (context.shape(context.region.inputs[0]).size() == 4 &&
        element_bytes(context.dtype(context.region.inputs[0])) > 1) {
        std::vector<Tactic> result = {uniform_tactic(context, "simd", Layout::channels_last),
                                      uniform_tactic(context, "onednn:plain", Layout::plain)};
        result[0].reads_slices = result[0].writes_slices = true;
        return result;
    }
    return {uniform_tactic(context, "onednn:channels_last", Layout::channels_last),
            uniform_tactic(context, "onednn:plain", Layout::plain)};
}

ops::SlidingWindow window_of(const ir::Node& node, const Shape& x) {
    const Shape spatial(x.begin() + 2, x.end());
    if (!global(node))
        return ops::sliding_window(ops::NodeView(node), node.get("kernel_shape", std::vector<std::int64_t>()), spatial);
    const std::vector<std::int64_t> ones(spatial.size(), 1), zeros(spatial.size(), 0);
    return {spatial, ones, ones, zeros, zeros};
}

algorithm algorithm_of(const ir::Node& node) {
    if (node.op == "MaxPool" || node.op == "GlobalMaxPool") return algorithm::pooling_max;
    return node.get<std::int64_t>("count_include_pad", 0) ? algorithm::pooling_avg_include_padding
                                                          : algorithm::pooling_avg_exclude_padding;
}

class SimdPoolKernel final : public Kernel {
  public:
    SimdPoolKernel(simd::Pool pool, int threads) : pool_(pool), threads_(threads) {}
    void run(const KernelArgs& args) const override {
        simd::Pool pool = pool_;
        pool.input = args.inputs[0];
        pool.output = args.outputs[0];
        simd::pool(pool, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "own pooling"; }

  private:
    simd::Pool pool_;
    int threads_;
};

class GlobalAverageKernel final : public Kernel {
  public:
    GlobalAverageKernel(simd::GlobalAveragePool pool, int threads) : pool_(pool), threads_(threads) {}
    void run(const KernelArgs& args) const override {
        simd::GlobalAveragePool pool = pool_;
        pool.input = args.inputs[0];
        pool.output = args.outputs[0];
        simd::global_average_pool(pool, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "own global average"; }

  private:
    simd::GlobalAveragePool pool_;
    int threads_;
};

std::unique_ptr<Kernel> prepare_simd(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic), target = context.output_desc(0, tactic);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    const int batch = size(source.shape[0]), channels = size(source.shape[1]), height = size(source.shape[2]),
              width = size(source.shape[3]);
    if (node.op == "GlobalAveragePool")
        return std::make_unique<GlobalAverageKernel>(
            simd::GlobalAveragePool{batch, channels, height, width, source.dtype, nullptr, pitch_of(source), nullptr,
                                    target.pitch},
            context.threads);
    const auto window = window_of(node, source.shape);
    simd::Pool pool;
    pool.kind = algorithm_of(node) == algorithm::pooling_max                   ? simd::Pool::Kind::max
                : algorithm_of(node) == algorithm::pooling_avg_include_padding ? simd::Pool::Kind::average_padded
                                                                               : simd::Pool::Kind::average;
    pool.batch = batch;
    pool.channels = channels;
    pool.in_height = height;
    pool.in_width = width;
    pool.out_height = size(target.shape[2]);
    pool.out_width = size(target.shape[3]);
    pool.kernel_height = size(window.kernel[0]);
    pool.kernel_width = size(window.kernel[1]);
    pool.stride_y = size(window.strides[0]);
    pool.stride_x = size(window.strides[1]);
    pool.dilation_y = size(window.dilations[0]);
    pool.dilation_x = size(window.dilations[1]);
    pool.pad_top = size(window.pads_begin[0]);
    pool.pad_left = size(window.pads_begin[1]);
    pool.pad_bottom = size(window.pads_end[0]);
    pool.pad_right = size(window.pads_end[1]);
    pool.type = source.dtype;
    pool.input_pitch = pitch_of(source);
    pool.output_pitch = pitch_of(target);
    return std::make_unique<SimdPoolKernel>(pool, context.threads);
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    if (tactic.name == "simd") return prepare_simd(context, tactic);
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic), target = context.output_desc(0, tactic);
    auto window = window_of(node, source.shape);
    memory::dims dilations(window.dilations.begin(), window.dilations.end());
    for (std::size_t i = 0; i < dilations.size(); ++i) {
        --dilations[i];
        // In ceil mode the last window may reach beyond the declared padding.
        const std::int64_t reach = (target.shape[i + 2] - 1) * window.strides[i] + window.extent(i) -
                                   source.shape[i + 2] - window.pads_begin[i];
        window.pads_end[i] = std::max<std::int64_t>(reach, 0);
    }
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::pooling_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference, algorithm_of(node),
                                                     to_dnnl(source), to_dnnl(target), window.strides, window.kernel,
                                                     dilations, window.pads_begin, window.pads_end, attr);
    return make_onednn_kernel(dnnl::pooling_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                              {{DNNL_ARG_SRC, Binding::Source::input, 0, desc.src_desc(), nullptr},
                               {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr}});
}

}  // namespace

Family pool_family() { return {"pool", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
