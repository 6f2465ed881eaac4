#pragma once

#include "backend/cpu/onednn.hpp"
#include "backend/quantised.hpp"

namespace fovea::backend::cpu {

/// Attributes and arguments of a quantised oneDNN convolution or matrix product: scales and zero points, and the steps
/// as post-operations.
struct QuantisedAttributes {
    dnnl::primitive_attr attr;
    std::vector<Binding> bindings;
};

/// `weights_mask`: oneDNN's mask of the weights' axis that has one scale each. `operand` describes an operand of a
/// step.
QuantisedAttributes quantised_attributes(const RegionContext& context, const Quantisation& source,
                                         const std::vector<float>& weight_scales, int weights_mask,
                                         const QuantisedChain& chain,
                                         const std::function<dnnl::memory::desc(ir::ValueId)>& operand);

/// A constant argument of f32 numbers.
Binding constant_vector(int argument, const std::vector<float>& numbers, const dnnl::memory::dims& dims);

/// Whether oneDNN has a kernel of its own for this, not its slow reference.
bool is_fast(const std::string& implementation);

}  // namespace fovea::backend::cpu
