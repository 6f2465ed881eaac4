#include <algorithm>
#include <cmath>

#include "backend/attention_region.hpp"
#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

#include "backend/cuda/kernels/attention_arguments.hpp"

constexpr std::int64_t kMostSize = 128;

/// Tile of one block of kernels/attention.cuh.
struct Tile {
    int row_warps, fragments, key_warps, warp_keys;
    int split = 1;  ///< blocks that share the keys

    /// "4x2:1x64:s2", which stands in the tactic's name.
    [[nodiscard]] std::string name() const {
        const auto n = [](int value) { return std::to_string(value); };
        return n(row_warps) + "x" + n(fragments) + ":" + n(key_warps) + "x" + n(warp_keys) + ":s" + n(split);
    }
    [[nodiscard]] int rows() const { return 16 * row_warps * fragments; }
    [[nodiscard]] int keys() const { return key_warps * warp_keys; }
    [[nodiscard]] int threads() const { return 32 * row_warps * key_warps; }
};

constexpr Tile kTiles[] = {
    {1, 1, 4, 32}, {1, 1, 8, 16}, {1, 1, 8, 32},  {2, 1, 2, 32}, {2, 1, 4, 32},
    {4, 1, 1, 32}, {4, 1, 1, 64}, {4, 1, 1, 128}, {4, 1, 2, 32}, {4, 1, 2, 64},
    {8, 1, 1, 64}, {4, 2, 1, 32}, {4, 2, 1, 64},  {8, 2, 1, 32}, {8, 2, 1, 64},
};
constexpr int kSplits[] = {1, 2, 4, 8};
constexpr std::size_t kMostCandidates = 8;

/// Sizes of one block's work, as the template has them.
struct Extents {
    int element, depth, columns;
    int passes;

    Extents(const AttentionRegion& region, bool tf32)
        : element(static_cast<int>(element_bytes(region.type))),
          depth(padded(region.query.width)),
          columns(padded(region.value.width)),
          passes(region.type == DType::f32 && !tf32 ? 3 : 1) {}

    [[nodiscard]] int pitch(int length) const { return length * element + 16; }
    [[nodiscard]] std::size_t shared_bytes(const Tile& tile, int stages) const {
        const int pipeline = tile.rows() * pitch(depth) + stages * tile.keys() * (pitch(depth) + pitch(columns));
        const int results = tile.key_warps * tile.rows() * ((columns + 8) * 4 + 8);
        return static_cast<std::size_t>(std::max(pipeline, results));
    }
    [[nodiscard]] int stages(const Tile& tile) const { return shared_bytes(tile, 3) <= 64 * 1024 ? 3 : 2; }
    /// Registers of a thread, roughly.
    [[nodiscard]] int registers(const Tile& tile) const {
        const int steps = depth * element / 32 * passes;
        const int queries = tile.fragments * steps <= 8 ? steps * 4 : 8;
        return 48 + tile.fragments * (tile.warp_keys / 2 + columns / 2 + queries);
    }

    /// Blocks that a processor's registers suffice for.
    [[nodiscard]] int blocks(const Tile& tile) const { return std::max(1, 65536 / (tile.threads() * registers(tile))); }

  private:
    [[nodiscard]] int padded(std::int64_t width) const {
        return static_cast<int>(base::ceil_div(width, 32 / element)) * (32 / element);
    }
};

/// Rough cycles of a tile on the whole GPU; only the order counts.
double estimate(const Target& target, const AttentionRegion& region, const Tile& tile) {
    const Extents extents(region, target.tf32);
    const Facts& facts = target.device->facts();
    const auto blocks = static_cast<double>(base::ceil_div(region.query.rows, tile.rows()) * region.query.heads *
                                            region.query.batch * tile.split);
    const double steps = std::ceil(static_cast<double>(base::ceil_div(region.key.rows, tile.keys())) / tile.split);
    // Of one warp and step: products, and exponentials of which a processor's quarter computes four a cycle.
    const double area = 16.0 * tile.fragments * tile.warp_keys;
    const double products = area * (extents.depth + extents.columns) * extents.passes * extents.element / 2 / 340;
    const double busy = std::max(products, area / 4) + 30, latency = 400 + 2 * tile.warp_keys + products;
    const double resident = std::max(
        1.0, std::floor(std::min({64.0 / (tile.threads() / 32), static_cast<double>(extents.blocks(tile)),
                                  static_cast<double>(facts.shared_bytes) /
                                      static_cast<double>(extents.shared_bytes(tile, extents.stages(tile)))})));
    double left = std::ceil(blocks / facts.multiprocessors), cycles = 0;
    while (left > 0) {
        const double now = std::min(left, resident);
        cycles += steps * std::max(latency, busy * now * tile.threads() / 128) + 1500 + (tile.split > 1 ? 1000 : 0) +
                  80 * tile.key_warps * tile.split;
        left -= now;
        if (left > 8 * resident) {  // the rest goes on alike
            cycles *= 1 + left / now;
            break;
        }
    }
    const double bytes = blocks * steps * tile.keys() * (extents.depth + extents.columns) * extents.element;
    return std::max(cycles, bytes / 2500);
}

