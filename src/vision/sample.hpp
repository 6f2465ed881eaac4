#pragma once

#include <cstdint>

#include "base/tensor.hpp"
#include "vision/contract.hpp"

namespace fovea::vision {

/// A made-up input for checks where no real one is at hand: pictures of soft colours with hard-edged rectangles on
/// them, as `to_tensor` prepares pictures, so that values lie where the network expects them. `shape` is that of the
/// network's input, one picture for each batch entry; the same seed gives the same pictures. Throws `invalid_argument`
/// when the shape's channels are not the contract's.
Tensor sample_input(const InputContract& contract, const Shape& shape, std::uint32_t seed);

}  // namespace fovea::vision
