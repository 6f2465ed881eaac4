#pragma once

#include <optional>
#include <string>

#include "ops/infer.hpp"

namespace fovea::backend::cuda {

/// How an element of this type lies in memory, and how kernels/elements.cuh computes with it; empty where it cannot.
std::string_view memory_type(DType type);
std::string_view held_type(DType type);
/// What such a kernel reads and writes a type as: e4m3 as bytes, between QuantizeLinear and DequantizeLinear alone.
DType element_type(DType type);

/// What an element-wise node does with one element of each of its inputs.
struct ElementCode {
    std::string code;        ///< expression of v0, v1, …: the elements of the inputs by position
    std::size_t inputs = 1;  ///< first inputs that it may read
    bool jumps = false;      ///< small changes of real inputs may change the result much
    /// Of the first input, along which the others lie: vectors or single numbers.
    std::optional<std::int64_t> axis = std::nullopt;
};

/// Nothing where the node is not element-wise or its types have no code.
std::optional<ElementCode> element_code(const ops::ValueTable& values, const ir::Node& node);

}  // namespace fovea::backend::cuda
