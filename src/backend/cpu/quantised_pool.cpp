#include <algorithm>
#include <cmath>

#include "backend/cpu/families.hpp"
#include "backend/quantised.hpp"
#include "base/parallel.hpp"
#include "ops/window.hpp"

/// Averages of 8-bit pixels: sums of whole numbers, one multiplication, one rounding. Maxima need no scales: see
/// `pool`.
namespace fovea::backend::cpu {
namespace {

bool averages(const ir::Node& node) { return node.op == "AveragePool" || node.op == "GlobalAveragePool"; }

struct QuantisedPool {
    const ir::Node* node = nullptr;
    Dequantised source;
    QuantisedChain chain;
};

std::optional<QuantisedPool> read(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                  ir::NodeId root) {
    const ir::Node& node = graph.node(root);
    const auto source = dequantised(graph, values, links, node.inputs[0]);
    if (!source) return std::nullopt;
    QuantisedPool pool{
        &node, *source,
        quantised_chain(graph, values, links, node.outputs[0], [](const EpilogueStep&, ir::ValueId) { return false; })};
    if (!pool.chain.target) return std::nullopt;
    return pool;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!averages(node) || !context.fuse) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    if (x->size() != 4 || base::element_count(*x) == 0)
        return refuse(Reason::unsupported_shape, "quantised pooling takes two spatial axes");
    const auto pool = read(context.graph, context.values, free_links(context), root);
    if (!pool) return refuse(Reason::unsupported_dtype, "input and result are not both quantised to 8 bits");
    std::vector<ir::NodeId> nodes = {pool->source.node, root};
    nodes.insert(nodes.end(), pool->chain.nodes.begin(), pool->chain.nodes.end());
    return make_region(context, "quantised_pool", std::move(nodes));
}

std::vector<Tactic> tactics(const RegionContext& context) {
    return {uniform_tactic(context, "own", Layout::channels_last)};
}

/// Geometry and numbers of one average.
struct Average {
    std::int64_t batch, channels, in_height, in_width, in_pitch, out_height, out_width, out_pitch;
    ops::SlidingWindow window;
    bool padded = false;  ///< padding counts as elements that are 0
    Quantisation from, to;
};

/// Taps of the window at output position `at` that lie in [0, size), and how many lie in the padded extent.
struct Taps {
    std::int64_t first, count, padded;
};
Taps taps(const ops::SlidingWindow& window, std::size_t axis, std::int64_t at, std::int64_t size) {
    const std::int64_t origin = at * window.strides[axis] - window.pads_begin[axis], step = window.dilations[axis];
    Taps result{-1, 0, 0};
    for (std::int64_t k = 0; k < window.kernel[axis]; ++k) {
        const std::int64_t place = origin + k * step;
        if (place < size + window.pads_end[axis]) ++result.padded;
        if (place < 0 || place >= size) continue;
        if (result.first < 0) result.first = place;
        ++result.count;
    }
    return result;
}

constexpr std::int64_t kChannels = 64;  ///< summed at a time

template <class T>
void average_pixel(const Average& a, const T* image, const Taps& rows, const Taps& columns, std::byte* output) {
    const std::int64_t count = rows.count * columns.count;
    const auto divisor = static_cast<float>(a.padded ? rows.padded * columns.padded : count);
    const float scale = a.from.scale / a.to.scale / divisor;
    for (std::int64_t c = 0; c < a.channels; c += kChannels) {
        const std::int64_t width = std::min(kChannels, a.channels - c);
        std::int32_t sums[kChannels] = {};
        for (std::int64_t y = 0; y < rows.count; ++y)
            for (std::int64_t x = 0; x < columns.count; ++x) {
                const std::int64_t row = rows.first + y * a.window.dilations[0],
                                   column = columns.first + x * a.window.dilations[1];
                const T* pixel = image + (row * a.in_width + column) * a.in_pitch + c;
                for (std::int64_t i = 0; i < width; ++i) sums[i] += pixel[i];
            }
        for (std::int64_t i = 0; i < width; ++i) {
            const float mean = static_cast<float>(sums[i] - static_cast<std::int32_t>(count) * a.from.zero) * scale;
            const float result = std::nearbyint(mean) + static_cast<float>(a.to.zero);
            const auto number = static_cast<std::int32_t>(
                std::clamp(result, static_cast<float>(a.to.lowest()), static_cast<float>(a.to.highest())));
            output[c + i] = static_cast<std::byte>(number);
        }
    }
}

class AverageKernel final : public Kernel {
  public:
    explicit AverageKernel(Average average) : average_(std::move(average)) {}
    void run(const KernelArgs& args) const override {
        const Average& a = average_;
        base::parallel_for(a.batch * a.out_height * a.out_width, 4, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t i = begin; i < end; ++i) {
                const std::int64_t x = i % a.out_width, y = i / a.out_width % a.out_height,
                                   n = i / a.out_width / a.out_height;
                const std::byte* image = args.inputs[0] + n * a.in_height * a.in_width * a.in_pitch;
                const Taps rows = taps(a.window, 0, y, a.in_height), columns = taps(a.window, 1, x, a.in_width);
                std::byte* output = args.outputs[0] + i * a.out_pitch;
                if (a.from.type == DType::u8)
                    average_pixel(a, reinterpret_cast<const std::uint8_t*>(image), rows, columns, output);
                else
                    average_pixel(a, reinterpret_cast<const std::int8_t*>(image), rows, columns, output);
            }
        });
    }
    [[nodiscard]] std::string implementation() const override { return "own"; }

  private:
    Average average_;
};

ops::SlidingWindow window_of(const ir::Node& node, const Shape& spatial) {
    if (node.op == "AveragePool")
        return ops::sliding_window(ops::NodeView(node), node.get("kernel_shape", std::vector<std::int64_t>()), spatial);
    return {spatial, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
}

std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) {
    std::size_t at = 0;
    while (!averages(context.node(at))) ++at;
    const QuantisedPool pool = *read(context.graph, context.values, region_links(context), context.region.nodes[at]);
    const TensorDesc source = context.input_desc(context.input_index(pool.source.stored), tactic),
                     target = context.output_desc(0, tactic);
    return std::make_unique<AverageKernel>(Average{
        source.shape[0], source.shape[1], source.shape[2], source.shape[3], source.pitch, target.shape[2],
        target.shape[3], target.pitch, window_of(*pool.node, {source.shape[2], source.shape[3]}),
        pool.node->get<std::int64_t>("count_include_pad", 0) != 0, pool.source.quantisation, *pool.chain.target});
}

}  // namespace

Family quantised_pool_family() { return {"quantised_pool", match, tactics, prepare}; }

}  // namespace fovea::backend::cpu
