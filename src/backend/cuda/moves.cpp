#include "backend/cuda/moves.hpp"

#include <algorithm>

#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/move_arguments.hpp"

namespace {

/// Rows and columns shorter than this are not worth a tile.
constexpr std::int64_t kLeastTurned = 8;

/// Axes in the order of the target's memory, those of one element left out and neighbours that step alike taken as one.
std::vector<Move::Axis> merged(std::vector<Move::Axis> axes) {
    std::erase_if(axes, [](const Move::Axis& axis) { return axis.extent == 1; });
    std::stable_sort(axes.begin(), axes.end(), [](const auto& a, const auto& b) { return a.target > b.target; });
    std::vector<Move::Axis> result;
    for (const Move::Axis& axis : axes) {
        if (!result.empty() && result.back().source == axis.source * axis.extent &&
            result.back().target == axis.target * axis.extent)
            result.back() = {result.back().extent * axis.extent, axis.source, axis.target};
        else
            result.push_back(axis);
    }
    if (result.empty()) result.push_back({1, 1, 1});
    return result;
}

std::int64_t count_of(const Move& move) {
    std::int64_t count = 1;
    for (const Move::Axis& axis : move.axes) count *= axis.extent;
    return count;
}

/// The axis along which the source's neighbours lie, where it is not the target's.
std::optional<std::size_t> turned_axis(const Move& move) {
    if (move.axes.back().target != 1 || move.axes.back().extent < kLeastTurned) return std::nullopt;
    for (std::size_t i = 0; i + 1 < move.axes.size(); ++i)
        if (move.axes[i].source == 1 && move.axes[i].extent >= kLeastTurned) return i;
    return std::nullopt;
}

/// Neighbours along axis `inner` that one side can take at once.
int side_width(const Move& move, std::size_t inner, std::int64_t Move::Axis::*stride, std::int64_t offset, int most) {
    int width = common_width(most, {move.axes[inner].extent, offset});
    for (std::size_t i = 0; i < move.axes.size(); ++i)
        if (i != inner) width = common_width(width, {move.axes[i].*stride});
    return width;
}

/// A launch of either kernel; `bind` sets the pointers.
class MovesKernel final : public Kernel {
  public:
    struct Straight {
        std::unique_ptr<Function> function;
        MoveArgs args{};
        std::vector<Move> moves;  ///< by part
    };
    struct Turned {
        std::unique_ptr<Function> function;
        TurnArgs args{};
        unsigned blocks = 0;
        Move move;
    };

    MovesKernel(std::size_t bytes, std::vector<PackedConstants::Block> constants)
        : bytes_(bytes), constants_(std::move(constants)) {}

    void run(const KernelArgs& args) const override {
        for (const Straight& launch : straight_) run(args, launch);
        for (const Turned& launch : turned_) {
            const auto [source, target] = places(args, launch.move);
            if (in_place(launch.move, source, target)) continue;
            TurnArgs bound = launch.args;
            bound.input = source;
            bound.output = target;
            launch.function->launch(*args.stream, {launch.blocks}, 256, &bound);
        }
    }
    [[nodiscard]] std::string implementation() const override {
        return turned_.empty() ? "strided copy" : "copy through shared memory";
    }

    std::vector<Straight> straight_;
    std::vector<Turned> turned_;

  private:
    struct Places {
        const std::byte* source;
        std::byte* target;
    };
    [[nodiscard]] Places places(const KernelArgs& args, const Move& move) const {
        const bool constant = move.input < constants_.size() && constants_[move.input];
        const std::byte* input = constant ? constants_[move.input].get() : args.inputs[move.input];
        const auto bytes = static_cast<std::ptrdiff_t>(bytes_);
        return {input + move.source_offset * bytes, args.outputs[move.output] + move.target_offset * bytes};
    }

