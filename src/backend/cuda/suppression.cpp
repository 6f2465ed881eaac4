#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/moves.hpp"
#include "backend/cuda/rows.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/suppression_arguments.hpp"

namespace {

/// Most memory for the masks of boxes that overlap; and most classes and batch entries that are worth them.
constexpr std::int64_t kMostMaskBytes = std::int64_t{256} << 20, kMostMaskLines = 64;
constexpr unsigned kThreads = 512;
constexpr std::int64_t kMostBoxes = std::int64_t{1} << 20, kMostLines = 65535;

int power_of_two(std::int64_t least) {
    int power = 2;
    while (power < least) power *= 2;
    return power;
}

std::variant<Region, Refusal> match(const MatchContext& context, ir::NodeId root) {
    const ir::Node& node = context.graph.node(root);
    if (node.op != "NonMaxSuppression") return refuse(Reason::unsupported_operator);
    const auto boxes = context.shape(node.inputs[0]), scores = context.shape(node.inputs[1]);
    if (!boxes || !scores || !context.info(node.outputs[0]).counted) return refuse(Reason::shape_depends_on_data);
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
        if (node.inputs[i] == ir::kNone) continue;
        const DType type = context.info(node.inputs[i]).dtype;
        if (i < 2 ? !own_float(type) : type != (i == 2 ? DType::i64 : DType::f32))
            return refuse(Reason::unsupported_dtype, "takes boxes and scores in f32, f16 and bf16");
    }
    if (context.info(node.inputs[0]).dtype != context.info(node.inputs[1]).dtype)
        return refuse(Reason::unsupported_dtype, "takes boxes and scores of one type");
    if ((*boxes)[1] > kMostBoxes || (*scores)[0] * (*scores)[1] > kMostLines)
        return refuse(Reason::unsupported_shape, "over 2^20 boxes, or over 65535 classes in all batch entries");
    return make_region(context, "suppression", {root});
}

/// Whether input `i` is given and not empty.
bool has(const RegionContext& context, std::size_t i) {
    const ir::Node& node = context.node(0);
    return i < node.inputs.size() && node.inputs[i] != ir::kNone &&
           base::element_count(context.shape(node.inputs[i])) > 0;
}

struct Sizes {
    std::int64_t batch, classes, boxes, lines, most;

    explicit Sizes(const RegionContext& context) {
        const ir::Node& node = context.node(0);
        const Shape scores = context.shape(node.inputs[1]);
        batch = scores[0];
        classes = scores[1];
        boxes = scores[2];
        lines = batch * classes;
        most = context.shape(node.outputs[0])[0] / lines;
    }
    [[nodiscard]] std::int64_t mask_words() const { return (boxes + 31) / 32; }
    [[nodiscard]] bool few() const {
        return lines <= kMostMaskLines && lines * boxes * mask_words() * 4 <= kMostMaskBytes;
    }
};

std::vector<Tactic> tactics(const Target&, const RegionContext& context) {
    std::vector<Tactic> result;
    if (Sizes(context).few()) result.push_back(uniform_tactic(context, "masks", Layout::plain));
    result.push_back(uniform_tactic(context, "lists", Layout::plain));
    return result;
}

class SuppressionKernel final : public Kernel {
  public:
    struct Operands {
        std::size_t boxes, scores;
        std::optional<std::size_t> limit, overlap, threshold;  ///< computed at run time
        std::optional<std::size_t> found;                      ///< which count says how many boxes there are
    };
    SuppressionKernel(const Target& target, const std::string& code, std::size_t shared, const SuppressionArgs& args,
                      const Operands& operands, const Sizes& sizes, bool masks, bool centred, std::size_t pitch,
                      std::size_t count, std::vector<PackedConstants::Block> constants)
        : candidates_(target.device, code, "candidates", shared),
          masks_(target.device, code, "masks"),
          suppress_(target.device, code, "suppress", masks ? pitch / 8 + kThreads / 8 : 0),
          rows_(target.device, code, "rows"),
          args_(args),
          operands_(operands),
          sizes_(sizes),
          use_masks_(masks),
          box_bytes_(centred ? 32 : 16),
          pitch_(pitch),
          count_(count),
          constants_(std::move(constants)) {}

