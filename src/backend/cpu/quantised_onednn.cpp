#include "backend/cpu/quantised_onednn.hpp"

namespace fovea::backend::cpu {
namespace {

using dnnl::memory;

Binding constant_integer(int argument, std::int32_t number) {
    const Tensor tensor = Tensor::from<std::int32_t>({1}, std::vector{number});
    return {argument,
            Binding::Source::constant,
            0,
            memory::desc({1}, memory::data_type::s32, memory::dims{1}),
            {std::make_shared<Tensor>(tensor), tensor.raw()}};
}

}  // namespace

Binding constant_vector(int argument, const std::vector<float>& numbers, const memory::dims& dims) {
    const Tensor tensor = Tensor::from<float>({static_cast<std::int64_t>(numbers.size())}, numbers);
    const Shape strides = base::row_major_strides(dims);
    return {argument,
            Binding::Source::constant,
            0,
            memory::desc(dims, memory::data_type::f32, memory::dims(strides.begin(), strides.end())),
            {std::make_shared<Tensor>(tensor), tensor.raw()}};
}

bool is_fast(const std::string& implementation) { return implementation.find("ref") == std::string::npos; }

QuantisedAttributes quantised_attributes(const RegionContext& context, const Quantisation& source,
                                         const std::vector<float>& weight_scales, int weights_mask,
                                         const QuantisedChain& chain,
                                         const std::function<memory::desc(ir::ValueId)>& operand) {
    QuantisedAttributes result;
    const auto scale = [&](int argument, const std::vector<float>& numbers, int mask) {
        result.attr.set_scales_mask(argument, mask);
        result.bindings.push_back(
            constant_vector(DNNL_ARG_ATTR_SCALES | argument, numbers, {static_cast<std::int64_t>(numbers.size())}));
    };
    const auto zero = [&](int argument, std::int32_t number) {
        if (number == 0) return;
        result.attr.set_zero_points_mask(argument, 0);
        result.bindings.push_back(constant_integer(DNNL_ARG_ATTR_ZERO_POINTS | argument, number));
    };
    scale(DNNL_ARG_SRC, {source.scale}, 0);
    zero(DNNL_ARG_SRC, source.zero);
    scale(DNNL_ARG_WEIGHTS, weight_scales, weight_scales.size() == 1 ? 0 : weights_mask);
    if (chain.target) {
        scale(DNNL_ARG_DST, {chain.target->scale}, 0);
        zero(DNNL_ARG_DST, chain.target->zero);
    }

    dnnl::post_ops list;
    for (const QuantisedStep& step : chain.steps) {
        if (step.step.kind == EpilogueStep::Kind::activation) {
            append_activation(list, step.step);
            continue;
        }
        // A stored operand q is added in its own units: ((y / s - z) + q) · s.
        if (step.operand)
            list.append_eltwise(dnnl::algorithm::eltwise_linear, 1 / step.operand->scale,
                                -static_cast<float>(step.operand->zero));
        const memory::desc desc = operand(step.step.operand);
        const int argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(list.len()) | DNNL_ARG_SRC_1;
        list.append_binary(
            step.step.kind == EpilogueStep::Kind::add ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul,
            desc);
        result.bindings.push_back(
            {argument, Binding::Source::input, context.input_index(step.step.operand), desc, nullptr});
        if (step.operand) list.append_eltwise(dnnl::algorithm::eltwise_linear, step.operand->scale, 0);
    }
    result.attr.set_post_ops(list);
    result.attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return result;
}

}  // namespace fovea::backend::cpu