    static bool in_place(const Move& move, const std::byte* source, const std::byte* target) {
        return source == target && std::all_of(move.axes.begin(), move.axes.end(),
                                               [](const Move::Axis& axis) { return axis.source == axis.target; });
    }

    void run(const KernelArgs& args, const Straight& launch) const {
        MoveArgs bound;
        unsigned parts = 0, blocks = 0;
        for (std::size_t i = 0; i < launch.moves.size(); ++i) {
            const auto [source, target] = places(args, launch.moves[i]);
            if (in_place(launch.moves[i], source, target)) continue;
            MovePart& part = bound.parts[parts++] = launch.args.parts[i];
            part.input = source;
            part.output = target;
            blocks = std::max(blocks, (static_cast<unsigned>(part.count) + 255) / 256);
        }
        if (parts > 0) launch.function->launch(*args.stream, {blocks, parts}, 256, &bound);
    }

    std::size_t bytes_;
    std::vector<PackedConstants::Block> constants_;
};

MovePart part_of(const Move& move, int width, bool whole, std::size_t axes) {
    MovePart part{};
    const std::size_t missing = axes - move.axes.size();
    for (std::size_t i = 0; i < axes; ++i) {
        part.extents[i] = make_divisor(1);
        if (i < missing) continue;
        Move::Axis axis = move.axes[i - missing];
        const bool inner = i + 1 == axes;
        if (inner) part.inner = static_cast<int>(axis.source);
        if (inner) axis = {axis.extent / width, axis.source * width, axis.target * width};
        if (whole) axis = {axis.extent, axis.source / width, axis.target / width};
        part.source[i] = static_cast<int>(axis.source);
        part.target[i] = static_cast<int>(axis.target);
        part.extents[i] = make_divisor(axis.extent);
    }
    part.count = static_cast<int>(count_of(move) / width);
    return part;
}

MovesKernel::Straight straight(const Target& target, std::size_t bytes, std::vector<Move> moves, bool whole) {
    int width = static_cast<int>(16 / bytes);
    std::size_t axes = 1;
    for (const Move& move : moves) {
        const std::size_t inner = move.axes.size() - 1;
        axes = std::max(axes, move.axes.size());
        width = move.axes.back().target == 1
                    ? side_width(move, inner, &Move::Axis::target, move.target_offset + move.target_skew, width)
                    : 1;
        if (whole) width = side_width(move, inner, &Move::Axis::source, move.source_offset + move.source_skew, width);
    }
    MovesKernel::Straight launch;
    for (std::size_t i = 0; i < moves.size(); ++i) launch.args.parts[i] = part_of(moves[i], width, whole, axes);
    KernelSource code;
    code.text("using Word = " + std::string(word_type(whole ? bytes * static_cast<std::size_t>(width) : bytes)) +
              ";\n");
    code.constant("kWidth", width).constant("kWhole", whole).constant("kAxes", static_cast<std::int64_t>(axes));
    code.text(kernel_text("move_arguments.hpp"));
    launch.function = std::make_unique<Function>(target.device, code.finish("move.cuh"), "move");
    launch.moves = std::move(moves);
    return launch;
}

MovesKernel::Turned turned(const Target& target, std::size_t bytes, Move move, std::size_t columns) {
    const std::size_t rows = move.axes.size() - 1;
    const int most = static_cast<int>(std::min<std::size_t>(16 / bytes, 8));
    const int load = side_width(move, columns, &Move::Axis::source, move.source_offset + move.source_skew, most);
    const int store = side_width(move, rows, &Move::Axis::target, move.target_offset + move.target_skew, most);
    const std::int64_t tile = bytes < 4 ? 64 : 32;
    MovesKernel::Turned launch;
    TurnArgs& args = launch.args;
    args.rows = static_cast<int>(move.axes[rows].extent);
    args.columns = static_cast<int>(move.axes[columns].extent);
    args.source_row = static_cast<int>(move.axes[rows].source);
    args.target_column = static_cast<int>(move.axes[columns].target);
    const std::int64_t tile_rows = (args.rows + tile - 1) / tile, tile_columns = (args.columns + tile - 1) / tile;
    args.tile_rows = make_divisor(tile_rows);
    args.tile_columns = make_divisor(tile_columns);
    std::size_t outer = 0;
    std::int64_t blocks = tile_rows * tile_columns;
    for (std::size_t i = 0; i < rows; ++i) {
        if (i == columns) continue;
        args.source[outer] = static_cast<int>(move.axes[i].source);
        args.target[outer] = static_cast<int>(move.axes[i].target);
        args.extents[outer++] = make_divisor(move.axes[i].extent);
        blocks *= move.axes[i].extent;
    }
    launch.blocks = static_cast<unsigned>(blocks);
    KernelSource code;
    code.text("using Word = " + std::string(word_type(bytes)) + ";\n");
    code.constant("kTile", tile).constant("kLoad", load).constant("kStore", store);
    code.constant("kOuter", static_cast<std::int64_t>(outer)).text(kernel_text("move_arguments.hpp"));
    launch.function = std::make_unique<Function>(target.device, code.finish("turn.cuh"), "turn");
    launch.move = std::move(move);
    return launch;
}

}  // namespace

