#include <algorithm>
#include <cstring>

#include "ops/counted.hpp"
#include "runtime/device_run.hpp"

// Tensors whose size the device finds: they have room for the most, and the host takes what is filled.
namespace fovea::runtime {
namespace {

/// Up to here an output is copied whole together with the counts, rather than after them as far as it is filled.
constexpr std::size_t kWhole = std::size_t{64} << 10;

/// The filled part of a tensor: the first `used` bytes of every `pitch`.
struct Filled {
    std::size_t rows, pitch, used;

    Filled(const backend::TensorDesc& desc, const ops::ValueInfo& info, std::span<const std::int64_t> counts)
        : rows(1), pitch(element_bytes(desc.dtype)) {
        const auto axes = backend::memory_axes(desc.shape.size(), desc.layout);
        const auto at = info.counted ? std::find(axes.begin(), axes.end(), info.counted->axis) : axes.begin();
        for (auto axis = axes.begin(); axis != axes.end(); ++axis)
            (axis < at ? rows : pitch) *= static_cast<std::size_t>(desc.shape[*axis]);
        used = pitch;
        if (!info.counted || !pitch) return;
        const std::size_t axis = info.counted->axis;
        used = pitch / static_cast<std::size_t>(desc.shape[axis]) *
               static_cast<std::size_t>(ops::shape_in_run(info, counts)[axis]);
    }
};

}  // namespace

bool DeviceRun::counted(std::size_t i) const {
    const std::int32_t slot = target_.outputs[i];
    if (slot < 0 || !on_device(program_->outputs[i])) return false;
    const ir::ValueId id = target_.slots[static_cast<std::size_t>(slot)].value;
    return program_->values[static_cast<std::size_t>(id)].counted.has_value();
}

void DeviceRun::read_counts(backend::Stream& stream) {
    if (!program_->counts || counts_read_) return;
    stream.download(counts_host_.memory.get(), counts_.memory.get(), program_->counts * sizeof(std::int64_t));
    stream.synchronize();
    counts_read_ = true;
}

/// Brings what is filled to `target`, densely; the counts must have been read.
void DeviceRun::download_filled(backend::Stream& stream, std::byte* target, std::int32_t slot, const Operand& operand) {
    const auto id = static_cast<std::size_t>(target_.slots[static_cast<std::size_t>(slot)].value);
    const Filled filled(slot_desc(target_, program_->values, slot), program_->values[id], counts());
    const std::byte* source = place(operand);
    if (filled.used == filled.pitch) return stream.download(target, source, filled.rows * filled.pitch);
    for (std::size_t row = 0; row < filled.rows && filled.used; ++row)
        stream.download(target + row * filled.used, source + row * filled.pitch, filled.used);
}

void DeviceRun::enqueue_counted_outputs(backend::Stream& stream) {
    bool any = false;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (!counted(i)) continue;
        const std::size_t bytes = slot_desc(target_, program_->values, target_.outputs[i]).bytes();
        grow_pinned(output_staging_[i], bytes);
        if (bytes <= kWhole) stream.download(output_staging_[i].memory.get(), place(program_->outputs[i]), bytes);
        any = true;
    }
    if (any) stream.download(counts_host_.memory.get(), counts_.memory.get(), program_->counts * sizeof(std::int64_t));
}

void DeviceRun::finish_counted_outputs(backend::Stream& stream) {
    bool any = false;
    for (std::size_t i = 0; i < outputs_.size(); ++i) {
        if (!counted(i)) continue;
        if (!any) stream.synchronize();
        any = counts_read_ = true;
        const std::int32_t slot = target_.outputs[i];
        const auto desc = slot_desc(target_, program_->values, slot);
        std::byte* memory = output_staging_[i].memory.get();
        if (desc.bytes() > kWhole) {
            download_filled(stream, memory, slot, program_->outputs[i]);
            continue;
        }
        const auto id = static_cast<std::size_t>(target_.slots[static_cast<std::size_t>(slot)].value);
        const Filled filled(desc, program_->values[id], counts());
        for (std::size_t row = 1; row < filled.rows; ++row)
            std::memmove(memory + row * filled.used, memory + row * filled.pitch, filled.used);
    }
    if (any) stream.synchronize();
}

}  // namespace fovea::runtime