bool suits(const Target& target, const Extents& extents, const Tile& tile) {
    if (tile.split > 1 && target.device->facts().compute_capability < 90) return false;
    return extents.registers(tile) <= (tile.threads() > 256 ? 128 : 232) &&
           extents.shared_bytes(tile, extents.stages(tile)) <=
               static_cast<std::size_t>(target.device->facts().shared_bytes);
}

std::optional<Refusal> refusal(const MatchContext& context, const ir::Node& node) {
    if (auto reason = attention_refusal(context, node)) return reason;
    for (std::size_t i = 1; i < 3; ++i)
        if (context.info(node.inputs[i]).dtype != context.info(node.inputs[0]).dtype)
            return refuse(Reason::unsupported_dtype, "queries, keys and values of different types");
    const auto q = context.shape(node.inputs[0]), v = context.shape(node.inputs[2]);
    const auto size = [&](const Shape& shape, const char* heads) {
        return shape.size() == 4 ? shape[3] : shape[2] / std::max<std::int64_t>(node.get<std::int64_t>(heads, 1), 1);
    };
    if (size(*q, "q_num_heads") > kMostSize || size(*v, "kv_num_heads") > kMostSize)
        return refuse(Reason::unsupported_shape, "heads of over 128 elements");
    if ((*q)[0] > 8191) return refuse(Reason::unsupported_shape, "over 8191 batch entries");
    return std::nullopt;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "Attention") return refuse(Reason::unsupported_operator);
    if (auto reason = refusal(context, node)) return *reason;
    return make_region(context, "attention", {root});
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", Layout::plain);
    uniform.reads_slices = uniform.writes_slices = true;
    const AttentionRegion region = read_attention(context, uniform);
    const Extents extents(region, target.tf32);
    std::vector<std::pair<double, Tile>> ranked;
    for (Tile tile : kTiles)
        for (const int split : kSplits) {
            tile.split = split;
            if (!suits(target, extents, tile) || (split > 1 && region.key.rows <= tile.keys() * (split - 1))) continue;
            ranked.emplace_back(estimate(target, region, tile), tile);
        }
    std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
    std::vector<Tactic> result;
    for (const auto& [cost, tile] : ranked) {
        if (result.size() == kMostCandidates) break;
        result.push_back(uniform);
        result.back().name = "mma:" + tile.name();
    }
    return result;
}

Tile tile_of(std::string_view name) {
    for (Tile tile : kTiles)
        for (const int split : kSplits) {
            tile.split = split;
            if (tile.name() == name) return tile;
        }
    throw Error(ErrorCode::unsupported, "there is no tile \"" + std::string(name) + "\"; build the plan again");
}

/// Bytes of one copy of a row that starts at any place, head or batch entry.
int piece_of(const AttentionSide& side, std::int64_t offset, int element) {
    return element * common_width(16 / element, {side.width, side.batch_step, side.head_step, side.row_step, offset});
}

AttentionSteps steps_of(const AttentionSide& side) { return {side.batch_step, side.head_step, side.row_step}; }

/// What the node asks for beyond the products.
struct Extras {
    std::optional<AttentionMask> mask;
    float cap = 0;
    std::int64_t left = -1, right = -1;

    Extras(const RegionContext& context, const Tactic& tactic) {
        const ir::Node& node = context.node(0);
        if (has_attention_mask(node)) mask = read_attention_mask(context, tactic);
        cap = node.get("softcap", 0.0f);
        left = node.get<std::int64_t>("left_window_size", -1);
        right = node.get<std::int64_t>("right_window_size", -1);
        if (node.get<std::int64_t>("is_causal", 0)) right = 0;
    }
    [[nodiscard]] bool window() const { return left >= 0 || right >= 0; }
};

