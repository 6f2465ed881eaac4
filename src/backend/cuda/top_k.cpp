#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/rows.hpp"
#include "base/checked.hpp"

namespace fovea::backend::cuda {
namespace {

/// Lines up to here are sorted whole.
constexpr std::int64_t kMostWhole = 256;
/// Most numbers that a block sorts.
constexpr std::int64_t kMostSorted = 16384;
/// Most elements that a thread keeps in registers while a line is searched.
constexpr std::int64_t kMostKept = 16;

/// How many elements the node takes; nothing where that is computed at run time.
std::optional<std::int64_t> taken(const ops::ValueTable& values, const ir::Node& node) {
    const Tensor& count = values[static_cast<std::size_t>(node.inputs[1])].constant;
    if (!count || count.size() != 1) return std::nullopt;
    return count.to_int64()[0];
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "TopK") return refuse(Reason::unsupported_operator);
    const auto x = context.shape(node.inputs[0]);
    const auto count = taken(context.values, node);
    if (!x || !count) return refuse(Reason::shape_depends_on_data);
    const DType type = context.info(node.inputs[0]).dtype;
    if (!has_element(type) || element_bytes(type) > 4)
        return refuse(Reason::unsupported_dtype, "takes f32, f16, bf16 and integers of 8 to 32 bits");
    if (x->empty() || base::element_count(*x) == 0 || *count == 0)
        return refuse(Reason::unsupported_shape, "an empty tensor");
    if (*count > kMostSorted) return refuse(Reason::unsupported_shape, "over 16384 elements of a line");
    if (base::element_count(*x) >= std::int64_t{1} << 31)
        return refuse(Reason::unsupported_shape, "over 2^31 elements");
    return make_region(context, "top_k", {root});
}

/// Blocks that share a line in the tactic "clusters".
constexpr std::int64_t kSplit = 8;
/// From here on clusters are likely to be faster.
constexpr std::int64_t kLong = 32768;

std::vector<Tactic> tactics(const Target& target, const RegionContext& context) {
    const Tactic blocks = uniform_tactic(context, "blocks", Layout::plain);
    const Line line = line_of(context.input_desc(0, blocks), context.node(0).get<std::int64_t>("axis", -1));
    const Facts& facts = target.device->facts();
    if (facts.compute_capability < 90 || line.length < kSplit * 512 ||
        line.outer * line.inner * kSplit > 2 * facts.multiprocessors)
        return {blocks};
    Tactic clusters = blocks;
    clusters.name = "clusters";
    if (line.length < kLong) return {blocks, clusters};
    return {clusters, blocks};
}

class TopKKernel final : public Kernel {
  public:
    TopKKernel(std::unique_ptr<Function> function, const TopKArgs& args, int values, int places, unsigned blocks,
               int threads)
        : function_(std::move(function)),
          args_(args),
          values_(values),
          places_(places),
          blocks_(blocks),
          threads_(static_cast<unsigned>(threads)) {}
    void run(const KernelArgs& args) const override {
        TopKArgs launch = args_;
        launch.input = args.inputs[0];
        launch.values = values_ < 0 ? nullptr : args.outputs[values_];
        launch.places = places_ < 0 ? nullptr : args.outputs[places_];
        function_->launch(*args.stream, {blocks_}, threads_, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "own search and sorting"; }

  private:
    std::unique_ptr<Function> function_;
    TopKArgs args_;
    int values_, places_;  ///< which outputs of the region; negative: read by nobody
    unsigned blocks_, threads_;
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const TensorDesc source = context.input_desc(0, tactic);
    const Line line = line_of(source, node.get<std::int64_t>("axis", -1));
    const std::int64_t count = *taken(context.values, node);
    const std::int64_t split = tactic.name == "clusters" ? kSplit : 1;
    const bool search = split > 1 || line.length > kMostSorted || (line.length > kMostWhole && line.length > 4 * count);
    std::int64_t sorted = 2;
    while (sorted < (search ? std::min(count + count / 4, kMostSorted) : line.length)) sorted *= 2;
    const std::int64_t threads =
        std::clamp<std::int64_t>(search && line.length > 4096 ? 1024 : sorted / 2, search ? 512 : 32, 1024);
    const std::int64_t kept = base::ceil_div(line.length, threads * split);
    KernelSource code;
    code.text("using In = " + std::string(element_name(source.dtype)) + ";\n");
    code.constant("kLength", line.length).constant("kTake", count).constant("kSorted", sorted);
    code.constant("kLargest", node.get<std::int64_t>("largest", 1) != 0);
    code.constant("kSearch", search).constant("kKept", kept <= kMostKept ? kept : 0).constant("kThreads", threads);
    code.constant("kSplit", split);
    code.text(split > 1 ? "#define CLUSTER(n) __cluster_dims__(n, 1, 1)\n" : "#define CLUSTER(n)\n");
    code.text(kernel_text("row_arguments.hpp"));
    TopKArgs args{};
    args.inner = make_divisor(line.inner);
    const auto position = [&](ir::ValueId id) {
        const auto& outputs = context.region.outputs;
        const auto at = std::find(outputs.begin(), outputs.end(), id);
        return id == ir::kNone || at == outputs.end() ? -1 : static_cast<int>(at - outputs.begin());
    };
    return std::make_unique<TopKKernel>(std::make_unique<Function>(target.device, code.finish("top_k.cuh"), "top_k",
                                                                   static_cast<std::size_t>(8 * sorted)),
                                        args, position(node.outputs[0]), position(node.outputs[1]),
                                        static_cast<unsigned>(line.outer * line.inner * split), threads);
}

}  // namespace

CudaFamily top_k_kernels() { return {"top_k", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
