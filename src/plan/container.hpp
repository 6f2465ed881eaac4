#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace fovea::plan {

/// A file of named sections, each 64-byte aligned and under a checksum; docs/plan_format.md has the layout.
using Sections = std::map<std::string, std::span<const std::byte>>;

std::vector<std::byte> write_container(const std::vector<std::pair<std::string, std::span<const std::byte>>>& sections);

/// Verifies everything and returns views into `bytes`; throws `corrupt_plan`.
Sections read_container(std::span<const std::byte> bytes);

}  // namespace fovea::plan
