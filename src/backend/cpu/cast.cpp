#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd/half.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu {
namespace {

bool byte(DType type) { return type == DType::u8 || type == DType::i8; }

/// Whether elements change between f32 and 8 bits, as images and quantised tensors do.
bool between_bytes(DType from, DType to) {
    return (byte(from) && to == DType::f32) || (from == DType::f32 && byte(to));
}

/// Whether elements change between f32 and f16, as inputs and outputs of models in f16 do.
bool between_halves(DType from, DType to) {
    return (from == DType::f16 && to == DType::f32) || (from == DType::f32 && to == DType::f16);
}

class HalfKernel final : public Kernel {
  public:
    HalfKernel(bool widens, std::int64_t count) : widens_(widens), count_(count) {}
    void run(const KernelArgs& args) const override {
        base::parallel_for(count_, 16384, [&](std::int64_t begin, std::int64_t end) {
            const auto part = static_cast<std::size_t>(end - begin);
            if (widens_)
                simd::half_to_float(at<std::uint16_t>(args.inputs[0]) + begin, at<float>(args.outputs[0]) + begin,
                                    part);
            else
                simd::float_to_half(at<float>(args.inputs[0]) + begin, at<std::uint16_t>(args.outputs[0]) + begin,
                                    part);
        });
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    template <class T>
    static const T* at(const std::byte* data) {
        return reinterpret_cast<const T*>(data);
    }
    template <class T>
    static T* at(std::byte* data) {
        return reinterpret_cast<T*>(data);
    }

    bool widens_;
    std::int64_t count_;
};

class ByteKernel final : public Kernel {
  public:
    ByteKernel(DType from, DType to, std::int64_t count) : from_(from), to_(to), count_(count) {}
    void run(const KernelArgs& args) const override {
        const std::byte* x = args.inputs[0];
        std::byte* y = args.outputs[0];
        if (from_ == DType::u8) convert<std::uint8_t, float>(x, y);
        if (from_ == DType::i8) convert<std::int8_t, float>(x, y);
        if (to_ == DType::u8) convert<float, std::uint8_t>(x, y);
        if (to_ == DType::i8) convert<float, std::int8_t>(x, y);
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    /// Towards zero; numbers beyond 8 bits keep the low bits.
    template <class From, class To>
    void convert(const std::byte* input, std::byte* output) const {
        const auto* source = reinterpret_cast<const From*>(input);
        auto* target = reinterpret_cast<To*>(output);
        base::parallel_for(count_, 16384, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i)
                target[i] = static_cast<To>(static_cast<std::int32_t>(source[i]));
        });
    }

    DType from_, to_;
    std::int64_t count_;
};

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Cast") return refuse(Reason::unsupported_operator);
    const auto shape = context.shape(node.inputs[0]);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    const DType from = context.info(node.inputs[0]).dtype, to = context.info(node.outputs[0]).dtype;
    if (between_bytes(from, to)) return make_region(context, "cast", {root});
    if (!own_float(from) || !own_float(to))
        return refuse(Reason::unsupported_dtype, "changes between f32, bf16 and f16, and between f32 and 8 bits");
    if (shape->size() > 5 || base::element_count(*shape) == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor or more than 5 axes");
    return make_region(context, "cast", {root});
}

DType input_type(const RegionContext& context) { return context.dtype(context.node(0).inputs[0]); }
DType output_type(const RegionContext& context) { return context.dtype(context.node(0).outputs[0]); }

/// Own kernels leave elements where they are.
bool is_own(const RegionContext& context) {
    return between_bytes(input_type(context), output_type(context)) ||
           between_halves(input_type(context), output_type(context));
}

/// A cast may change the layout on the way.
std::vector<Tactic> tactics(const RegionContext& context) {
    const std::string name = is_own(context) ? "simd:" : "reorder:";
    std::vector<Tactic> result = {uniform_tactic(context, name + "plain", Layout::plain)};
    if (!has_channels(context, context.node(0).inputs[0])) return result;
    result.push_back(uniform_tactic(context, name + "channels_last", Layout::channels_last));
    if (is_own(context)) return result;
    result.push_back({"reorder:plain-channels_last", {Layout::plain}, {Layout::channels_last}});
    result.push_back({"reorder:channels_last-plain", {Layout::channels_last}, {Layout::plain}});
    return result;
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    if (between_bytes(input_type(context), output_type(context)))
        return std::make_unique<ByteKernel>(input_type(context), output_type(context),
                                            base::element_count(context.shape(context.node(0).inputs[0])));
    if (between_halves(input_type(context), output_type(context)))
        return std::make_unique<HalfKernel>(output_type(context) == DType::f32,
                                            base::element_count(context.shape(context.node(0).inputs[0])));
    return reorder(context.input_desc(0, tactic), context.output_desc(0, tactic));
}

}  // namespace

Family cast_family() { return {"cast", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
