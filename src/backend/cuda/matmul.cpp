#include <algorithm>
#include <array>

#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

#include "backend/cuda/kernels/matmul_arguments.hpp"

constexpr std::size_t kBatchAxes = 4;

/// Tile of one block of kernels/matmul.cuh; its warps stand two by two.
struct Tile {
    int rows, columns;
    [[nodiscard]] std::string name() const { return std::to_string(rows) + "x" + std::to_string(columns); }
};
constexpr Tile kTiles[] = {{128, 128}, {64, 64}, {32, 32}};
constexpr int kWarpRows = 2, kWarpColumns = 2, kDepthBytes = 64, kStages = 3;
constexpr int kThreads = 32 * kWarpRows * kWarpColumns;

int to_int(std::int64_t n) { return static_cast<int>(n); }

/// One side of the products: `lines` of `length` neighbours in memory, and steps from product to product.
struct Side {
    std::size_t input = 0;
    std::int64_t extent = 1;  ///< rows of A, columns of B
    bool turned = false;      ///< neighbours in memory are rows of A, or columns of B; else steps of the depth
    std::int64_t step = 0;
    std::array<std::int64_t, kBatchAxes> batch{};
    std::int64_t length = 1, offset = 0;

    /// Bytes of one asynchronous copy.
    [[nodiscard]] int piece(int element) const {
        return element * common_width(16 / element, {length, step, batch[0], batch[1], batch[2], batch[3], offset});
    }
};

/// Products of two tensors' matrices.
struct Problem {
    Side left, right;
    std::int64_t depth = 0;
    std::array<std::int64_t, kBatchAxes> axes{1, 1, 1, 1};
    DType type = DType::undefined, result = DType::undefined;
    std::int64_t output_pitch = 0, output_offset = 0;

    [[nodiscard]] std::int64_t products() const { return axes[0] * axes[1] * axes[2] * axes[3]; }
    [[nodiscard]] std::int64_t tiles(const Tile& tile) const {
        return products() * base::ceil_div(left.extent, tile.rows) * base::ceil_div(right.extent, tile.columns);
    }
};

/// An operand's matrix and batch. A vector is a row on the left and a column on the right.
Side side_of(const TensorDesc& desc, bool left, bool transposed, std::int64_t& depth) {
    Side side;
    const Shape& s = desc.shape;
    const std::size_t rank = s.size();
    if (rank == 1) {
        depth = side.length = side.step = s[0];
        return side;
    }
    const bool depth_inner = left != transposed;
    side.turned = !depth_inner;
    side.step = desc.pitch;
    side.length = s[rank - 1];
    side.extent = depth_inner ? s[rank - 2] : s[rank - 1];
    depth = depth_inner ? s[rank - 1] : s[rank - 2];
    std::int64_t matrix = s[rank - 2] * desc.pitch;
    for (std::size_t i = 0; i + 2 < rank; ++i) {
        const std::int64_t extent = s[rank - 3 - i];
        side.batch[kBatchAxes - 1 - i] = extent == 1 ? 0 : matrix;
        matrix *= extent;
    }
    return side;
}

bool transposes(const ir::Node& node, const char* key) { return node.get<std::int64_t>(key, 0) != 0; }

Problem problem_of(const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::array<std::size_t, 2> inputs = {context.input_index(node.inputs[0]),
                                               context.input_index(node.inputs[1])};
    const TensorDesc a = context.input_desc(inputs[0], tactic), b = context.input_desc(inputs[1], tactic);
    const TensorDesc output = context.output_desc(0, tactic);
    Problem p;
    p.left = side_of(a, true, transposes(node, "transA"), p.depth);
    p.right = side_of(b, false, transposes(node, "transB"), p.depth);
    p.left.input = inputs[0];
    p.right.input = inputs[1];
    p.left.offset = offset_of(context.input_offsets, inputs[0]);
    p.right.offset = offset_of(context.input_offsets, inputs[1]);
    for (std::size_t i = 0; i < kBatchAxes; ++i)
        for (const Shape* shape : {&a.shape, &b.shape})
            if (shape->size() > 2 + i)
                p.axes[kBatchAxes - 1 - i] = std::max(p.axes[kBatchAxes - 1 - i], (*shape)[shape->size() - 3 - i]);
    if (b.shape.size() <= 2 && !p.left.turned) {  // one matrix on the right: all rows of the left are one matrix
        p.left.extent *= p.products();
        p.left.batch.fill(0);
        p.axes.fill(1);
    }
    p.type = a.dtype;
    p.result = output.dtype;
    p.output_pitch = b.shape.size() == 1 ? 1 : output.pitch;
    p.output_offset = offset_of(context.output_offsets, 0);
    return p;
}

