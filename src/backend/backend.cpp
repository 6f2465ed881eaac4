#include "backend/backend.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <numeric>

#include "base/checked.hpp"
#include "fovea/error.hpp"

namespace fovea::backend {

std::string_view to_string(Layout layout) { return layout == Layout::plain ? "plain" : "channels_last"; }

Layout layout_from_string(std::string_view name) {
    if (name == "plain") return Layout::plain;
    if (name == "channels_last") return Layout::channels_last;
    throw Error(ErrorCode::corrupt_plan, "unknown layout \"" + std::string(name) + "\"");
}

std::vector<std::size_t> memory_axes(std::size_t rank, Layout layout) {
    std::vector<std::size_t> axes(rank);
    std::iota(axes.begin(), axes.end(), std::size_t{0});
    if (layout == Layout::channels_last) std::rotate(axes.begin() + 1, axes.begin() + 2, axes.end());
    return axes;
}

std::string_view to_string(Reason reason) {
    constexpr std::string_view kNames[] = {"unsupported operator",
                                           "unsupported dtype",
                                           "unsupported attribute",
                                           "unsupported shape",
                                           "unsupported device",
                                           "shape depends on data",
                                           "slower than the alternative",
                                           "layout conversion costs more than it saves",
                                           "accuracy budget",
                                           "pinned by the user"};
    return kNames[static_cast<std::size_t>(reason)];
}

TensorDesc TensorDesc::dense(DType dtype, Shape shape, Layout layout) {
    TensorDesc desc{dtype, std::move(shape), layout, 0};
    desc.pitch = desc.row();
    return desc;
}

std::int64_t TensorDesc::row() const {
    if (shape.empty()) return 1;
    return layout == Layout::channels_last ? shape[1] : shape.back();
}

std::int64_t TensorDesc::rows() const {
    const std::int64_t length = row();
    return length == 0 ? 0 : base::element_count(shape) / length;
}

std::size_t TensorDesc::bytes() const {
    if (rows() == 0) return 0;
    return static_cast<std::size_t>(base::checked_add(base::checked_mul(rows() - 1, pitch), row())) *
           element_bytes(dtype);
}

Shape TensorDesc::strides() const {
    Shape result(shape.size(), 1);
    const auto axes = memory_axes(shape.size(), layout);
    std::int64_t step = pitch;
    for (std::size_t i = axes.size(); i-- > 1;) {
        result[axes[i - 1]] = step;
        step = base::checked_mul(step, shape[axes[i - 1]]);
    }
    return result;
}

Shape TensorDesc::broadcast_strides(const Shape& result) const {
    Shape own = strides();
    const std::size_t missing = result.size() - own.size();
    for (std::size_t i = 0; i < own.size(); ++i)
        if (shape[i] == 1 && result[missing + i] != 1) own[i] = 0;
    own.insert(own.begin(), missing, 0);
    return own;
}

PackedConstants::Block PackedConstants::get(const std::string& key, const std::function<Block()>& make) {
    {
        const std::lock_guard lock(mutex_);
        if (const auto it = blocks_.find(key); it != blocks_.end()) return it->second;
    }
    Block block = make();
    const std::lock_guard lock(mutex_);
    return blocks_.emplace(key, std::move(block)).first->second;
}

std::size_t PackedConstants::bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
}

void PackedConstants::account(std::size_t bytes) {
    const std::lock_guard lock(mutex_);
    bytes_ += bytes;
}

std::shared_ptr<std::byte> PackedConstants::allocate(std::size_t bytes) {
    constexpr std::align_val_t kAlignment{64};
    auto* memory = static_cast<std::byte*>(::operator new(bytes ? bytes : 1, kAlignment));
    return {memory, [](std::byte* p) { ::operator delete(p, kAlignment); }};
}

