#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"
#include "backend/cuda/source.hpp"
#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/selection_arguments.hpp"

namespace {

/// Flags that one block looks at.
constexpr std::int64_t kTile = 4096;

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    const bool compress = node.op == "Compress";
    if (node.op != "NonZero" && !compress) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    const auto flags = compress ? context.shape(node.inputs[1]) : x;
    if (!x || !flags || !context.info(node.outputs[0]).counted) return refuse(Reason::shape_depends_on_data);
    const auto& result = context.info(node.outputs[0]);
    if (x->size() > kMostMoveAxes || base::element_count(*x) > kMostMoved ||
        base::element_count(*ir::known_shape(result.dims)) > kMostMoved)
        return refuse(Reason::unsupported_shape, "over 2^30 elements, or more than 8 axes");
    if (!compress && x->empty()) return refuse(Reason::unsupported_shape, "a single number");
    const std::size_t bytes = element_bytes(context.info(node.inputs[0]).dtype);
    if (bytes != 1 && bytes != 2 && bytes != 4 && bytes != 8) return refuse(Reason::unsupported_dtype);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!compress && base::is_float(type) && type != DType::f64 && !own_float(type))
        return refuse(Reason::unsupported_dtype);
    if (compress && (*flags)[0] > (*ir::known_shape(result.dims))[result.counted->axis])
        return refuse(Reason::unsupported_shape, "a condition that may select places outside of the input");
    return make_region(context, "selection", {root});
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    return {uniform_tactic(context, "tiles", Layout::plain)};
}

class SelectionKernel final : public Kernel {
  public:
    struct Operands {
        std::size_t flags;
        std::optional<std::size_t> input;  ///< of Compress
    };
    SelectionKernel(const Target& target, const std::string& code, const SelectionArgs& args, Operands operands,
                    std::size_t most, std::size_t count, std::vector<PackedConstants::Block> constants)
        : count_(target.device, code, "count"),
          find_(target.device, code, "find"),
          take_(target.device, code, "take"),
          args_(args),
          operands_(operands),
          most_(most),
          number_(count),
          constants_(std::move(constants)) {}

    void run(const KernelArgs& args) const override {
        SelectionArgs launch = args_;
        launch.flags = input_memory(constants_, args, operands_.flags);
        launch.output = args.outputs[0];
        launch.count = reinterpret_cast<long long*>(args.counts + number_);
        launch.tile_counts = reinterpret_cast<int*>(args.workspace);
        launch.places = reinterpret_cast<int*>(args.workspace + tile_bytes());
        const auto tiles = static_cast<unsigned>(args_.tiles);
        count_.launch(*args.stream, {tiles}, 256, &launch);
        find_.launch(*args.stream, {tiles}, 256, &launch);
        if (!operands_.input) return;
        launch.input = input_memory(constants_, args, *operands_.input);
        take_.launch(*args.stream, {(static_cast<unsigned>(args_.outputs) + 255) / 256}, 256, &launch);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override {
        return tile_bytes() + (operands_.input ? most_ * sizeof(int) : 0);
    }
    [[nodiscard]] std::string implementation() const override { return "counted tile by tile"; }

  private:
    [[nodiscard]] std::size_t tile_bytes() const {
        return static_cast<std::size_t>(base::round_up(args_.tiles * std::int64_t{sizeof(int)}, 256));
    }

    Function count_, find_, take_;
    SelectionArgs args_;
    Operands operands_;
    std::size_t most_, number_;
    std::vector<PackedConstants::Block> constants_;
};

/// A mask of an element's bits without the sign of floating-point numbers.
std::string value_bits(DType type) {
    const std::size_t bits = 8 * element_bytes(type) - (base::is_float(type) ? 1 : 0);
    return std::to_string(~std::uint64_t{0} >> (64 - bits)) + "ull";
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic&) {
    const ir::Node& node = context.node(0);
    const auto& counted = context.info(node.outputs[0]).counted;
    if (!counted) throw Error(ErrorCode::unsupported, "the number of places that are found has no bound");
    const bool compress = node.op == "Compress";
    const ir::ValueId flags = node.inputs[compress ? 1 : 0];
    const Shape x = context.shape(node.inputs[0]), y = context.shape(node.outputs[0]), looked_at = context.shape(flags);
    const std::int64_t most = y[counted->axis];
    SelectionArgs args{};
    args.size = static_cast<int>(base::element_count(looked_at));
    args.room = static_cast<int>(most);
    args.tiles = static_cast<int>(base::ceil_div(args.size, kTile));
    for (std::size_t i = 0; i < looked_at.size(); ++i) args.extents[i] = make_divisor(looked_at[i]);
    SelectionKernel::Operands operands{context.input_index(flags), {}};
    if (compress) {
        operands.input = context.input_index(node.inputs[0]);
        args.outputs = static_cast<int>(base::element_count(y));
        const bool flat = !node.attributes.contains("axis");
        args.length = static_cast<int>(flat ? base::element_count(x) : x[counted->axis]);
        args.by_room = make_divisor(most);
        args.inner = make_divisor(base::element_count(std::span(y).subspan(counted->axis + 1)));
    }
    KernelSource code;
    code.text("using Flag = " + std::string(word_type(element_bytes(context.dtype(flags)))) + ";\n");
    code.text("using Word = " + std::string(word_type(element_bytes(context.dtype(node.inputs[0])))) + ";\n");
    code.text("constexpr u64 kValueBits = " + value_bits(context.dtype(flags)) + ";\n");
    code.constant("kAxes", static_cast<std::int64_t>(looked_at.size())).constant("kWide", !compress);
    code.constant("kTile", kTile);
    code.text(kernel_text("selection_arguments.hpp"));
    return std::make_unique<SelectionKernel>(target, code.finish("selection.cuh"), args, operands,
                                             static_cast<std::size_t>(most), counted->count,
                                             constant_inputs(target, context));
}

}  // namespace

CudaFamily selection_kernels() { return {"selection", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
