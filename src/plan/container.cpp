#include "plan/container.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "base/checked.hpp"
#include "base/hash.hpp"
#include "fovea/error.hpp"
#include "plan/plan.hpp"

namespace fovea::plan {
namespace {

constexpr std::array<char, 8> kMagic = {'f', 'o', 'v', 'e', 'a', 'p', 'l', 'n'};
constexpr std::size_t kAlignment = 64;
constexpr std::uint32_t kMaxSections = 64;

/// All numbers little-endian.
struct Header {
    std::array<char, 8> magic;
    std::uint32_t version;
    std::uint32_t section_count;
    std::uint64_t file_bytes;
    std::uint64_t hash;  ///< of header and section table, with this field zero
    std::array<char, 32> reserved;
};
struct Entry {
    std::array<char, 32> name;
    std::uint64_t offset, bytes, hash, reserved;
};
static_assert(sizeof(Header) == 64 && sizeof(Entry) == 64);

[[noreturn]] void corrupt(const std::string& message) {
    throw Error(ErrorCode::corrupt_plan, message + "; build the plan again");
}

std::uint64_t table_hash(Header header, std::span<const Entry> entries) {
    header.hash = 0;
    return base::hash_bytes(std::as_bytes(entries), base::hash_bytes(std::as_bytes(std::span(&header, 1))));
}

bool all_zero(std::span<const std::byte> bytes) {
    return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

}  // namespace

bool is_plan(std::span<const std::byte> bytes) {
    return bytes.size() >= kMagic.size() && std::memcmp(bytes.data(), kMagic.data(), kMagic.size()) == 0;
}

std::vector<std::byte> write_container(
    const std::vector<std::pair<std::string, std::span<const std::byte>>>& sections) {
    std::vector<Entry> entries;
    std::size_t offset = sizeof(Header) + sections.size() * sizeof(Entry);
    for (const auto& [name, bytes] : sections) {
        Entry entry{};
        std::memcpy(entry.name.data(), name.data(), std::min(name.size(), entry.name.size() - 1));
        entry.offset = offset;
        entry.bytes = bytes.size();
        entry.hash = base::hash_bytes(bytes);
        entries.push_back(entry);
        offset = base::round_up(offset + bytes.size(), kAlignment);
    }
    Header header{kMagic, kFormatVersion, static_cast<std::uint32_t>(sections.size()), offset, 0, {}};
    header.hash = table_hash(header, entries);
    std::vector<std::byte> file(offset);
    std::memcpy(file.data(), &header, sizeof header);
    if (!entries.empty()) std::memcpy(file.data() + sizeof header, entries.data(), entries.size() * sizeof(Entry));
    for (std::size_t i = 0; i < sections.size(); ++i)
        if (!sections[i].second.empty())
            std::memcpy(file.data() + entries[i].offset, sections[i].second.data(), sections[i].second.size());
    return file;
}

Sections read_container(std::span<const std::byte> bytes) {
    Header header;
    if (bytes.size() < sizeof header) corrupt("the file is shorter than a plan's header");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.magic != kMagic) corrupt("the file does not begin like a fovea plan");
    if (header.version != kFormatVersion)
        corrupt("the plan has format version " + std::to_string(header.version) + ", this fovea reads version " +
                std::to_string(kFormatVersion));
    if (header.file_bytes != bytes.size())
        corrupt("the plan should have " + std::to_string(header.file_bytes) + " bytes, found " +
                std::to_string(bytes.size()));
    if (header.section_count > kMaxSections || sizeof header + header.section_count * sizeof(Entry) > bytes.size())
        corrupt("the section table does not fit into the file");
    std::vector<Entry> entries(header.section_count);
    if (!entries.empty()) std::memcpy(entries.data(), bytes.data() + sizeof header, entries.size() * sizeof(Entry));
    if (header.hash != table_hash(header, entries)) corrupt("the checksum of the section table does not match");
    Sections sections;
    std::size_t end = sizeof header + entries.size() * sizeof(Entry);
    for (const Entry& entry : entries) {
        if (entry.offset < end || entry.offset > bytes.size() || entry.bytes > bytes.size() - entry.offset)
            corrupt("a section lies outside the file");
        if (!all_zero(bytes.subspan(end, entry.offset - end))) corrupt("the space between two sections is not empty");
        const auto content = bytes.subspan(entry.offset, entry.bytes);
        const std::string name(entry.name.data(), strnlen(entry.name.data(), entry.name.size()));
        if (base::hash_bytes(content) != entry.hash) corrupt("the checksum of section \"" + name + "\" does not match");
        sections[name] = content;
        end = entry.offset + entry.bytes;
    }
    if (!all_zero(bytes.subspan(end))) corrupt("the space behind the last section is not empty");
    return sections;
}

}  // namespace fovea::plan
