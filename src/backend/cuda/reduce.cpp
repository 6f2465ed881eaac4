#include <algorithm>
#include <array>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cuda {
namespace {

constexpr std::size_t kMostGroups = 4;

struct Row {
    std::string_view op, operation;
};
constexpr std::array kOperations = {
    Row{"ReduceSum", "SumOf"},           Row{"ReduceMean", "MeanOf"},           Row{"ReduceProd", "ProductOf"},
    Row{"ReduceSumSquare", "SquaresOf"}, Row{"ReduceL1", "MagnitudesOf"},       Row{"ReduceL2", "RootOf"},
    Row{"ReduceLogSum", "LogarithmOf"},  Row{"ReduceLogSumExp", "LogSumExpOf"}, Row{"ReduceMax", "MaximumOf"},
    Row{"ReduceMin", "MinimumOf"},
};

const Row* find(std::string_view op) {
    const auto it = std::find_if(kOperations.begin(), kOperations.end(), [&](const Row& row) { return row.op == op; });
    return it == kOperations.end() ? nullptr : &*it;
}

/// Which axes `node` reduces; nothing where that is computed at run time.
std::optional<std::vector<bool>> reduced_axes(const ops::ValueTable& values, const ir::Node& node, std::size_t rank) {
    std::vector<std::int64_t> axes;
    if (node.inputs.size() > 1 && node.inputs[1] != ir::kNone) {
        const Tensor& given = values[static_cast<std::size_t>(node.inputs[1])].constant;
        if (!given) return std::nullopt;
        axes = given.to_int64();
    }
    if (axes.empty()) return std::vector<bool>(rank, node.get<std::int64_t>("noop_with_empty_axes", 0) == 0);
    std::vector<bool> reduced(rank, false);
    for (const std::int64_t axis : axes)
        reduced[static_cast<std::size_t>(base::normalize_axis(axis, static_cast<std::int64_t>(rank)))] = true;
    return reduced;
}

/// Axes that are all kept or all reduced, and lie one behind the other in memory.
struct Group {
    bool reduced;
    std::int64_t extent, stride;
};

/// From the innermost on.
std::vector<Group> groups_of(const TensorDesc& desc, const std::vector<bool>& reduced) {
    std::vector<Group> groups;
    const auto axes = memory_axes(desc.shape.size(), desc.layout);
    std::int64_t stride = 1;
    for (std::size_t i = axes.size(); i-- > 0;) {
        const std::int64_t extent = desc.shape[axes[i]];
        if (extent != 1) {
            if (!groups.empty() && groups.back().reduced == reduced[axes[i]] &&
                stride == groups.back().stride * groups.back().extent)
                groups.back().extent *= extent;
            else
                groups.push_back({reduced[axes[i]], extent, stride});
        }
        stride = i + 1 == axes.size() ? desc.pitch : stride * extent;
    }
    return groups;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (!find(node.op)) return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    if (!x) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!has_element(type) && type != DType::boolean)
        return refuse(Reason::unsupported_dtype, "takes f32, f16, bf16 and integers of 8 to 64 bits");
    if (base::element_count(*x) == 0) return refuse(Reason::unsupported_shape, "an empty tensor");
    if (base::element_count(*x) >= std::int64_t{1} << 31)
        return refuse(Reason::unsupported_shape, "over 2^31 elements");
    const auto reduced = reduced_axes(context.values, node, x->size());
    if (!reduced) return refuse(Reason::unsupported_attribute, "axes that are computed at run time");
    // At most every second axis starts a group of its kind.
    if (x->size() > 2 * kMostGroups) return refuse(Reason::unsupported_shape, "over 8 axes");
    std::vector<ir::NodeId> nodes = {root};
    if (!x->empty() && own_float(type)) {
        const Epilogue epilogue = match_epilogue(context, node.outputs[0], kMostSteps, accepts_anywhere);
        nodes.insert(nodes.end(), epilogue.nodes.begin(), epilogue.nodes.end());
    }
    return make_region(context, "reduce", std::move(nodes));
}

/// Whether the result of a channels-last input lies in plain order: all channels or all pixels are reduced.
bool plain_result(const std::vector<bool>& reduced) {
    return reduced[1] || std::all_of(reduced.begin() + 2, reduced.end(), [](bool axis) { return axis; });
}

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    const ir::Node& node = context.node(0);
    const std::size_t rank = context.shape(node.inputs[0]).size();
    const auto reduced = *reduced_axes(context.values, node, rank);
    std::vector<Tactic> result = {uniform_tactic(context, "plain", Layout::plain)};
    if (has_channels(context, node.inputs[0])) {
        Tactic tactic = uniform_tactic(context, "channels_last", Layout::channels_last);
        if (context.shape(context.region.outputs[0]).size() == rank) result.push_back(tactic);
        if (plain_result(reduced)) {
            tactic.outputs[0] = Layout::plain;
            result.push_back(tactic);
        }
    }
    for (Tactic& tactic : result) tactic.reads_slices = true;
    return result;
}

