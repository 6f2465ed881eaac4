#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backend/device.hpp"
#include "ir/graph.hpp"
#include "ops/infer.hpp"

namespace fovea::backend {

/// Order of a tensor's elements in memory. Shapes are always given in the operator's order (N, C, spatial…).
enum class Layout : std::uint8_t {
    plain,          ///< row-major in the order of the shape
    channels_last,  ///< axis 1 innermost: N, spatial…, C; needs at least 3 dimensions
};
std::string_view to_string(Layout layout);
Layout layout_from_string(std::string_view name);
/// The axes of a tensor in the order of its memory, the innermost last.
std::vector<std::size_t> memory_axes(std::size_t rank, Layout layout);

/// A tensor in memory.
struct TensorDesc {
    DType dtype = DType::undefined;
    Shape shape;
    Layout layout = Layout::plain;
    /// Elements between the starts of successive rows (plain: rows of the last axis; channels_last: pixels). At least
    /// the row's length; more when the tensor is a slice of a wider one.
    std::int64_t pitch = 0;

    /// Dense: the pitch is the row's length.
    static TensorDesc dense(DType dtype, Shape shape, Layout layout);
    [[nodiscard]] std::int64_t row() const;   ///< elements of one row
    [[nodiscard]] std::int64_t rows() const;  ///< number of rows
    [[nodiscard]] std::size_t bytes() const;  ///< from the first element to the end of the last row
    /// Elements between neighbours along each axis of the shape.
    [[nodiscard]] Shape strides() const;
    /// As `strides`, along the axes of a tensor of shape `result` that this one broadcasts to: 0 where it repeats.
    [[nodiscard]] Shape broadcast_strides(const Shape& result) const;
    bool operator==(const TensorDesc&) const = default;
};

/// Nodes that one kernel computes together.
struct Region {
    std::string pattern;               ///< which matcher of the backend found it
    std::vector<ir::NodeId> nodes;     ///< producers before consumers
    std::vector<ir::ValueId> inputs;   ///< all values read from outside, constants included, each once
    std::vector<ir::ValueId> outputs;  ///< values that something outside reads
};

/// Why something was not done; the text says which node or number.
enum class Reason : std::uint8_t {
    unsupported_operator,
    unsupported_dtype,
    unsupported_attribute,
    unsupported_shape,
    unsupported_device,
    shape_depends_on_data,
    slower_than_alternative,
    layout_conversion_costs_more,
    accuracy_budget,
    pinned,
};
std::string_view to_string(Reason reason);
struct Refusal {
    Reason reason;
    std::string detail;
};

/// One way to compute a region: which implementation, and the layouts it reads and writes.
struct Tactic {
    std::string name;             ///< e.g. "onednn:channels_last"; within a region, of one kernel
    std::vector<Layout> inputs;   ///< by position in `Region::inputs`
    std::vector<Layout> outputs;  ///< by position in `Region::outputs`
    bool alias = false;           ///< computes nothing: output 0 is input 0's memory, read in another shape
    bool writes_slices = false;   ///< outputs may be slices of wider tensors
    bool reads_slices = false;    ///< inputs may be slices of wider tensors
    bool operator==(const Tactic&) const = default;
};

/// Constants in the form that kernels want, made once per engine and shared by all shapes and contexts.
class PackedConstants {
  public:
    using Block = std::shared_ptr<const std::byte>;
    /// The block called `key`, made by `make` on first use. Safe for many threads.
    Block get(const std::string& key, const std::function<Block()>& make);
    [[nodiscard]] std::size_t bytes() const;
    /// 64-byte aligned memory of `bytes` bytes.
    static std::shared_ptr<std::byte> allocate(std::size_t bytes);
    void account(std::size_t bytes);

  private:
    mutable std::mutex mutex_;
    std::map<std::string, Block> blocks_;
    std::size_t bytes_ = 0;
};

/// What a backend may know of a region when it prepares a kernel: the graph, and concrete shapes and types.
struct RegionContext {
    const ir::Graph& graph;
    const Region& region;
    const ops::ValueTable& values;
    int threads = 1;
    PackedConstants* packed = nullptr;  ///< nullptr: constants are packed for this kernel alone
    /// Pitches of inputs and outputs that are slices of wider tensors; 0 or missing: dense.
    std::vector<std::int64_t> input_pitches = {}, output_pitches = {};
    /// Elements before the first one of such a slice in its row; missing: 0.
    std::vector<std::int64_t> input_offsets = {}, output_offsets = {};

