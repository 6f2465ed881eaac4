#include "backend/cuda/moves.hpp"

#include <algorithm>

#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/move_arguments.hpp"

namespace {

/// Rows and columns shorter than this are not worth a tile.
constexpr std::int64_t kLeastTurned = 8;
/// A move of more elements is worth a launch of its own kind.
constexpr std::int64_t kMostJoined = 4096;

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

/// A move whose neighbours in the source lie apart in the target. `columns` is the axis of the source's neighbours: in
/// the target, `fold` of them are a stride apart, and behind them it goes on `target_fold` further; 0: all are.
struct Turn {
    Move move;
    std::size_t columns = 0;
    std::int64_t fold = 0, target_fold = 0;
};

/// With rows and columns of at least `least`.
std::optional<Turn> turned(const Move& move, std::int64_t least) {
    const auto& axes = move.axes;
    if (axes.back().target != 1 || axes.back().extent < least) return std::nullopt;
    const std::size_t rows = axes.size() - 1;
    const auto at_stride = [&](std::int64_t stride) {
        std::size_t i = 0;
        while (i < rows && axes[i].source != stride) ++i;
        return i;
    };
    Turn turn{move, at_stride(1)};
    if (turn.columns == rows) return std::nullopt;
    const Move::Axis inner = axes[turn.columns];
    if (inner.extent >= kLeastTurned) return turn;
    const std::size_t outer = at_stride(inner.extent);
    if (outer == rows || outer == turn.columns || inner.extent * axes[outer].extent < least)
        return least > 1 ? std::nullopt : std::optional(turn);
    turn.fold = inner.extent;
    turn.target_fold = axes[outer].target;
    turn.move.axes[turn.columns].extent *= axes[outer].extent;
    turn.move.axes.erase(turn.move.axes.begin() + static_cast<std::ptrdiff_t>(outer));
    if (outer < turn.columns) --turn.columns;
    return turn;
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
        std::vector<Move> moves;  ///< by part
    };

    MovesKernel(std::size_t bytes, std::vector<PackedConstants::Block> constants)
        : bytes_(bytes), constants_(std::move(constants)) {}

    void run(const KernelArgs& args) const override {
        for (const Straight& launch : straight_)
            run(args, launch, [](const MovePart& part) { return (static_cast<unsigned>(part.count) + 255) / 256; });
        for (const Turned& launch : turned_)
            run(args, launch, [](const TurnPart& part) { return static_cast<unsigned>(part.blocks); });
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
        const std::byte* input = input_memory(constants_, args, move.input);
        const auto bytes = static_cast<std::ptrdiff_t>(bytes_);
        return {input + move.source_offset * bytes, args.outputs[move.output] + move.target_offset * bytes};
    }

    static bool in_place(const Move& move, const std::byte* source, const std::byte* target) {
        return source == target && std::all_of(move.axes.begin(), move.axes.end(),
                                               [](const Move::Axis& axis) { return axis.source == axis.target; });
    }

