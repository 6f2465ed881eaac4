#pragma once

#include <cstddef>
#include <cstdint>

/// Bounds that keep a hostile or broken file from costing more than a second or a few megabytes.
namespace fovea::base::limits {

inline constexpr std::int64_t kMaxNodes = 200'000;                ///< nodes of a model, function bodies expanded
inline constexpr int kMaxRank = 16;                               ///< dimensions of a tensor
inline constexpr std::int64_t kMaxElements = 1LL << 36;           ///< elements of one tensor
inline constexpr int kMaxNesting = 16;                            ///< If/Loop/Scan bodies and function calls
inline constexpr std::int64_t kMaxIterations = 1LL << 24;         ///< of one Loop
inline constexpr std::int64_t kFoldElements = 1LL << 22;          ///< largest constant that folding may create
inline constexpr std::int64_t kFoldExpandedElements = 1LL << 16;  ///< largest one that a fill or repetition may create
inline constexpr std::int64_t kFoldTotalBytes = 1LL << 28;        ///< sum of the constants that folding may create
inline constexpr std::int64_t kFoldWork = 1LL << 26;  ///< elements and multiply-adds that folding may compute
inline constexpr std::size_t kMaxNameBytes = 4096;    ///< one tensor or node name

}  // namespace fovea::base::limits