std::optional<Refusal> addend_refusal(const MatchContext& context, ir::ValueId addend) {
    const auto shape = context.shape(addend);
    if (!shape) return refuse(Reason::shape_depends_on_data);
    if (!own_float(context.info(addend).dtype))
        return refuse(Reason::unsupported_dtype, "an addend of another type than f32, f16 or bf16");
    return std::nullopt;
}

std::optional<ir::ValueId> addend_of(const ir::Node& node) {
    if (node.op != "Gemm" || node.inputs.size() < 3 || node.inputs[2] == ir::kNone) return std::nullopt;
    return node.inputs[2];
}

std::optional<Refusal> refusal(const MatchContext& context, const ir::Node& node) {
    const auto a = context.shape(node.inputs[0]), b = context.shape(node.inputs[1]);
    if (!a || !b) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!own_float(type) || context.info(node.inputs[1]).dtype != type)
        return refuse(Reason::unsupported_dtype, "matrix product takes f32, f16 or bf16");
    if (base::element_count(*a) == 0 || base::element_count(*b) == 0)
        return refuse(Reason::unsupported_shape, "an empty operand");
    if (a->size() > 2 + kBatchAxes || b->size() > 2 + kBatchAxes)
        return refuse(Reason::unsupported_shape, "over 6 axes");
    if (base::element_count(*a) > (std::int64_t{1} << 30) || base::element_count(*b) > (std::int64_t{1} << 30))
        return refuse(Reason::unsupported_shape, "over 2^30 elements");
    if (const auto addend = addend_of(node)) return addend_refusal(context, *addend);
    return std::nullopt;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "MatMul" && node.op != "Gemm") return refuse(Reason::unsupported_operator);
    if (auto reason = refusal(context, node)) return *reason;
    std::vector<ir::NodeId> nodes = {root};
    if (context.shape(node.inputs[1])->size() > 1) {
        const Epilogue epilogue =
            match_epilogue(context, node.outputs[0], kMostSteps, accepts_row_step, ChainEnd::narrowed);
        nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    }
    return make_region(context, "matmul", std::move(nodes));
}

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    Tactic uniform = uniform_tactic(context, "", Layout::plain);
    const bool vectors = context.shape(context.node(0).inputs[1]).size() == 1;
    uniform.reads_slices = uniform.writes_slices = !vectors;
    const Problem problem = problem_of(context, uniform);
    std::vector<Tactic> result;
    for (const Tile& tile : kTiles) {
        // Small tiles where large ones leave processors without work; the smallest takes everything.
        const bool last = &tile == std::end(kTiles) - 1;
        if (!last && problem.tiles(tile) * 4 < target.device->facts().multiprocessors) continue;
        result.push_back(uniform);
        result.back().name = "mma:" + tile.name();
    }
    return result;
}

Tile tile_of(std::string_view name) {
    for (const Tile& tile : kTiles)
        if (name == "mma:" + tile.name()) return tile;
    throw Error(ErrorCode::unsupported, "there is no tactic \"" + std::string(name) + "\"; build the plan again");
}

std::size_t shared_bytes(const Problem& problem, const Tile& tile) {
    const auto element = static_cast<int>(element_bytes(problem.type));
    const auto side = [&](bool turned, int extent) {
        return turned ? kDepthBytes / element * (extent * element + (element == 4 ? 32 : 16))
                      : extent * (kDepthBytes + 16);
    };
    const int stage = side(problem.left.turned, tile.rows) + side(problem.right.turned, tile.columns);
    return static_cast<std::size_t>(std::max(kStages * stage, tile.rows * (tile.columns + 8) * 4));
}

class MatmulKernel final : public Kernel {
  public:
    MatmulKernel(const Target& target, const RegionContext& context, const Tactic& tactic)
        : problem_(problem_of(context, tactic)),
          tile_(tile_of(tactic.name)),
          epilogue_(target, context, tactic, read_epilogue(context, context.node(0).outputs[0], 1), {}),
          tf32_(problem_.type == DType::f32 && target.tf32) {
        if (const auto addend = addend_of(context.node(0))) read_addend(context, tactic, *addend);
        for (std::size_t i = 0; i < context.region.inputs.size(); ++i)
            if (i == problem_.left.input || i == problem_.right.input || i == addend_)
                keep_constant(target, context, i);
        function_ = std::make_unique<Function>(target.device, source(target, context.node(0)), "matmul",
                                               shared_bytes(problem_, tile_));
        args_.rows = to_int(problem_.left.extent);
        args_.columns = to_int(problem_.right.extent);
        args_.depth = to_int(problem_.depth);
        args_.left_step = to_int(problem_.left.step);
        args_.right_step = to_int(problem_.right.step);
        for (std::size_t i = 0; i < kBatchAxes; ++i) {
            args_.left_batch[i] = problem_.left.batch[i];
            args_.right_batch[i] = problem_.right.batch[i];
            args_.axes[i] = make_divisor(problem_.axes[i]);
        }
        args_.row_tiles = make_divisor(base::ceil_div(problem_.left.extent, tile_.rows));
        args_.output_pitch = to_int(problem_.output_pitch);
    }

