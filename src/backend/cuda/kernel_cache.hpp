#pragma once

#include <string>
#include <vector>

namespace fovea::backend::cuda {

// What was compiled on this machine, in files of FOVEA_CUDA_CACHE, or of the user's cache folder where that is not set.

/// A name for whatever `text` describes in full.
std::string cache_key(const std::string& text);

/// The file's content; empty where there is no such file, or no folder.
std::vector<char> read_cached(const std::string& name);

/// Does nothing where it cannot: that costs the next build a compilation.
void write_cached(const std::string& name, const std::vector<char>& content);

}  // namespace fovea::backend::cuda
