#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "backend/backend.hpp"

namespace fovea::plan {

/// Sizes that one graph input may take, by axis.
struct InputProfile {
    Shape min, opt, max;
};

/// A tensor of the schedule: a value in one layout.
struct Slot {
    ir::ValueId value = ir::kNone;
    backend::Layout layout = backend::Layout::plain;
    /// The slot whose memory this one shares, or -1.
    std::int32_t alias_of = -1;
    /// With `alias_of`: where the rows of this slot begin within the rows of that wider tensor, in elements (a row is
    /// the last axis of a plain tensor, the channels of a channels_last one); -1 when the slot is the whole memory
    /// under another shape.
    std::int64_t row_offset = -1;
};

/// One kernel launch.
struct Step {
    std::string backend;     ///< name of the backend that runs it
    std::string device;      ///< e.g. "cpu:0"
    backend::Region region;  ///< pattern "convert": a change of layout of one value, no nodes
    backend::Tactic tactic;
    std::vector<std::int32_t> inputs;   ///< slots, in the order of the region's inputs; -1 for constants
    std::vector<std::int32_t> outputs;  ///< slots
    double measured_us = 0;             ///< median time of the chosen tactic during the build; 0: not timed
    std::vector<std::pair<std::string, double>> others;  ///< the fastest tactics not chosen, and their microseconds
    /// Tactics dropped because their results were wrong, and what was found.
    std::vector<std::pair<std::string, std::string>> wrong;
    std::string note;  ///< why this type and tactic; empty when as asked
};

/// What the numerics gate found for one kernel or output.
struct Evidence {
    std::string subject;   ///< user's node names, or output name
    std::string checked;   ///< "12 boxes", "all elements", "reference itself"
    double max_error = 0;  ///< max|a−b| / max|b|
    double snr_db = 0;     ///< signal-to-noise, channel means removed
    double tolerance = 0;  ///< bound on `max_error`
    /// Of outputs: rms(a−b) / rms(b), of whole numbers the root of the share that differs; and the bound on it.
    double noise = 0, noise_tolerance = 0;
};

struct Certificate {
    std::string mode;  ///< "boxes", "full" or "off"
    std::vector<Evidence> kernels;
    std::vector<Evidence> outputs;
};

/// Type that one of the user's nodes runs in.
struct Choice {
    std::string node;
    std::string dtype;
    std::string reason;  ///< where it differs from what was asked
};

/// How a device's kernels follow each other when it replays them.
struct Launching {
    bool overlapped =
        false;              ///< a kernel starts while the one in front of it ends, and waits for its results by itself
    bool branched = false;  ///< kernels that do not depend on each other run side by side
    bool operator==(const Launching&) const = default;
};
/// "in a row", "overlapped", "side by side" or "side by side, overlapped".
std::string to_string(const Launching& launching);

/// Schedule for one kind of device.
struct TargetSection {
    std::string backend;
    std::string target;  ///< instruction set or device that the tactics were chosen on
    int threads = 1;
    bool tf32 = false;  ///< products of f32 tensors are rounded to TF32
    std::vector<Slot> slots;
    std::vector<Step> steps;                 ///< in execution order
    std::vector<std::int32_t> inputs;        ///< slot of each graph input; -1 when nothing reads it
    std::vector<std::int32_t> outputs;       ///< slot of each graph output; -1 when the output is a constant
    Launching launching;                     ///< of devices
    std::vector<Launching> launching_wrong;  ///< dropped: the outputs were others than those of the kernels one by one
    std::vector<std::pair<Launching, double>> launching_us;  ///< those measured: microseconds of all that is replayed
    Certificate certificate;
};

/// A network made ready to run: typed graph with its weights, and the schedules.
struct Plan {
    ir::Graph graph;
    std::string precision;                        ///< type that was asked for
    std::map<std::string, InputProfile> profile;  ///< for every graph input
    std::vector<Choice> choices;
    std::vector<TargetSection> targets;
    std::string contract;           ///< pre- and post-processing, as JSON; may be empty
    std::uint64_t source_hash = 0;  ///< of the model file
};

inline constexpr std::uint32_t kFormatVersion = 1;

/// The plan's bytes. Equal plans give equal bytes.
std::vector<std::byte> serialize(const Plan& plan);
/// Writes the plan atomically.
void save(const Plan& plan, const std::filesystem::path& path);

/// Reads a plan; large constants stay views into `bytes`, which `owner` keeps alive. Throws `corrupt_plan` when a
/// checksum, size or version does not match; every byte is covered.
Plan deserialize(std::span<const std::byte> bytes, std::shared_ptr<const void> owner);
/// Whether the bytes begin as a plan does.
bool is_plan(std::span<const std::byte> bytes);
/// Whether the file can be read and begins as a plan does.
bool is_plan(const std::filesystem::path& path);
/// Maps the file and reads it.
Plan load(const std::filesystem::path& path);

}  // namespace fovea::plan
