#include "runtime/branches.hpp"
#include "runtime/device_run.hpp"

// How a program's launches on a device are recorded.
namespace fovea::runtime {
namespace {

/// Queues of launches that may run side by side.
constexpr std::size_t kQueues = 4;

}  // namespace

void DeviceRun::record() {
    for (Segment& segment : graph_->segments) segment.recording = record(segment, launching_);
    graph_->recorded = true;
}

std::unique_ptr<backend::Recording> DeviceRun::record(const Segment& segment, plan::Launching launching) {
    std::vector<std::size_t> launches;
    for (std::size_t i = segment.first; i < segment.last; ++i)
        if (runs(i)) launches.push_back(i);
    return stream_->record([&] {
        if (launching.branched) return record_branches(launches, launching.overlapped);
        stream_->overlap(launching.overlapped);
        for (const std::size_t i : launches) program_->launches[i].kernel->run(arguments(i, *stream_));
        stream_->overlap(false);
    });
}

void DeviceRun::record_branches(const std::vector<std::size_t>& launches, bool overlap) {
    const auto span = [&](std::int32_t slot, const std::byte* place) {
        const auto desc = slot_desc(target_, program_->values, slot);
        const auto begin = reinterpret_cast<std::uintptr_t>(place);
        const std::size_t element = element_bytes(desc.dtype);
        return Span{begin, begin + desc.bytes(), static_cast<std::size_t>(desc.row()) * element,
                    static_cast<std::size_t>(desc.pitch) * element};
    };
    std::vector<Accesses> accesses;
    for (const std::size_t i : launches) {
        const Launch& launch = program_->launches[i];
        Accesses one;
        for (std::size_t k = 0; k < launch.inputs.size(); ++k)
            if (on_device(launch.inputs[k]))
                one.reads.push_back(span(launch.step->inputs[k], graph_->pointers[i].inputs[k]));
        for (std::size_t k = 0; k < launch.outputs.size(); ++k)
            if (on_device(launch.outputs[k]))
                one.writes.push_back(span(launch.step->outputs[k], graph_->pointers[i].outputs[k]));
        if (const std::size_t bytes = launch.kernel->workspace_bytes()) {
            const auto begin = reinterpret_cast<std::uintptr_t>(scratch_.memory.get());
            one.writes.push_back({begin, begin + bytes, bytes, bytes});
        }
        accesses.push_back(std::move(one));
    }
    const auto branches = plan_branches(accesses, kQueues);
    std::vector<bool> awaited(launches.size(), false), used(kQueues, false);
    for (const Branch& branch : branches)
        for (const std::size_t j : branch.awaits) awaited[j] = true;
    while (branches_.size() + 1 < kQueues) branches_.push_back(device_.make_stream());
    const auto queue = [&](std::size_t q) -> backend::Stream& { return q == 0 ? *stream_ : *branches_[q - 1]; };
    const std::size_t start = 1, first = 2;  // marks
    stream_->mark(start);
    used[0] = true;
    for (std::size_t k = 0; k < launches.size(); ++k) {
        const Branch& branch = branches[k];
        backend::Stream& stream = queue(branch.queue);
        const bool joins = !used[branch.queue];
        if (joins) stream.wait_for(*stream_, start);
        used[branch.queue] = true;
        for (const std::size_t j : branch.awaits) stream.wait_for(queue(branches[j].queue), first + j);
        stream.overlap(overlap && !joins && branch.awaits.empty());
        program_->launches[launches[k]].kernel->run(arguments(launches[k], stream));
        stream.overlap(false);
        if (awaited[k]) stream.mark(first + k);
    }
    for (std::size_t q = 1; q < kQueues; ++q) {
        if (!used[q]) continue;
        queue(q).mark(start);
        stream_->wait_for(queue(q), start);
    }
}

void DeviceRun::launch(plan::Launching launching) {
    if (launching == launching_) return;
    settle();
    graphs_.clear();
    graph_ = nullptr;
    launching_ = launching;
}

double DeviceRun::time(plan::Launching launching, int replays) {
    double total = 0;
    if (graph_)
        for (const Segment& segment : graph_->segments) total += stream_->time(*record(segment, launching), replays);
    return total;
}

}  // namespace fovea::runtime