class ReduceKernel final : public Kernel {
  public:
    ReduceKernel(std::unique_ptr<Function> function, EpilogueCode epilogue, const ReduceArgs& args, unsigned blocks,
                 int threads)
        : function_(std::move(function)),
          epilogue_(std::move(epilogue)),
          args_(args),
          blocks_(blocks),
          threads_(static_cast<unsigned>(threads)) {}
    void run(const KernelArgs& args) const override {
        ReduceArgs launch = args_;
        launch.input = args.inputs[0];
        launch.output = args.outputs[0];
        epilogue_.bind(launch.epilogue, args);
        function_->launch(*args.stream, {blocks_}, threads_, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "own reduction"; }

  private:
    std::unique_ptr<Function> function_;
    EpilogueCode epilogue_;
    ReduceArgs args_;
    unsigned blocks_, threads_;
};

/// How threads share the work; see kernels/reduce.cuh.
struct Geometry {
    bool across = false;
    int width = 1, columns = 1, parts = 1;
    std::int64_t outputs = 1, count = 1;  ///< loads of the result, loads of one of them
    std::vector<Group> kept, reduced;     ///< from the outermost on, in loads
};

Geometry geometry_of(std::vector<Group> groups, int most, std::int64_t offset, int processors) {
    Geometry result;
    result.across = !groups.empty() && !groups[0].reduced;
    if (!groups.empty() && groups[0].stride == 1) {
        result.width = common_width(most, {groups[0].extent, offset});
        for (std::size_t i = 1; i < groups.size(); ++i) result.width = common_width(result.width, {groups[i].stride});
        groups[0].extent /= result.width;
        groups[0].stride *= result.width;
    }
    for (const Group& group : groups) {
        auto& list = group.reduced ? result.reduced : result.kept;
        list.insert(list.begin(), group);
        (group.reduced ? result.count : result.outputs) *= group.extent;
    }
    for (auto* list : {&result.kept, &result.reduced})
        if (list->empty()) list->push_back({false, 1, 0});
    // Neighbours in memory belong to neighbouring threads: few share a result where results are neighbours.
    const bool wide = result.across && result.kept.back().extent >= 8;
    const int limit = wide ? 32 : !result.across && result.outputs < processors ? 1024 : 256;
    while (result.parts < limit && 2 * result.parts <= result.count &&
           ((!result.across && result.parts < 32) || result.outputs * result.parts < std::int64_t{processors} * 1024 ||
            result.count / result.parts > 256))
        result.parts *= 2;
    result.columns = std::max(1, 256 / result.parts);
    return result;
}

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const std::size_t input = context.input_index(node.inputs[0]);
    const TensorDesc source = context.input_desc(input, tactic), output = context.output_desc(0, tactic);
    const bool real = own_float(source.dtype);
    const auto reduced = *reduced_axes(context.values, node, source.shape.size());
    const Geometry geometry =
        geometry_of(groups_of(source, reduced), std::min(8, static_cast<int>(16 / element_bytes(source.dtype))),
                    offset_of(context.input_offsets, input), target.device->facts().multiprocessors);
    EpilogueCode epilogue(target, context, tactic, read_epilogue(context, node.outputs[0], 1), {});
    KernelSource code;
    code.text("using In = " + std::string(element_name(source.dtype)) + ";\n");
    code.text("using Out = " + std::string(element_name(output.dtype)) + ";\n");
    code.text("using Wide = " + std::string(wide_name(source.dtype)) + ";\n");
    code.text("struct " + std::string(find(node.op)->operation) +
              ";\nusing Operation = " + std::string(find(node.op)->operation) + ";\n");
    code.constant("kCount", geometry.count);
    code.constant("kElements", base::element_count(source.shape) / base::element_count(output.shape));
    code.constant("kKept", static_cast<std::int64_t>(geometry.kept.size()));
    code.constant("kReduced", static_cast<std::int64_t>(geometry.reduced.size()));
    code.constant("kAcross", geometry.across).constant("kWidth", geometry.width);
    code.constant("kColumns", geometry.columns).constant("kParts", geometry.parts);
    code.text(epilogue.text());
    code.text("template <int N>\nDEVICE void finish(Wide (&x)[N], const EpilogueArgs& args, int at) {" +
              std::string(real ? " epilogue(x, args, 0, at); " : "") + "}\n");
    code.text(kernel_text("row_arguments.hpp"));
    ReduceArgs args{};
    args.outputs = static_cast<int>(geometry.outputs);
    for (std::size_t i = 0; i < geometry.kept.size(); ++i) {
        args.kept[i] = make_divisor(geometry.kept[i].extent);
        args.kept_strides[i] = static_cast<int>(geometry.kept[i].stride);
    }
    for (std::size_t i = 0; i < geometry.reduced.size(); ++i) {
        args.reduced[i] = make_divisor(geometry.reduced[i].extent);
        args.reduced_strides[i] = static_cast<int>(geometry.reduced[i].stride);
    }
    const auto blocks = static_cast<unsigned>(base::ceil_div(geometry.outputs, geometry.columns));
    return std::make_unique<ReduceKernel>(
        std::make_unique<Function>(target.device, code.finish("reduce.cuh"), "reduce"), std::move(epilogue), args,
        blocks, geometry.columns * geometry.parts);
}

}  // namespace

CudaFamily reduce_kernels() { return {"reduce", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
