#include "backend/cpu/families.hpp"
#include "base/dispatch.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ArgMax" && node.op != "ArgMin") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!own_float(type)) return refuse(Reason::unsupported_dtype, "takes f32, bf16 or f16");
    const auto rank = static_cast<std::int64_t>(x->size());
    if (rank == 0 || base::element_count(*x) == 0) return refuse(Reason::unsupported_shape, "a scalar or empty tensor");
    const std::int64_t axis = base::normalize_axis(node.get<std::int64_t>("axis", 0), rank);
    if (axis != rank - 1 && !(axis == 1 && rank >= 3 && rank <= 5))
        return refuse(Reason::unsupported_attribute, "an axis other than channels or the last");
    return make_region(context, "arg_reduce", {root});
}

/// The reduced axis is innermost in memory: the last one of a plain tensor, or the channels. The result's elements then
/// lie in plain order.
std::vector<Tactic> tactics(const RegionContext& context) {
    const Shape x = context.shape(context.node(0).inputs[0]);
    const auto rank = static_cast<std::int64_t>(x.size());
    const bool last = base::normalize_axis(context.node(0).get<std::int64_t>("axis", 0), rank) == rank - 1;
    return {{"rows", {last ? Layout::plain : Layout::channels_last}, {Layout::plain}}};
}

class ArgReduceKernel final : public Kernel {
  public:
    ArgReduceKernel(TensorDesc source, bool largest, bool last)
        : source_(std::move(source)), largest_(largest), last_(last) {}

    void run(const KernelArgs& args) const override {
        if (source_.dtype == DType::f32)
            reduce<float>(args);
        else if (source_.dtype == DType::bf16)
            reduce<base::BFloat16>(args);
        else
            reduce<base::Half>(args);
    }
    [[nodiscard]] std::string implementation() const override { return "row by row"; }

  private:
    /// A NaN counts as the largest and the smallest value, as in NumPy.
    [[nodiscard]] bool better(float candidate, float best) const {
        if (best != best) return last_ && candidate != candidate;
        if (candidate != candidate) return true;
        if (candidate == best) return last_;
        return largest_ ? candidate > best : candidate < best;
    }

    template <class T>
    void reduce(const KernelArgs& args) const {
        const auto* source = reinterpret_cast<const T*>(args.inputs[0]);
        auto* target = reinterpret_cast<std::int64_t*>(args.outputs[0]);
        const std::int64_t length = source_.row();
        base::parallel_for(source_.rows(), 4096 / length + 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row) {
                const T* values = source + row * source_.pitch;
                std::int64_t place = 0;
                float best = static_cast<float>(values[0]);
                for (std::int64_t i = 1; i < length; ++i)
                    if (const auto value = static_cast<float>(values[i]); better(value, best)) {
                        best = value;
                        place = i;
                    }
                target[row] = place;
            }
        });
    }

    TensorDesc source_;
    bool largest_, last_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    return std::make_unique<ArgReduceKernel>(context.input_desc(0, tactic), node.op == "ArgMax",
                                             node.get<std::int64_t>("select_last_index", 0) != 0);
}

}  // namespace

Family arg_reduce_family() { return {"arg_reduce", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