    void run(const KernelArgs& args) const override {
        SuppressionArgs launch = args_;
        launch.boxes = input_memory(constants_, args, operands_.boxes);
        launch.scores = input_memory(constants_, args, operands_.scores);
        if (operands_.limit) launch.limit_at = reinterpret_cast<const long long*>(args.inputs[*operands_.limit]);
        if (operands_.overlap) launch.overlap_at = reinterpret_cast<const float*>(args.inputs[*operands_.overlap]);
        if (operands_.threshold)
            launch.threshold_at = reinterpret_cast<const float*>(args.inputs[*operands_.threshold]);
        if (operands_.found) launch.boxes_found = reinterpret_cast<const long long*>(args.counts + *operands_.found);
        launch.output = reinterpret_cast<long long*>(args.outputs[0]);
        launch.count = reinterpret_cast<long long*>(args.counts + count_);
        place(launch, args.workspace);
        const auto lines = static_cast<unsigned>(sizes_.lines);
        candidates_.launch(*args.stream, {lines}, kThreads, &launch);
        if (use_masks_) {
            const auto boxes = static_cast<unsigned>(sizes_.boxes);
            masks_.launch(*args.stream,
                          {(boxes + kThreads - 1) / kThreads, static_cast<unsigned>(sizes_.mask_words()), lines},
                          kThreads, &launch);
        }
        suppress_.launch(*args.stream, {lines}, kThreads, &launch);
        rows_.launch(*args.stream, {lines}, kThreads, &launch);
    }
    [[nodiscard]] std::size_t workspace_bytes() const override {
        SuppressionArgs args{};
        return place(args, nullptr);
    }
    [[nodiscard]] std::string implementation() const override {
        return use_masks_ ? "sorting, masks of overlapping pairs" : "sorting, lists of kept boxes";
    }

  private:
    /// Divides the workspace; returns its size.
    std::size_t place(SuppressionArgs& args, std::byte* workspace) const {
        std::size_t bytes = 0;
        const auto take = [&]<class T>(T*& pointer, std::size_t size) {
            pointer = reinterpret_cast<T*>(workspace + bytes);
            bytes += (size + 255) / 256 * 256;
        };
        const auto lines = static_cast<std::size_t>(sizes_.lines), most = static_cast<std::size_t>(sizes_.most);
        take(args.keys, lines * pitch_ * 8);
        take(args.candidates, lines * 4);
        take(args.kept, lines * most * 4);
        take(args.kept_count, lines * 4);
        if (use_masks_)
            take(args.masks, lines * static_cast<std::size_t>(sizes_.boxes * sizes_.mask_words()) * 4);
        else
            take(args.kept_boxes, lines * most * box_bytes_);
        return bytes;
    }

    Function candidates_, masks_, suppress_, rows_;
    SuppressionArgs args_;
    Operands operands_;
    Sizes sizes_;
    bool use_masks_;
    std::size_t box_bytes_;
    std::size_t pitch_, count_;
    std::vector<PackedConstants::Block> constants_;
};

std::unique_ptr<Kernel> prepare(const Target& target, const RegionContext& context, const Tactic& tactic) {
    const ir::Node& node = context.node(0);
    const auto& counted = context.info(node.outputs[0]).counted;
    if (!counted) throw Error(ErrorCode::unsupported, "the number of boxes that stay has no bound");
    const Sizes sizes(context);
    const bool centred = node.get<std::int64_t>("center_point_box", 0) == 1, masks = tactic.name == "masks";
    const int pitch = power_of_two(sizes.boxes);
    // One free number for every 16 beside 16384 of 8 bytes.
    const int sorted = std::min(pitch, target.device->facts().shared_bytes >= 160'000 ? 16384 : 8192);
    KernelSource code;
    code.type("Element", context.dtype(node.inputs[0]));
    code.constant("kCentred", centred).constant("kMasks", masks).constant("kThreads", kThreads);
    code.text(kernel_text("suppression_arguments.hpp"));
    SuppressionArgs args{};
    SuppressionKernel::Operands operands{
        context.input_index(node.inputs[0]), context.input_index(node.inputs[1]), {}, {}, {}, {}};
    if (const auto& boxes = context.info(node.inputs[0]).counted) operands.found = boxes->count;
    const auto number = [&](std::size_t i, std::optional<std::size_t>& operand, const auto& known) {
        if (!has(context, i)) return;
        if (const Tensor* constant = context.constant(node.inputs[i]))
            known(*constant);
        else
            operand = context.input_index(node.inputs[i]);
    };
    number(2, operands.limit, [&](const Tensor& tensor) { args.limit = tensor.to_int64()[0]; });
    number(3, operands.overlap, [&](const Tensor& tensor) { args.overlap = tensor.to_float()[0]; });
    number(4, operands.threshold, [&](const Tensor& tensor) { args.threshold = tensor.to_float()[0]; });
    args.lines = static_cast<int>(sizes.lines);
    args.classes = static_cast<int>(sizes.classes);
    args.boxes_given = static_cast<int>(sizes.boxes);
    args.most = static_cast<int>(sizes.most);
    args.pitch = pitch;
    args.sorted = sorted;
    args.has_threshold = has(context, 4);
    args.mask_words = static_cast<int>(sizes.mask_words());
    args.rows = sizes.lines * sizes.most;
    return std::make_unique<SuppressionKernel>(
        target, code.finish("suppression.cuh"), static_cast<std::size_t>(sorted + sorted / 16) * 8, args, operands,
        sizes, masks, centred, static_cast<std::size_t>(pitch), counted->count, constant_inputs(target, context));
}

}  // namespace

CudaFamily suppression_kernels() { return {"suppression", match, tactics, prepare}; }

}  // namespace fovea::backend::cuda
