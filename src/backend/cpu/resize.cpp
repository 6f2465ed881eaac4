#include "backend/cpu/resize.hpp"

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd_bridge.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::algorithm;

/// oneDNN interpolates at half-pixel centres and takes the nearest element with ties going up; whole factors make the
/// other conventions agree with it.
std::variant<algorithm, Refusal> algorithm_of(const ir::Node& node, const Shape& x, const Shape& y) {
    const std::string mode = node.get<std::string>("mode", "nearest");
    const std::string transformation = node.get<std::string>("coordinate_transformation_mode", "half_pixel");
    if (node.get<std::int64_t>("antialias", 0)) return refuse(Reason::unsupported_attribute, "antialias");
    if (mode == "linear") {
        bool more_than_one = true;
        for (std::size_t i = 2; i < y.size(); ++i) more_than_one = more_than_one && y[i] > 1;
        if (transformation == "half_pixel" || (transformation == "pytorch_half_pixel" && more_than_one))
            return algorithm::resampling_linear;
        return refuse(Reason::unsupported_attribute, "linear interpolation with " + transformation);
    }
    if (mode != "nearest") return refuse(Reason::unsupported_attribute, "mode " + mode);
    for (std::size_t i = 2; i < x.size(); ++i)
        if (x[i] == 0 || y[i] % x[i] != 0)
            return refuse(Reason::unsupported_shape, "nearest with a scale that is no whole number");
    const std::string nearest = node.get<std::string>("nearest_mode", "round_prefer_floor");
    const bool repeats = (transformation == "asymmetric" && nearest == "floor") ||
                         ((transformation == "half_pixel" || transformation == "pytorch_half_pixel" ||
                           transformation == "half_pixel_symmetric") &&
                          nearest.starts_with("round"));
    if (!repeats) return refuse(Reason::unsupported_attribute, "nearest with " + transformation + " and " + nearest);
    return algorithm::resampling_nearest;
}