    void run(const KernelArgs& args) const override {
        MatmulArgs launch = args_;
        launch.left = operand(args, problem_.left.input);
        launch.right = operand(args, problem_.right.input);
        if (addend_) launch.addend = operand(args, *addend_);
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        const auto columns = static_cast<unsigned>(base::ceil_div(problem_.right.extent, tile_.columns));
        function_->launch(*args.stream, {static_cast<unsigned>(problem_.tiles(tile_)) / columns, columns}, kThreads,
                          &launch);
    }

    [[nodiscard]] bool rounds_to_tf32() const override { return tf32_; }
    [[nodiscard]] std::string implementation() const override {
        return "products on tensor cores, tile " + tile_.name();
    }

  private:
    /// The addend broadcasts to the result's two axes.
    void read_addend(const RegionContext& context, const Tactic& tactic, ir::ValueId id) {
        addend_ = context.input_index(id);
        const TensorDesc desc = context.input_desc(*addend_, tactic);
        addend_type_ = desc.dtype;
        const std::size_t rank = desc.shape.size();
        if (rank > 0 && desc.shape[rank - 1] != 1) args_.addend_column = 1;
        if (rank > 1 && desc.shape[rank - 2] != 1) args_.addend_row = to_int(desc.pitch);
    }

    void keep_constant(const Target& target, const RegionContext& context, std::size_t input) {
        const Tensor* constant = context.constant(context.region.inputs[input]);
        if (!constant) return;
        constants_[input] =
            device_constant(target, context, "input " + std::to_string(input), {constant->raw(), constant->bytes()});
    }

    [[nodiscard]] const void* operand(const KernelArgs& args, std::size_t input) const {
        const auto it = constants_.find(input);
        return it == constants_.end() ? args.inputs[input] : it->second.get();
    }

    [[nodiscard]] std::string source(const Target& target, const ir::Node& node) const {
        const auto element = static_cast<int>(element_bytes(problem_.type));
        const int most = std::min(16 / static_cast<int>(element_bytes(problem_.result)), tile_.columns);
        const int width =
            epilogue_.width(common_width(most, {problem_.right.extent, problem_.output_pitch, problem_.output_offset}));
        KernelSource source;
        source.type("In", problem_.type).type("Out", problem_.result).type("Addend", addend_type_);
        source.constant("kRows", tile_.rows).constant("kColumns", tile_.columns);
        source.constant("kWarpRows", kWarpRows).constant("kWarpColumns", kWarpColumns);
        source.constant("kDepthBytes", kDepthBytes).constant("kStages", kStages);
        source.constant("kPasses", problem_.type == DType::f32 && !target.tf32 ? 3 : 1).constant("kPad", 0);
        source.constant("kLeftTurned", problem_.left.turned).constant("kRightTurned", problem_.right.turned);
        source.constant("kPieceA", problem_.left.piece(element)).constant("kPieceB", problem_.right.piece(element));
        source.constant("kAddend", addend_.has_value()).constant("kWidth", width);
        source.text("constexpr float kAlpha = " + literal(node.get("alpha", 1.0f)) +
                    ", kBeta = " + literal(node.get("beta", 1.0f)) + ";\n");
        for (const char* file : {"matmul_arguments.hpp", "mma.cuh", "async.cuh", "fragments.cuh"})
            source.text(kernel_text(file));
        return source.text(epilogue_.text()).finish("matmul.cuh");
    }

    Problem problem_;
    Tile tile_;
    EpilogueCode epilogue_;
    bool tf32_;
    std::optional<std::size_t> addend_;
    DType addend_type_ = DType::f32;
    std::map<std::size_t, PackedConstants::Block> constants_;
    std::unique_ptr<Function> function_;
    MatmulArgs args_{};
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    return std::make_unique<MatmulKernel>(target, context, tactic);
}

}  // namespace

CudaFamily matmul_kernels() { return {"matmul", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
