#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/image.hpp"
#include "fovea/engine.hpp"
#include "npz.hpp"
#include "vision/contract.hpp"
#include "vision/decode.hpp"

namespace fovea::cli {

/// The contract in `file`, or the plan's own where `file` is empty, as `image_contract` reads it. Throws
/// `invalid_argument` when there is none.
vision::Contract contract_for(const Engine& engine, const std::filesystem::path& file);

/// What a plan finds in one image.
struct Seen {
    Image image;  ///< as decoded
    Tensors outputs;
    vision::Findings findings;  ///< for each task of the contract
};

/// Reads, prepares, runs and decodes.
Seen look(const Engine& engine, Context& context, const vision::Contract& contract, const std::filesystem::path& image);

/// The image as the network's input.
Tensors image_input(const vision::Contract& contract, const Image& image);

/// Whether the extension is that of an image that fovea reads.
bool is_image(const std::filesystem::path& path);

}  // namespace fovea::cli
