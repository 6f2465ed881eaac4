#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd/rows.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Softmax" && node.op != "LogSoftmax") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!onednn_float(type))
        return refuse(Reason::unsupported_dtype, "softmax takes f32, bf16 or, with AVX-512 FP16, f16");
    if (x->empty() || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    return make_region(context, "softmax", {root});
}

/// Whether the axis is innermost in memory.
bool by_rows(const RegionContext& context, Layout layout) {
    const auto rank = static_cast<std::int64_t>(context.shape(context.node(0).inputs[0]).size());
    const std::int64_t axis = base::normalize_axis(context.node(0).get<std::int64_t>("axis", -1), rank);
    return axis == (layout == Layout::channels_last ? 1 : rank - 1);
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> rows;
    for (const Layout layout : {Layout::plain, Layout::channels_last}) {
        if (!by_rows(context, layout) ||
            (layout == Layout::channels_last && !has_channels(context, context.node(0).inputs[0])))
            continue;
        rows.push_back(uniform_tactic(context, "simd:" + std::string(to_string(layout)), layout));
        rows.back().reads_slices = rows.back().writes_slices = true;
    }
    if (!rows.empty()) return rows;
    std::vector<Tactic> result = {uniform_tactic(context, "onednn:plain", Layout::plain)};
    if (has_channels(context, context.node(0).inputs[0]))
        result.push_back(uniform_tactic(context, "onednn:channels_last", Layout::channels_last));
    return result;
}

class SoftmaxKernel final : public Kernel {
  public:
    SoftmaxKernel(simd::Softmax softmax, int threads) : softmax_(softmax), threads_(threads) {}
    void run(const KernelArgs& args) const override {
        simd::Softmax softmax = softmax_;
        softmax.input = args.inputs[0];
        softmax.output = args.outputs[0];
        simd::softmax(softmax, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "own softmax"; }

  private:
    simd::Softmax softmax_;
    int threads_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic), target = context.output_desc(0, tactic);
    if (tactic.name.starts_with("simd:"))
        return std::make_unique<SoftmaxKernel>(simd::Softmax{{source.rows(), source.row()},
                                                             source.dtype,
                                                             nullptr,
                                                             source.pitch,
                                                             nullptr,
                                                             target.pitch,
                                                             node.op == "LogSoftmax"},
                                               context.threads);
    const auto axis =
        base::normalize_axis(node.get<std::int64_t>("axis", -1), static_cast<std::int64_t>(source.shape.size()));
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const auto algorithm = node.op == "Softmax" ? dnnl::algorithm::softmax_accurate : dnnl::algorithm::softmax_log;
    const dnnl::softmax_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference, algorithm,
                                                     to_dnnl(source), to_dnnl(target), static_cast<int>(axis), attr);
    return make_onednn_kernel(dnnl::softmax_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                              {{DNNL_ARG_SRC, Binding::Source::input, 0, desc.src_desc(), nullptr},
                               {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr}});
}

}  // namespace

Family softmax_family() { return {"softmax", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
