#include <array>
#include <cmath>

#include "backend/cpu/families.hpp"
#include "base/dispatch.hpp"
#include "base/parallel.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {
namespace {

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "GridSample") return refuse(Reason::unsupported_operator);
    if (node.get<std::string>("mode", "linear") != "linear")
        return refuse(Reason::unsupported_attribute, "a mode other than linear");
    if (node.get<std::string>("padding_mode", "zeros") == "reflection")
        return refuse(Reason::unsupported_attribute, "padding by reflection");
    const auto x = context.shape(node.inputs[0]), grid = context.shape(node.inputs[1]);
    if (!x || !grid) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(node.inputs[0]).dtype) || !own_float(context.info(node.inputs[1]).dtype))
        return refuse(Reason::unsupported_dtype, "takes f32, bf16 or f16");
    if (x->size() != 4 || base::element_count(*x) == 0 || node.inputs[0] == node.inputs[1])
        return refuse(Reason::unsupported_shape, "an empty tensor, or other than two spatial axes");
    return make_region(context, "grid_sample", {root});
}

std::vector<Tactic> tactics(const RegionContext& context) { return {uniform_tactic(context, "points", Layout::plain)}; }

/// Where one place of the output reads along one axis of the input: two cells, -1 where they count as zero, and the
/// weight of the second.
struct Tap {
    std::int64_t first, second;
    double weight;
};

class GridSampleKernel final : public Kernel {
  public:
    GridSampleKernel(TensorDesc x, TensorDesc grid, TensorDesc y, bool align_corners, bool border)
        : x_(std::move(x)), grid_(std::move(grid)), y_(std::move(y)), align_corners_(align_corners), border_(border) {}

    void run(const KernelArgs& args) const override {
        with_type(x_.dtype, [&]<class T>() {
            with_type(grid_.dtype, [&]<class G>() {
                const std::int64_t places = y_.shape[2] * y_.shape[3];
                base::parallel_for(y_.shape[0] * places, 256, [&](std::int64_t begin, std::int64_t end) {
                    for (std::int64_t i = begin; i < end; ++i)
                        sample(reinterpret_cast<const T*>(args.inputs[0]), reinterpret_cast<const G*>(args.inputs[1]),
                               reinterpret_cast<T*>(args.outputs[0]), i / places, i % places);
                });
            });
        });
    }
    [[nodiscard]] std::string implementation() const override { return "place by place, all channels"; }

  private:
    template <class Body>
    static void with_type(DType type, const Body& body) {
        if (type == DType::f32)
            body.template operator()<float>();
        else if (type == DType::bf16)
            body.template operator()<base::BFloat16>();
        else
            body.template operator()<base::Half>();
    }

    /// A cell beyond the input: the nearest one inside, or -1, which counts as zero.
    [[nodiscard]] std::int64_t inside(double cell, std::int64_t size) const {
        if (cell >= 0 && cell < static_cast<double>(size)) return static_cast<std::int64_t>(cell);
        return !border_ ? -1 : cell > 0 ? size - 1 : 0;
    }

    /// `normalised` goes from -1 to 1 over the axis; what is no number lies before the first cell.
    [[nodiscard]] Tap tap(double normalised, std::int64_t size) const {
        const auto length = static_cast<double>(size);
        const double at = align_corners_ ? (normalised + 1) / 2 * (length - 1) : ((normalised + 1) * length - 1) / 2;
        if (!(at > -2)) return {inside(-1, size), -1, 0};
        if (at > length + 1) return {inside(length, size), -1, 0};
        const double cell = std::floor(at);
        return {inside(cell, size), inside(cell + 1, size), at - cell};
    }

    /// Offsets in a plane of the input, and weights; cells that count as zero or have no weight are left out.
    struct Corners {
        std::array<std::int64_t, 4> offsets;
        std::array<float, 4> weights;
        std::size_t count = 0;

        void add(std::int64_t row, std::int64_t column, std::int64_t pitch, double weight) {
            if (row < 0 || column < 0 || weight == 0) return;
            offsets[count] = row * pitch + column;
            weights[count++] = static_cast<float>(weight);
        }
    };

    template <class T, class G>
    void sample(const T* x, const G* grid, T* y, std::int64_t image, std::int64_t place) const {
        const std::int64_t height = x_.shape[2], width = x_.shape[3], channels = x_.shape[1];
        const G* point = grid + (image * y_.shape[2] * y_.shape[3] + place) * grid_.pitch;
        const Tap across = tap(static_cast<double>(static_cast<float>(point[0])), width);
        const Tap down = tap(static_cast<double>(static_cast<float>(point[1])), height);
        Corners corners;
        corners.add(down.first, across.first, x_.pitch, (1 - down.weight) * (1 - across.weight));
        corners.add(down.first, across.second, x_.pitch, (1 - down.weight) * across.weight);
        corners.add(down.second, across.first, x_.pitch, down.weight * (1 - across.weight));
        corners.add(down.second, across.second, x_.pitch, down.weight * across.weight);

        const std::int64_t row = place / y_.shape[3], column = place % y_.shape[3];
        const T* source = x + image * channels * height * x_.pitch;
        T* target = y + (image * channels * y_.shape[2] + row) * y_.pitch + column;
        for (std::int64_t c = 0; c < channels; ++c) {
            float sum = 0;
            for (std::size_t k = 0; k < corners.count; ++k)
                sum += corners.weights[k] * static_cast<float>(source[corners.offsets[k]]);
            *target = static_cast<T>(sum);
            source += height * x_.pitch;
            target += y_.shape[2] * y_.pitch;
        }
    }

    TensorDesc x_, grid_, y_;
    bool align_corners_, border_;
};

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    return std::make_unique<GridSampleKernel>(
        context.input_desc(0, tactic), context.input_desc(1, tactic), context.output_desc(0, tactic),
        node.get<std::int64_t>("align_corners", 0) != 0, node.get<std::string>("padding_mode", "zeros") == "border");
}

}  // namespace

Family grid_sample_family() { return {"grid_sample", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
