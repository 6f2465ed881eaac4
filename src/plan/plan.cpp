#include "plan/plan.hpp"

#include <array>
#include <cstring>
#include <fstream>

#include "base/checked.hpp"
#include "base/file.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"
#include "plan/container.hpp"
#include "plan/schedule_json.hpp"

namespace fovea::plan {
namespace {

constexpr std::size_t kWeightAlignment = 64;

std::string_view text_of(std::span<const std::byte> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::span<const std::byte> section(const Sections& sections, const std::string& name) {
    const auto it = sections.find(name);
    if (it == sections.end()) throw Error(ErrorCode::corrupt_plan, "the plan has no section \"" + name + "\"");
    return it->second;
}

}  // namespace

std::string to_string(const Launching& launching) {
    if (!launching.branched) return launching.overlapped ? "overlapped" : "in a row";
    return launching.overlapped ? "side by side, overlapped" : "side by side";
}

std::vector<std::byte> serialize(const Plan& plan) {
    std::vector<std::byte> weights;
    const std::string graph = ir::print(plan.graph, [&](const Tensor& tensor) {
        const std::size_t offset = weights.size();
        weights.resize(base::round_up(offset + tensor.bytes(), kWeightAlignment));
        std::memcpy(weights.data() + offset, tensor.raw(), tensor.bytes());
        return static_cast<std::int64_t>(offset);
    });
    const std::string schedule = to_json(plan);
    return write_container({{"graph", std::as_bytes(std::span(graph))},
                            {"schedule", std::as_bytes(std::span(schedule))},
                            {"weights", weights}});
}

void save(const Plan& plan, const std::filesystem::path& path) { base::write_file(path, serialize(plan)); }

Plan deserialize(std::span<const std::byte> bytes, std::shared_ptr<const void> owner) {
    const Sections sections = read_container(bytes);
    const auto weights = section(sections, "weights");
    const auto constant = [&](std::int64_t offset, DType type, const Shape& shape) {
        const Tensor probe(type, shape, nullptr, nullptr);
        if (offset < 0 || offset % kWeightAlignment || static_cast<std::size_t>(offset) > weights.size() ||
            probe.bytes() > weights.size() - static_cast<std::size_t>(offset))
            throw Error(ErrorCode::corrupt_plan, "a constant lies outside the plan's weights");
        return Tensor(type, shape, const_cast<std::byte*>(weights.data()) + offset, owner);
    };
    Plan plan;
    try {
        plan.graph = ir::parse(text_of(section(sections, "graph")), constant);
        ir::verify(plan.graph);
    } catch (const Error& error) {
        throw Error(ErrorCode::corrupt_plan, std::string("the graph cannot be read: ") + error.what());
    }
    from_json(text_of(section(sections, "schedule")), plan);
    return plan;
}

bool is_plan(const std::filesystem::path& path) {
    std::array<char, 8> start{};
    return std::ifstream(path, std::ios::binary).read(start.data(), start.size()) &&
           is_plan(std::as_bytes(std::span(start)));
}

Plan load(const std::filesystem::path& path) {
    const base::MappedFile file = base::map_file(path);
    try {
        return deserialize(file.bytes, file.owner);
    } catch (Error& error) {
        throw error.in(path.string());
    }
}

}  // namespace fovea::plan
