#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::backend::cuda {

// What was compiled on this machine, in files of FOVEA_CUDA_CACHE, or of the user's cache folder where that is not set.

/// A name for whatever `text` describes in full.
std::string cache_key(std::string_view text);

/// What `write_cached` was given; empty where there is no such file, or one that cannot be read or is damaged.
std::vector<char> read_cached(const std::string& name);

/// Does nothing where it cannot: that costs the next build a compilation.
void write_cached(const std::string& name, const std::vector<char>& content);

}  // namespace fovea::backend::cuda
