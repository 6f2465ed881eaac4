#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace fovea::base {

/// 64-bit XXH3 of a block of bytes; stable across machines and versions.
std::uint64_t hash_bytes(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

}  // namespace fovea::base