    template <class Launch, class Blocks>
    void run(const KernelArgs& args, const Launch& launch, const Blocks& blocks_of) const {
        auto bound = launch.args;
        unsigned parts = 0, blocks = 0;
        for (std::size_t i = 0; i < launch.moves.size(); ++i) {
            const auto [source, target] = places(args, launch.moves[i]);
            if (in_place(launch.moves[i], source, target)) continue;
            auto& part = bound.parts[parts++] = launch.args.parts[i];
            part.input = source;
            part.output = target;
            blocks = std::max(blocks, blocks_of(part));
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

TurnPart part_of(const Turn& turn, std::int64_t tile, std::size_t most_outer) {
    const auto& axes = turn.move.axes;
    const Move::Axis &row = axes.back(), &column = axes[turn.columns];
    TurnPart part{};
    part.rows = static_cast<int>(row.extent);
    part.columns = static_cast<int>(column.extent);
    part.source_row = static_cast<int>(row.source);
    part.target_column = static_cast<int>(column.target);
    part.fold = make_divisor(turn.fold ? turn.fold : column.extent);
    part.target_fold = static_cast<int>(turn.target_fold);
    const std::int64_t tile_rows = base::ceil_div(part.rows, tile), tile_columns = base::ceil_div(part.columns, tile);
    part.tile_rows = make_divisor(tile_rows);
    part.tile_columns = make_divisor(tile_columns);
    std::int64_t blocks = tile_rows * tile_columns;
    std::size_t outer = 0;
    for (; outer + axes.size() - 2 < most_outer; ++outer) part.extents[outer] = make_divisor(1);
    for (std::size_t i = 0; i + 1 < axes.size(); ++i) {
        if (i == turn.columns) continue;
        part.source[outer] = static_cast<int>(axes[i].source);
        part.target[outer] = static_cast<int>(axes[i].target);
        part.extents[outer++] = make_divisor(axes[i].extent);
        blocks *= axes[i].extent;
    }
    part.blocks = static_cast<int>(blocks);
    return part;
}

MovesKernel::Turned turned(const Target& target, std::size_t bytes, std::vector<Turn> turns) {
    int load = static_cast<int>(std::min<std::size_t>(16 / bytes, 8)), store = load;
    const std::int64_t tile = bytes < 4 ? 64 : 32;
    std::size_t outer = 0;
    bool folds = false;
    for (const Turn& turn : turns) {
        const Move& move = turn.move;
        load = side_width(move, turn.columns, &Move::Axis::source, move.source_offset + move.source_skew, load);
        store = side_width(move, move.axes.size() - 1, &Move::Axis::target, move.target_offset + move.target_skew,
                           common_width(store, {turn.target_fold}));
        outer = std::max(outer, move.axes.size() - 2);
        folds = folds || turn.fold > 0;
    }
    MovesKernel::Turned launch;
    for (std::size_t i = 0; i < turns.size(); ++i) {
        launch.args.parts[i] = part_of(turns[i], tile, outer);
        launch.moves.push_back(std::move(turns[i].move));
    }
    KernelSource code;
    code.text("using Word = " + std::string(word_type(bytes)) + ";\n");
    code.constant("kTile", tile).constant("kLoad", load).constant("kStore", store).constant("kFolds", folds);
    code.constant("kOuter", static_cast<std::int64_t>(outer)).text(kernel_text("move_arguments.hpp"));
    launch.function = std::make_unique<Function>(target.device, code.finish("turn.cuh"), "turn");
    return launch;
}

/// Puts a small move among `turns` that are launched anyway.
bool joins(Move move, std::vector<Turn>& turns) {
    if (count_of(move) > kMostJoined || move.axes.size() == kMostMoveAxes) return false;
    if (move.axes.back().source == 1) move.axes.push_back({1, 0, 1});
    auto turn = turned(move, 1);
    if (turn) turns.push_back(std::move(*turn));
    return turn.has_value();
}

/// `list` in pieces of one launch's parts, each made into a launch by `make`.
template <class Item, class Launch, class Make>
void in_pieces(std::vector<Item> list, std::vector<Launch>& launches, const Make& make) {
    for (std::size_t first = 0; first < list.size(); first += kMoveParts) {
        const std::size_t last = std::min<std::size_t>(first + kMoveParts, list.size());
        const auto at = list.begin();
        launches.push_back(make(std::vector<Item>(std::make_move_iterator(at + static_cast<std::ptrdiff_t>(first)),
                                                  std::make_move_iterator(at + static_cast<std::ptrdiff_t>(last)))));
    }
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
    std::vector<Turn> turns;
    for (Move& move : moves) {
        const std::int64_t count = count_of(move);
        if (count == 0) continue;
        move.axes = merged(std::move(move.axes));
        if (count > kMostMoved || move.axes.size() > kMostMoveAxes)
            throw Error(ErrorCode::unsupported, "over 2^30 elements, or more than 8 axes to copy along");
        if (auto turn = turned(move, kLeastTurned))
            turns.push_back(std::move(*turn));
        else
            groups[move.axes.back().source == 1 && move.axes.back().target == 1].push_back(std::move(move));
    }
    if (!turns.empty())
        for (auto& group : groups) std::erase_if(group, [&](const Move& move) { return joins(move, turns); });
    in_pieces(std::move(turns), kernel->turned_,
              [&](std::vector<Turn> piece) { return turned(target, bytes, std::move(piece)); });
    for (const bool whole : {false, true})
        in_pieces(std::move(groups[whole]), kernel->straight_,
                  [&](std::vector<Move> piece) { return straight(target, bytes, std::move(piece), whole); });
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

const std::byte* input_memory(const std::vector<PackedConstants::Block>& constants, const KernelArgs& args,
                              std::size_t i) {
    return i < constants.size() && constants[i] ? constants[i].get() : args.inputs[i];
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