Move Move::between(const TensorDesc& from, const TensorDesc& to) {
    const Shape source = from.strides(), target = to.strides();
    Move move;
    for (std::size_t i = 0; i < source.size(); ++i) move.axes.push_back({from.shape[i], source[i], target[i]});
    return move;
}

std::unique_ptr<Kernel> make_moves(const Target& target, DType type, std::vector<Move> moves,
                                   std::vector<PackedConstants::Block> constants) {
    const std::size_t bytes = element_bytes(type);
    auto kernel = std::make_unique<MovesKernel>(bytes, std::move(constants));
    std::vector<Move> groups[2];
    for (Move& move : moves) {
        const std::int64_t count = count_of(move);
        if (count == 0) continue;
        move.axes = merged(std::move(move.axes));
        if (count > kMostMoved || move.axes.size() > kMostMoveAxes)
            throw Error(ErrorCode::unsupported, "over 2^30 elements, or more than 8 axes to copy along");
        const auto columns = turned_axis(move);
        if (columns)
            kernel->turned_.push_back(turned(target, bytes, std::move(move), *columns));
        else
            groups[move.axes.back().source == 1 && move.axes.back().target == 1].push_back(std::move(move));
    }
    for (const bool whole : {false, true})
        for (std::size_t first = 0; first < groups[whole].size(); first += kMoveParts) {
            const std::size_t last = std::min<std::size_t>(first + kMoveParts, groups[whole].size());
            const auto at = groups[whole].begin();
            kernel->straight_.push_back(straight(target, bytes,
                                                 {std::make_move_iterator(at + static_cast<std::ptrdiff_t>(first)),
                                                  std::make_move_iterator(at + static_cast<std::ptrdiff_t>(last))},
                                                 whole));
        }
    return kernel;
}

std::vector<PackedConstants::Block> constant_inputs(const Target& target, const RegionContext& context) {
    std::vector<PackedConstants::Block> blocks(context.region.inputs.size());
    for (std::size_t i = 0; i < blocks.size(); ++i)
        if (const Tensor* constant = context.constant(context.region.inputs[i]))
            blocks[i] =
                device_constant(target, context, "input " + std::to_string(i), {constant->raw(), constant->bytes()});
    return blocks;
}

std::string_view word_type(std::size_t bytes) {
    switch (bytes) {
        case 1: return "unsigned char";
        case 2: return "u16";
        case 4: return "u32";
        case 8: return "u64";
        default: return "uint4";
    }
}

Move in_region(const RegionContext& context, Move move) {
    move.source_skew = offset_of(context.input_offsets, move.input);
    move.target_skew = offset_of(context.output_offsets, move.output);
    return move;
}

}  // namespace fovea::backend::cuda
