#include <algorithm>
#include <array>

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

/// How many axes from the last on are reduced; 0 where others are, or none.
std::size_t reduced_from_the_last(std::vector<std::int64_t> axes, std::size_t rank) {
    for (std::int64_t& axis : axes) axis = base::normalize_axis(axis, static_cast<std::int64_t>(rank));
    std::sort(axes.begin(), axes.end());
    for (std::size_t i = 0; i < axes.size(); ++i)
        if (axes[i] != static_cast<std::int64_t>(rank - axes.size() + i)) return 0;
    return axes.size();
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "ReduceSum" && node.op != "ReduceMean") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype))
        return refuse(Reason::unsupported_dtype, "takes f32, bf16 or f16");
    if (base::element_count(*x) == 0) return refuse(Reason::unsupported_shape, "an empty tensor");
    const bool given = node.inputs.size() > 1 && node.inputs[1] != ir::kNone;
    if (!given || !context.graph.constant(node.inputs[1]))
        return refuse(Reason::unsupported_attribute, "axes that are left out or computed at run time");
    if (reduced_from_the_last(context.graph.constant(node.inputs[1])->to_int64(), x->size()) == 0)
        return refuse(Reason::unsupported_attribute, "axes other than the last ones");
    return make_region(context, "reduce", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) { return {uniform_tactic(context, "rows", Layout::plain)}; }

/// Sums of `rows` rows of `length` values, each times `factor`.
class ReduceKernel final : public Kernel {
  public:
    ReduceKernel(DType dtype, std::int64_t rows, std::int64_t length, float factor)
        : dtype_(dtype), rows_(rows), length_(length), factor_(factor) {}

    void run(const KernelArgs& args) const override {
        if (dtype_ == DType::f32)
            reduce<float>(args);
        else if (dtype_ == DType::bf16)
            reduce<base::BFloat16>(args);
        else
            reduce<base::Half>(args);
    }
    [[nodiscard]] std::string implementation() const override { return "row by row"; }

  private:
    template <class T>
    void reduce(const KernelArgs& args) const {
        const auto* source = reinterpret_cast<const T*>(args.inputs[0]);
        auto* target = reinterpret_cast<T*>(args.outputs[0]);
        base::parallel_for(rows_, 16384 / length_ + 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t row = begin; row < end; ++row)
                target[row] = static_cast<T>(sum(source + row * length_) * factor_);
        });
    }

    /// Adds up in several places, as vectors do, which also keeps rounding errors small.
    template <class T>
    [[nodiscard]] float sum(const T* values) const {
        constexpr std::int64_t kLanes = 16;
        std::array<float, kLanes> lanes{};
        std::int64_t i = 0;
        for (; i + kLanes <= length_; i += kLanes)
            for (std::int64_t lane = 0; lane < kLanes; ++lane)
                lanes[static_cast<std::size_t>(lane)] += static_cast<float>(values[i + lane]);
        float total = 0;
        if (i > 0)
            for (const float lane : lanes) total += lane;
        for (; i < length_; ++i) total += static_cast<float>(values[i]);
        return total;
    }

    DType dtype_;
    std::int64_t rows_, length_;
    float factor_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const Shape x = context.shape(node.inputs[0]);
    const std::size_t reduced = reduced_from_the_last(context.constant(node.inputs[1])->to_int64(), x.size());
    std::int64_t length = 1;
    for (std::size_t i = x.size() - reduced; i < x.size(); ++i) length *= x[i];
    return std::make_unique<ReduceKernel>(context.info(node.inputs[0]).dtype, base::element_count(x) / length, length,
                                          node.op == "ReduceMean" ? 1.0f / static_cast<float>(length) : 1.0f);
}

}  // namespace

Family reduce_family() { return {"reduce", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