/// The factor that the node states along each axis must be the ratio of the sizes; else positions differ.
bool plain_scales(const MatchContext& context, const ir::Node& node, const Shape& x, const Shape& y) {
    if (node.attributes.contains("axes") ||
        (node.inputs.size() > 1 && node.get<std::string>("coordinate_transformation_mode", "") == "tf_crop_and_resize"))
        return false;
    if (node.inputs.size() > 3 && node.inputs[3] != ir::kNone)
        return node.get<std::string>("keep_aspect_ratio_policy", "stretch") == "stretch";
    if (node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return false;
    const Tensor& scales = context.info(node.inputs[2]).constant;
    if (!scales || scales.size() != static_cast<std::int64_t>(x.size())) return false;
    const auto factors = scales.to_float();
    for (std::size_t i = 0; i < x.size(); ++i)
        if (static_cast<double>(factors[i]) * static_cast<double>(x[i]) != static_cast<double>(y[i])) return false;
    return true;
}

std::optional<simd::Coordinates> coordinates_of(const ir::Node& node) {
    const std::string name = node.get<std::string>("coordinate_transformation_mode", "half_pixel");
    if (name == "half_pixel") return simd::Coordinates::half_pixel;
    if (name == "pytorch_half_pixel") return simd::Coordinates::pytorch_half_pixel;
    if (name == "half_pixel_symmetric") return simd::Coordinates::half_pixel_symmetric;
    if (name == "align_corners") return simd::Coordinates::align_corners;
    if (name == "asymmetric") return simd::Coordinates::asymmetric;
    return std::nullopt;
}

bool linear(const ir::Node& node) { return node.get<std::string>("mode", "nearest") == "linear"; }

/// An addition of a whole tensor of the same type, then an activation.
bool accepts(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    if (step.kind == EpilogueStep::Kind::activation) return own_activation(step);
    return step.kind == EpilogueStep::Kind::add && context.shape(step.operand) == context.shape(chain) &&
           context.info(step.operand).dtype == context.info(chain).dtype && !context.info(step.operand).constant &&
           context.graph.node(context.graph.value(chain).producer).op == "Resize";
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Resize") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    if (!x || !y) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    const bool bytes =
        (type == DType::u8 || type == DType::i8) && node.get<std::string>("mode", "nearest") == "nearest";
    if (!onednn_float(type) && !bytes)
        return refuse(Reason::unsupported_dtype,
                      "resizing takes f32, bf16 or, with AVX-512 FP16, f16; and 8 bits to the nearest element");
    if (x->size() < 3 || x->size() > 5 || (*x)[0] != (*y)[0] || (*x)[1] != (*y)[1])
        return refuse(Reason::unsupported_shape, "batch or channels change");
    if (!plain_scales(context, node, *x, *y))
        return refuse(Reason::unsupported_attribute, "scales that are no ratio of whole sizes");
    std::vector<ir::NodeId> nodes = {root};
    if (own_bilinear(context, node)) {
        const Epilogue epilogue = match_epilogue(context, node.outputs[0], 2, accepts);
        nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
        return make_region(context, "resize", std::move(nodes));
    }
    auto algorithm = algorithm_of(node, *x, *y);
    if (auto* refusal = std::get_if<Refusal>(&algorithm)) return std::move(*refusal);
    return make_region(context, "resize", std::move(nodes));
}

bool own_kernel(const RegionContext& context) {
    const ir::Node& node = context.node(0);
    return linear(node) && context.shape(node.inputs[0]).size() == 4 && coordinates_of(node) &&
           simd_epilogue(context, read_epilogue(context, node.outputs[0], 1), context.region.outputs[0]);
}

std::vector<Tactic> tactics(const RegionContext& context) {
    std::vector<Tactic> result;
    if (own_kernel(context)) {
        result.push_back(uniform_tactic(context, "simd:channels_last", Layout::channels_last));
        result.back().reads_slices = result.back().writes_slices = true;
        result.push_back(uniform_tactic(context, "simd:plain", Layout::plain));
    }
    if (context.region.nodes.size() > 1) return result;
    const auto algorithm = algorithm_of(context.node(0), context.shape(context.node(0).inputs[0]),
                                        context.shape(context.node(0).outputs[0]));
    if (std::holds_alternative<Refusal>(algorithm)) return result;
    if (result.empty()) result.push_back(uniform_tactic(context, "onednn:channels_last", Layout::channels_last));
    result.push_back(uniform_tactic(context, "onednn:plain", Layout::plain));
    return result;
}

class BilinearKernel final : public Kernel {
  public:
    BilinearKernel(simd::BilinearResize resize, std::size_t input, int residual, std::vector<simd::LinearTap> rows,
                   std::vector<simd::LinearTap> columns, int threads)
        : resize_(resize),
          input_(input),
          residual_(residual),
          rows_(std::move(rows)),
          columns_(std::move(columns)),
          threads_(threads) {
        resize_.rows = rows_.data();
        resize_.columns = columns_.data();
    }
    void run(const KernelArgs& args) const override {
        simd::BilinearResize resize = resize_;
        resize.input = args.inputs[input_];
        if (residual_ >= 0) resize.epilogue.residual = args.inputs[residual_];
        resize.output = args.outputs[0];
        simd::bilinear_resize(resize, args.workspace, threads_);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override {
        return simd::bilinear_resize_workspace(resize_, threads_);
    }
    [[nodiscard]] std::string implementation() const override { return "own bilinear"; }

  private:
    simd::BilinearResize resize_;
    std::size_t input_;
    int residual_;
    std::vector<simd::LinearTap> rows_, columns_;
    int threads_;
};

std::unique_ptr<Kernel> prepare_own(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    const auto size = [](std::int64_t n) { return static_cast<int>(n); };
    const auto epilogue =
        *simd_epilogue(context, read_epilogue(context, node.outputs[0], 1), context.region.outputs[0]);
    simd::BilinearResize resize;
    const bool plain = target.layout == Layout::plain;
    const auto pitch = [&](const TensorDesc& desc) {
        return plain ? simd::Pitch{desc.shape[2] * desc.pitch, desc.pitch, 1} : pitch_of(desc);
    };
    resize.batch = size(plain ? source.shape[0] * source.shape[1] : source.shape[0]);
    resize.channels = size(plain ? 1 : source.shape[1]);
    resize.in_height = size(source.shape[2]);
    resize.in_width = size(source.shape[3]);
    resize.out_height = size(target.shape[2]);
    resize.out_width = size(target.shape[3]);
    resize.type = source.dtype;
    resize.input_pitch = pitch(source);
    resize.output_pitch = pitch(target);
    resize.epilogue = epilogue.steps;
    int residual = -1;
    if (epilogue.residual != ir::kNone) {
        residual = static_cast<int>(context.input_index(epilogue.residual));
        resize.epilogue.residual_pitch = pitch(context.input_desc(static_cast<std::size_t>(residual), tactic));
    }
    return std::make_unique<BilinearKernel>(resize, input, residual, linear_taps(context, node, 0),
                                            linear_taps(context, node, 1), context.threads);
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    if (tactic.name.starts_with("simd:")) return prepare_own(context, tactic);
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), target = context.output_desc(0, tactic);
    auto algorithm = algorithm_of(node, source.shape, target.shape);
    if (auto* refusal = std::get_if<Refusal>(&algorithm)) throw Error(ErrorCode::unsupported, refusal->detail);
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::resampling_forward::primitive_desc desc(engine(), dnnl::prop_kind::forward_inference,
                                                        std::get<dnnl::algorithm>(algorithm), to_dnnl(source),
                                                        to_dnnl(target), attr);
    return make_onednn_kernel(dnnl::resampling_forward(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                              {{DNNL_ARG_SRC, Binding::Source::input, input, desc.src_desc(), nullptr},
                               {DNNL_ARG_DST, Binding::Source::output, 0, desc.dst_desc(), nullptr}});
}

/// Scale as the node states it, or as the sizes give it, along spatial axis `axis`.
double scale_of(const RegionContext& context, const ir::Node& node, std::size_t axis, std::int64_t in,
                std::int64_t out) {
    if (node.inputs.size() > 2 && node.inputs[2] != ir::kNone)
        if (const Tensor* scales = context.constant(node.inputs[2])) return scales->to_float()[axis + 2];
    return static_cast<double>(out) / static_cast<double>(in);
}

}  // namespace

bool own_bilinear(const MatchContext& context, const ir::Node& node) {
    if (node.op != "Resize" || !linear(node) || !coordinates_of(node) || node.get<std::int64_t>("antialias", 0))
        return false;
    const auto x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]);
    const DType type = context.info(node.inputs[0]).dtype;
    return x && y && onednn_float(type) && x->size() == 4 && (*x)[0] == (*y)[0] && (*x)[1] == (*y)[1] &&
           plain_scales(context, node, *x, *y);
}

std::vector<simd::LinearTap> linear_taps(const RegionContext& context, const ir::Node& node, std::size_t axis) {
    const std::int64_t in = context.shape(node.inputs[0])[axis + 2], out = context.shape(node.outputs[0])[axis + 2];
    std::vector<simd::LinearTap> taps(static_cast<std::size_t>(out));
    simd::fill_linear_taps(taps.data(), static_cast<int>(in), static_cast<int>(out),
                           scale_of(context, node, axis, in, out), *coordinates_of(node));
    return taps;
}

Family resize_family() { return {"resize", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