namespace {

TensorDesc described(const RegionContext& context, ir::ValueId id, Layout layout,
                     const std::vector<std::int64_t>& pitches, std::size_t i) {
    TensorDesc desc = TensorDesc::dense(context.dtype(id), context.shape(id), layout);
    if (i < pitches.size() && pitches[i] > 0) desc.pitch = pitches[i];
    return desc;
}

}  // namespace

Shape RegionContext::shape(ir::ValueId id) const {
    const auto shape = ir::known_shape(info(id).dims);
    if (!shape) throw Error(ErrorCode::internal, "the shape of \"" + graph.value(id).name + "\" is not known yet");
    return *shape;
}

const Tensor* RegionContext::constant(ir::ValueId id) const {
    if (id == ir::kNone || !info(id).constant) return nullptr;
    return &info(id).constant;
}

std::size_t RegionContext::input_index(ir::ValueId id) const {
    const auto it = std::find(region.inputs.begin(), region.inputs.end(), id);
    if (it == region.inputs.end())
        throw Error(ErrorCode::internal, "\"" + graph.value(id).name + "\" is no input of its region");
    return static_cast<std::size_t>(it - region.inputs.begin());
}

TensorDesc RegionContext::input_desc(std::size_t i, const Tactic& tactic) const {
    return described(*this, region.inputs[i], tactic.inputs[i], input_pitches, i);
}

TensorDesc RegionContext::output_desc(std::size_t i, const Tactic& tactic) const {
    return described(*this, region.outputs[i], tactic.outputs[i], output_pitches, i);
}

ir::NodeId MatchContext::sole_consumer(ir::ValueId id) const {
    const auto& readers = consumers[static_cast<std::size_t>(id)];
    if (readers.size() != 1 || claimed[static_cast<std::size_t>(readers[0])] || graph.is_output(id)) return ir::kNone;
    return readers[0];
}

ir::NodeId MatchContext::sole_producer(ir::ValueId id) const {
    if (id == ir::kNone) return ir::kNone;
    const ir::NodeId producer = graph.value(id).producer;
    if (producer == ir::kNone || claimed[static_cast<std::size_t>(producer)] || graph.is_output(id) ||
        consumers[static_cast<std::size_t>(id)].size() != 1)
        return ir::kNone;
    return producer;
}

Region make_region(const MatchContext& context, std::string pattern, std::vector<ir::NodeId> nodes) {
    Region region{std::move(pattern), std::move(nodes), {}, {}};
    const auto in_region = [&](ir::NodeId id) {
        return std::find(region.nodes.begin(), region.nodes.end(), id) != region.nodes.end();
    };
    for (const ir::NodeId id : region.nodes) {
        for (const ir::ValueId input : context.graph.node(id).inputs) {
            if (input == ir::kNone ||
                std::find(region.inputs.begin(), region.inputs.end(), input) != region.inputs.end())
                continue;
            const ir::NodeId producer = context.graph.value(input).producer;
            if (producer == ir::kNone || !in_region(producer)) region.inputs.push_back(input);
        }
        for (const ir::ValueId output : context.graph.node(id).outputs) {
            if (output == ir::kNone) continue;
            const auto& readers = context.consumers[static_cast<std::size_t>(output)];
            if (context.graph.is_output(output) ||
                std::any_of(readers.begin(), readers.end(), [&](ir::NodeId reader) { return !in_region(reader); }))
                region.outputs.push_back(output);
        }
    }
    return region;
}

std::unique_ptr<Kernel> prepare_kernel(const Backend& backend, const RegionContext& context, const Tactic& tactic) {
    const auto named = [&](Error error) {
        const ir::Node& node = context.node(0);
        return error.in("node " + node.name + " (" + node.op + ")");
    };
    try {
        return backend.prepare(context, tactic);
    } catch (const Error& error) {
        throw named(error);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception& error) {
        throw named(Error(ErrorCode::internal, std::string(error.what()) + " › this is a bug of fovea"));
    }
}

}  // namespace fovea::backend
