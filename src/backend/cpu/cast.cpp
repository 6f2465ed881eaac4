#include <algorithm>

#include "backend/cpu/families.hpp"
#include "backend/cpu/onednn.hpp"
#include "backend/cpu/simd/half.hpp"
#include "base/dispatch.hpp"
#include "base/parallel.hpp"

namespace fovea::backend::cpu {
namespace {

bool byte(DType type) { return type == DType::u8 || type == DType::i8; }
bool whole(DType type) {
    constexpr DType kTypes[] = {DType::boolean, DType::i8,  DType::u8,  DType::i16, DType::u16,
                                DType::i32,     DType::u32, DType::i64, DType::u64};
    return std::find(std::begin(kTypes), std::end(kTypes), type) != std::end(kTypes);
}

/// Whether elements change among integers and booleans, from these to f32, or from f32 to 8 bits: as images, indices,
/// masks and quantised tensors do.
bool between_whole(DType from, DType to) {
    return (whole(from) && (whole(to) || to == DType::f32)) || (from == DType::f32 && byte(to));
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

/// Hands the C++ type of a whole number or of f32 to a generic lambda.
template <class Function>
void visit_whole(DType type, const Function& function) {
    base::visit(type, [&]<class T>() {
        if constexpr (std::is_integral_v<T> || std::is_same_v<T, float>) function.template operator()<T>();
    });
}

class WholeKernel final : public Kernel {
  public:
    WholeKernel(DType from, DType to, std::int64_t count) : from_(from), to_(to), count_(count) {}
    void run(const KernelArgs& args) const override {
        visit_whole(from_, [&]<class From>() {
            visit_whole(to_, [&]<class To>() {
                convert(reinterpret_cast<const From*>(args.inputs[0]), reinterpret_cast<To*>(args.outputs[0]));
            });
        });
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    /// Towards zero; numbers beyond the target's range keep its low bits.
    template <class From, class To>
    void convert(const From* source, To* target) const {
        using Wide = std::conditional_t<std::is_same_v<From, float>, std::int32_t, From>;
        base::parallel_for(count_, 16384, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) target[i] = static_cast<To>(static_cast<Wide>(source[i]));
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
    if (between_whole(from, to)) return make_region(context, "cast", {root});
    if (!own_float(from) || !own_float(to))
        return refuse(
            Reason::unsupported_dtype,
            "changes between f32, bf16 and f16, among whole numbers, from these to f32, and from f32 to 8 bits");
    if (shape->size() > 5 || base::element_count(*shape) == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor or more than 5 axes");
    return make_region(context, "cast", {root});
}

DType input_type(const RegionContext& context) { return context.dtype(context.node(0).inputs[0]); }
DType output_type(const RegionContext& context) { return context.dtype(context.node(0).outputs[0]); }

/// Own kernels leave elements where they are.
bool is_own(const RegionContext& context) {
    return between_whole(input_type(context), output_type(context)) ||
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
    if (between_whole(input_type(context), output_type(context)))
        return std::make_unique<WholeKernel>(input_type(context), output_type(context),
                                             base::element_count(context.shape(context.node(0).inputs[0])));
    if (between_halves(input_type(context), output_type(context)))
        return std::make_unique<HalfKernel>(output_type(context) == DType::f32,
                                            base::element_count(context.shape(context.node(0).inputs[0])));
    return reorder(context.input_desc(0, tactic), context.output_desc(0, tactic));
}

}  // namespace

Family cast_family() { return {"cast", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
