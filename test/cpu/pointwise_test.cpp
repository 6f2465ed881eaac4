#include "backend/cpu/simd/pointwise.hpp"

#include "simd_test.hpp"

namespace fovea::backend::cpu::simd {
namespace {

using Extents = std::vector<std::int64_t>;

double reference_step(const PointwiseStep& s, double a, double b) {
    switch (s.op) {
        case PointwiseOp::add: return a + b;
        case PointwiseOp::subtract: return a - b;
        case PointwiseOp::multiply: return a * b;
        case PointwiseOp::divide: return a / b;
        case PointwiseOp::maximum: return std::max(a, b);
        case PointwiseOp::minimum: return std::min(a, b);
        case PointwiseOp::affine: return s.alpha * a + s.beta;
        case PointwiseOp::activation: return reference_activation(s.activation, s.alpha, s.beta, a);
        case PointwiseOp::absolute: return std::abs(a);
        case PointwiseOp::square: return a * a;
        case PointwiseOp::square_root: return std::sqrt(a);
        case PointwiseOp::reciprocal: return 1 / a;
        case PointwiseOp::exponential: return std::exp(a);
        case PointwiseOp::logarithm: return std::log(a);
        case PointwiseOp::error_function: return std::erf(a);
        case PointwiseOp::sine: return std::sin(a);
        case PointwiseOp::cosine: return std::cos(a);
        case PointwiseOp::floor: return std::floor(a);
        case PointwiseOp::ceiling: return std::ceil(a);
        case PointwiseOp::round: return std::nearbyint(a);
        case PointwiseOp::sign: return a > 0 ? 1 : a < 0 ? -1 : 0;
    }
    return NAN;
}

/// A result of `extents`; `inputs` are their extents, 1 where broadcast; `gap` elements lie between the output's rows.
void check(const Extents& extents, const std::vector<Extents>& inputs, const std::vector<PointwiseStep>& steps,
           DType type, int threads, std::int64_t gap = 0) {
    Pointwise p;
    p.axes = static_cast<int>(extents.size());
    std::copy(extents.begin(), extents.end(), p.extents);
    std::vector<Buffer> buffers;
    for (const Extents& e : inputs) {
        std::int64_t size = 1;
        for (int axis = p.axes - 1; axis >= 0; size *= e[axis--])
            p.inputs[p.input_count].strides[axis] = e[axis] == 1 ? 0 : size;
        buffers.emplace_back(type, size).randomise(static_cast<unsigned>(p.input_count));
        for (std::int64_t i = 0; i < size; i++) buffers.back().set(i, buffers.back().get(i) + 1.5f);
        p.inputs[p.input_count].type = type;
        p.inputs[p.input_count++].data = buffers.back().data();
    }
    for (const PointwiseStep& s : steps) p.steps[p.step_count++] = s;
    p.result = steps.back().to;
    std::int64_t size = 1;
    for (int axis = p.axes - 1; axis >= 0; axis--) {
        p.output_strides[axis] = size;
        size *= extents[axis];
        if (axis == p.axes - 1) size += gap;
    }
    Buffer output(type, size);
    p.output = output.data(), p.output_type = type;
    Pointwise reference = p;
    ASSERT_TRUE(simplify(p));
    pointwise(p, threads);
    ErrorMeasure error;
    std::int64_t count = 1, written = 0;
    for (const std::int64_t e : extents) count *= e;
    for (std::int64_t i = 0; i < count; i++) {
        double registers[Pointwise::kRegisters] = {};
        std::int64_t at = 0;
        for (int input = -1; input < reference.input_count; input++) {
            std::int64_t rest = i, offset = 0;
            const std::int64_t* strides = input < 0 ? reference.output_strides : reference.inputs[input].strides;
            for (int axis = static_cast<int>(extents.size()) - 1; axis >= 0; rest /= extents[axis--])
                offset += rest % extents[axis] * strides[axis];
            if (input < 0)
                at = offset;
            else
                registers[input] = buffers[static_cast<std::size_t>(input)].get(offset);
        }
        for (const PointwiseStep& s : steps) registers[s.to] = reference_step(s, registers[s.a], registers[s.b]);
        error.add(output.get(at), registers[steps.back().to]);
    }
    for (std::int64_t i = 0; i < size; i++) written += !std::isnan(output.get(i));
    EXPECT_EQ(written, count);
    EXPECT_LE(error.value(), tolerance(type, 3e-6));
}

PointwiseStep step(PointwiseOp op, int a, int b, int to) {
    return {op, static_cast<std::uint8_t>(a), static_cast<std::uint8_t>(b), static_cast<std::uint8_t>(to)};
}

TEST(Pointwise, BroadcastsLikeNumPy) {
    const std::vector<PointwiseStep> steps = {step(PointwiseOp::add, 0, 1, 3),
                                              step(PointwiseOp::multiply, 3, 2, 3),
                                              {PointwiseOp::activation, 3, 0, 1, Activation::sigmoid},
                                              step(PointwiseOp::subtract, 1, 0, 4)};
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        SCOPED_TRACE(std::string(target_name()));
        for (const DType type : kStoredTypes)
            for (const int threads : {1, 3}) {
                check({2, 3, 5, 7}, {{2, 3, 5, 7}, {1, 3, 1, 1}, {1, 1, 1, 1}}, steps, type, threads);
                check({2, 9, 11, 19}, {{2, 9, 11, 19}, {1, 1, 1, 19}, {2, 1, 11, 1}}, steps, type, threads);
                check({4000}, {{4000}, {1}, {4000}}, steps, type, threads);
                check({30, 1201}, {{30, 1}, {1, 1201}, {30, 1201}}, steps, type, threads);
                check({3, 40, 33}, {{3, 40, 33}, {1, 1, 33}, {3, 1, 33}}, steps, type, threads, 5);
                check({2, 3, 2, 5, 1, 6}, {{2, 1, 2, 1, 1, 6}, {1, 3, 1, 5, 1, 1}, {2, 3, 2, 5, 1, 6}}, steps, type,
                      threads);
            }
    }
}

TEST(Pointwise, StepsMatchTheirDefinitions) {
    for (const std::int64_t target : targets()) {
        UseTarget use(target);
        for (int op = 0; op <= static_cast<int>(PointwiseOp::sign); op++) {
            SCOPED_TRACE(testing::Message() << target_name() << " op " << op);
            PointwiseStep s = step(static_cast<PointwiseOp>(op), 0, 1, 2);
            s.alpha = -2, s.beta = 0.5f, s.activation = Activation::relu;
            check({5, 67}, {{5, 67}, {1, 67}}, {s}, DType::f32, 1);
        }
    }
}

TEST(Pointwise, ReadsBytes) {
    std::vector<std::uint8_t> bytes(1000);
    for (std::size_t i = 0; i < bytes.size(); i++) bytes[i] = static_cast<std::uint8_t>(i);
    Buffer output(DType::f32, 1000);
    Pointwise p;
    p.axes = 1, p.extents[0] = 1000, p.input_count = 1, p.step_count = 1;
    p.inputs[0] = {bytes.data(), DType::u8, {1}};
    p.steps[0] = {PointwiseOp::affine, 0, 0, 0, Activation::none, 0.5f, -1};
    p.output = output.data(), p.output_strides[0] = 1;
    ASSERT_TRUE(simplify(p));
    pointwise(p, 2);
    for (int i = 0; i < 1000; i++) ASSERT_EQ(output.get(i), 0.5f * static_cast<float>(i % 256) - 1);
}

}  // namespace
}  // namespace fovea::backend::cpu::simd