    [[nodiscard]] const ir::Node& node(std::size_t i) const { return graph.node(region.nodes[i]); }
    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const { return values[static_cast<std::size_t>(id)]; }
    [[nodiscard]] DType dtype(ir::ValueId id) const { return info(id).dtype; }
    /// Concrete shape; throws `internal` when it is not known.
    [[nodiscard]] Shape shape(ir::ValueId id) const;
    /// Content, when it is known before the run, else nullptr.
    [[nodiscard]] const Tensor* constant(ir::ValueId id) const;
    /// Position of `id` among the region's inputs; throws `internal` when it is none.
    [[nodiscard]] std::size_t input_index(ir::ValueId id) const;
    [[nodiscard]] TensorDesc input_desc(std::size_t i, const Tactic& tactic) const;
    [[nodiscard]] TensorDesc output_desc(std::size_t i, const Tactic& tactic) const;
};

/// Memory of one run. Pointers stand in the order of the region's inputs and outputs; inputs with a known content may
/// be nullptr when the kernel has packed them.
struct KernelArgs {
    const std::byte* const* inputs;
    std::byte* const* outputs;
    std::byte* workspace;  ///< `workspace_bytes()` long, 64-byte aligned (256 on devices), content unspecified
    class KernelState* state = nullptr;  ///< what `make_state` gave to this context
    Stream* stream = nullptr;            ///< of a device: the kernel only enqueues its work there
    std::int64_t* counts = nullptr;      ///< of a device: how many places of counted axes are filled, by count
};

/// Library handles that one context needs to run a kernel.
class KernelState {
  public:
    virtual ~KernelState() = default;
};

/// A region prepared for concrete shapes. Immutable: many threads may run one kernel, each with its own memory.
class Kernel {
  public:
    virtual ~Kernel() = default;
    virtual void run(const KernelArgs& args) const = 0;
    /// Made once per context; nullptr when the kernel needs none.
    [[nodiscard]] virtual std::unique_ptr<KernelState> make_state() const { return nullptr; }
    [[nodiscard]] virtual std::size_t workspace_bytes() const { return 0; }
    /// Whether it works on host memory, and at once, although its backend has a device.
    [[nodiscard]] virtual bool on_host() const { return false; }
    /// Whether it rounds the factors of its products of f32 tensors to TF32; for reports.
    [[nodiscard]] virtual bool rounds_to_tf32() const { return false; }
    /// What the library calls the implementation it chose; for reports.
    [[nodiscard]] virtual std::string implementation() const { return {}; }
};

/// The graph as a matcher sees it: types and shapes at the optimum, who reads what, and what is taken already.
struct MatchContext {
    const ir::Graph& graph;
    const ops::ValueTable& values;
    const std::vector<std::vector<ir::NodeId>>& consumers;
    const std::vector<bool>& claimed;  ///< by NodeId
    bool fuse = true;                  ///< false: regions of a single node

    /// The only reader of `id`, when there is exactly one, it is not claimed, and `id` is no graph output.
    [[nodiscard]] ir::NodeId sole_consumer(ir::ValueId id) const;
    /// The unclaimed producer of `id` when `id` has no other reader and is no graph output.
    [[nodiscard]] ir::NodeId sole_producer(ir::ValueId id) const;
    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const { return values[static_cast<std::size_t>(id)]; }
    [[nodiscard]] std::optional<Shape> shape(ir::ValueId id) const { return ir::known_shape(info(id).dims); }
};

/// Inputs and outputs of a set of nodes (in the given order): everything read from outside, everything read outside.
Region make_region(const MatchContext& context, std::string pattern, std::vector<ir::NodeId> nodes);

/// A kind of device and the kernels for it.
class Backend {
  public:
    virtual ~Backend() = default;
    [[nodiscard]] virtual std::string_view name() const = 0;
    /// What a plan's target section must match, e.g. "x86-64 avx512_bf16".
    [[nodiscard]] virtual std::string target() const = 0;
    /// What makes and runs its kernels, with versions: times that were measured with others do not hold.
    [[nodiscard]] virtual std::string versions() const { return {}; }
    /// Why networks cannot be computed in this type; nothing where they can.
    [[nodiscard]] virtual std::optional<Refusal> precision_refusal(DType) const { return std::nullopt; }
    /// Whether it computes in f32, or in the precision asked for, what models declare in this floating-point type.
    [[nodiscard]] virtual bool widens(DType) const { return false; }
    /// Whether its products of f32 tensors are rounded to TF32.
    [[nodiscard]] virtual bool tf32() const { return false; }
    /// Where its kernels find their tensors; nullptr: in host memory. Lives as long as the backend.
    [[nodiscard]] virtual const Device* device() const { return nullptr; }
    /// Number of matchers; the compiler offers every node to matcher 0, then to matcher 1, and so on.
    [[nodiscard]] virtual std::size_t matcher_count() const = 0;
    /// The region that matcher `matcher` proposes with `root` as its main node, or why there is none.
    virtual std::variant<Region, Refusal> match(std::size_t matcher, const MatchContext& context,
                                                ir::NodeId root) const = 0;
    /// Ways to compute the region at these shapes, most promising first; empty when there is none. For every
    /// combination of layouts offered at one shape there must be a tactic at every other shape.
    [[nodiscard]] virtual std::vector<Tactic> tactics(const RegionContext& context) const = 0;
    /// Throws `unsupported` when the tactic does not exist for these shapes.
    [[nodiscard]] virtual std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic& tactic) const = 0;
    /// `prepare` for many kernels at once, by a backend whose kernels can be prepared side by side. nullptr, or nothing
    /// at all, where `prepare` is to be called: for what it threw, too.
    [[nodiscard]] virtual std::vector<std::unique_ptr<Kernel>> prepare_ahead(
        const std::vector<std::pair<RegionContext, Tactic>>&) const {
        return {};
    }
    /// A change of layout or pitch of one tensor; shapes and types of both sides are equal.
    [[nodiscard]] virtual std::unique_ptr<Kernel> conversion(const TensorDesc& from, const TensorDesc& to) const;
};

/// `backend.prepare`; its errors carry the region's first node as context.
std::unique_ptr<Kernel> prepare_kernel(const Backend& backend, const RegionContext& context, const Tactic& tactic);

/// Copies a tensor between layouts, pitches and float types (also part of every backend's repertoire).
void convert(const TensorDesc& from, const std::byte* source, const TensorDesc& to, std::byte* target);

}  // namespace fovea::backend