class AttentionKernel final : public Kernel {
  public:
    AttentionKernel(const Target& target, const RegionContext& context, const Tactic& tactic)
        : region_(read_attention(context, tactic)),
          extras_(context, tactic),
          tile_(tile_of(std::string_view(tactic.name).substr(4))),
          tf32_(region_.type == DType::f32 && target.tf32) {
        const Extents extents(region_, target.tf32);
        if (!suits(target, extents, tile_)) throw Error(ErrorCode::unsupported, "the tile does not fit this GPU");
        for (const std::size_t input : region_.inputs) keep_constant(target, context, input);
        if (extras_.mask) keep_constant(target, context, extras_.mask->input);
        function_ = std::make_unique<Function>(target.device, source(context, extents), "attention",
                                               extents.shared_bytes(tile_, extents.stages(tile_)));
        const auto size = [](std::int64_t n) { return static_cast<int>(n); };
        args_.query_steps = steps_of(region_.query);
        args_.key_steps = steps_of(region_.key);
        args_.value_steps = steps_of(region_.value);
        args_.output_steps = steps_of(region_.output);
        args_.queries = size(region_.query.rows);
        args_.keys = size(region_.key.rows);
        args_.sharing = size(region_.query.heads / region_.key.heads);
        const auto reach = [](std::int64_t n) { return static_cast<int>(n < 0 ? 1 << 30 : std::min(n, 1L << 30)); };
        args_.left = reach(extras_.left);
        args_.right = reach(extras_.right);
        args_.scale = region_.scale;
        args_.cap = extras_.cap;
        if (const auto& mask = extras_.mask) {
            args_.mask_keys = size(mask->columns);
            args_.mask_steps = {mask->steps[0] * mask->pitch, mask->steps[1] * mask->pitch,
                                mask->steps[2] * mask->pitch};
        }
    }

    void run(const KernelArgs& args) const override {
        AttentionArgs launch = args_;
        launch.query = operand(args, region_.inputs[0]);
        launch.key = operand(args, region_.inputs[1]);
        launch.value = operand(args, region_.inputs[2]);
        if (extras_.mask) launch.mask = operand(args, extras_.mask->input);
        launch.output = args.outputs[0];
        function_->launch(
            *args.stream,
            {static_cast<unsigned>(base::ceil_div(region_.query.rows, tile_.rows())),
             static_cast<unsigned>(region_.query.heads), static_cast<unsigned>(region_.query.batch * tile_.split)},
            static_cast<unsigned>(tile_.threads()), &launch);
    }

    [[nodiscard]] bool rounds_to_tf32() const override { return tf32_; }
    [[nodiscard]] std::string implementation() const override { return "own attention, tile " + tile_.name(); }

  private:
    void keep_constant(const Target& target, const RegionContext& context, std::size_t input) {
        const Tensor* constant = context.constant(context.region.inputs[input]);
        if (!constant || constants_.count(input)) return;
        constants_[input] =
            device_constant(target, context, "input " + std::to_string(input), {constant->raw(), constant->bytes()});
    }

    [[nodiscard]] const void* operand(const KernelArgs& args, std::size_t input) const {
        const auto it = constants_.find(input);
        return it == constants_.end() ? args.inputs[input] : it->second.get();
    }

    [[nodiscard]] std::string source(const RegionContext& context, const Extents& extents) const {
        const auto piece = [&](const AttentionSide& side, std::size_t i) {
            return piece_of(side, offset_of(context.input_offsets, region_.inputs[i]), extents.element);
        };
        KernelSource source;
        source.type("In", region_.type);
        source.constant("kRowWarps", tile_.row_warps).constant("kFragments", tile_.fragments);
        source.constant("kKeyWarps", tile_.key_warps).constant("kWarpKeys", tile_.warp_keys);
        source.constant("kStages", extents.stages(tile_)).constant("kSplit", tile_.split);
        source.constant("kBlocks", extents.blocks(tile_));
        source.constant("kSize", region_.query.width).constant("kValueSize", region_.value.width);
        source.constant("kPieceQ", piece(region_.query, 0)).constant("kPieceK", piece(region_.key, 1));
        source.constant("kPieceV", piece(region_.value, 2));
        source.constant("kPasses", extents.passes).constant("kPad", 0);
        source.constant("kMask", extras_.mask.has_value()).constant("kWindow", extras_.window());
        source.constant("kCap", extras_.cap > 0);
        source.constant("kEarly", extras_.mask || extras_.cap > 0 || region_.scale <= 0);
        source.constant("kWidth", piece_of(region_.output, offset_of(context.output_offsets, 0), extents.element) /
                                      extents.element);
        const DType mask = extras_.mask ? extras_.mask->type : DType::f32;
        source.text("using Mask = " + std::string(mask == DType::boolean ? "unsigned char" : type_name(mask)) + ";\n");
        source.text(tile_.split > 1 ? "#define CLUSTER(n) __cluster_dims__(1, 1, n)\n" : "#define CLUSTER(n)\n");
        for (const char* file :
             {"attention_arguments.hpp", "mma.cuh", "async.cuh", "fragments.cuh", "cluster.cuh", "attention_tile.cuh"})
            source.text(kernel_text(file));
        return source.finish("attention.cuh");
    }

    AttentionRegion region_;
    Extras extras_;
    Tile tile_;
    bool tf32_;
    std::map<std::size_t, PackedConstants::Block> constants_;
    std::unique_ptr<Function> function_;
    AttentionArgs args_{};
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return std::make_unique<AttentionKernel>(target, context, tactic);
}

}  // namespace

CudaFamily attention_kernels() { return {"attention", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
