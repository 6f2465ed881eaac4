#include <algorithm>
#include <cstring>

#include "backend/cpu/families.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Gather") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    const Tensor* indices = context.graph.constant(node.inputs[1]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (!indices) return refuse(Reason::unsupported_attribute, "indices computed at run time");
    if (base::element_count(*x) == 0 || indices->size() == 0 || context.graph.constant(node.inputs[0]))
        return refuse(Reason::unsupported_shape, "an empty or constant tensor");
    const auto rank = static_cast<std::int64_t>(x->size());
    const auto length = (*x)[static_cast<std::size_t>(base::normalize_axis(node.get<std::int64_t>("axis", 0), rank))];
    const auto places = indices->to_int64();
    if (std::any_of(places.begin(), places.end(), [&](std::int64_t i) { return i < -length || i >= length; }))
        return refuse(Reason::unsupported_attribute, "an index beyond the axis");
    return make_region(context, "gather", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) { return {uniform_tactic(context, "copy", Layout::plain)}; }

/// Copies blocks of bytes: for each of `outer` parts of the source, one block for each place.
class GatherKernel final : public Kernel {
  public:
    GatherKernel(std::vector<std::int64_t> places, std::int64_t outer, std::int64_t length, std::size_t block)
        : places_(std::move(places)), outer_(outer), length_(length), block_(block) {}

    void run(const KernelArgs& args) const override {
        const auto count = static_cast<std::int64_t>(places_.size());
        const std::byte* source = args.inputs[0];
        std::byte* target = args.outputs[0];
        base::parallel_for(
            outer_ * count, static_cast<std::int64_t>(65536 / block_) + 1, [&](std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    const std::int64_t place = places_[static_cast<std::size_t>(i % count)];
                    std::memcpy(target + static_cast<std::size_t>(i) * block_,
                                source + static_cast<std::size_t>(i / count * length_ + place) * block_, block_);
                }
            });
    }
    [[nodiscard]] std::string implementation() const override { return "copies"; }

  private:
    std::vector<std::int64_t> places_;
    std::int64_t outer_, length_;
    std::size_t block_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const Shape x = context.shape(node.inputs[0]);
    const auto axis = static_cast<std::size_t>(
        base::normalize_axis(node.get<std::int64_t>("axis", 0), static_cast<std::int64_t>(x.size())));
    std::vector<std::int64_t> places = context.constant(node.inputs[1])->to_int64();
    for (std::int64_t& place : places) place += place < 0 ? x[axis] : 0;
    const auto at = x.begin() + static_cast<std::ptrdiff_t>(axis);
    const std::int64_t outer = base::element_count(Shape(x.begin(), at));
    const std::int64_t inner = base::element_count(Shape(at + 1, x.end()));
    return std::make_unique<GatherKernel>(
        std::move(places), outer, x[axis],
        static_cast<std::size_t>(inner) * element_bytes(context.info(node.inputs[0]).dtype));
}

}  // namespace

Family gather_family() { return {"gather", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
