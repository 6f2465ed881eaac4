#include "backend/cuda/epilogue_code.hpp"

#include <algorithm>

#include "backend/cuda/source.hpp"
#include "backend/family.hpp"
#include "base/hash.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {
namespace {

/// Whether `axis` of `shape` is the only axis along which `operand` has more than one element.
bool per_channel(const Shape& operand, const Shape& shape, std::size_t axis) {
    if (operand.size() > shape.size()) return false;
    const std::size_t missing = shape.size() - operand.size();
    if (axis < missing || operand[axis - missing] != shape[axis]) return false;
    return base::element_count(operand) == shape[axis];
}

PackedConstants::Block accounted_upload(const Target& target, const RegionContext& context,
                                        std::span<const std::byte> content) {
    context.packed->account(content.size());
    return target.device->upload(content);
}

}  // namespace

std::string constant_key(const RegionContext& context, const std::string& name) {
    return "cuda/" + name + "/" + std::to_string(context.region.nodes.empty() ? -1 : context.region.nodes[0]);
}

PackedConstants::Block device_constant(const Target& target, const RegionContext& context, const std::string& name,
                                       std::span<const std::byte> content) {
    if (!context.packed) return target.device->upload(content);
    return context.packed->get(constant_key(context, name) + "/" + std::to_string(base::hash_bytes(content)),
                               [&] { return accounted_upload(target, context, content); });
}

PackedConstants::Block device_constant(const Target& target, const RegionContext& context, const std::string& name,
                                       const std::function<std::vector<std::byte>()>& pack) {
    if (!context.packed) return target.device->upload(pack());
    return context.packed->get(constant_key(context, name), [&] { return accounted_upload(target, context, pack()); });
}

namespace {

bool accepts(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain, bool rows) {
    const auto rank = context.shape(chain)->size();
    if (rank == 0) return false;
    if (step.kind == EpilogueStep::Kind::affine) return !rows || rank == 2;
    if (step.operand == ir::kNone) return true;
    if (!own_float(context.info(step.operand).dtype)) return false;
    const auto shape = context.shape(chain), operand = context.shape(step.operand);
    if (!shape || !operand) return false;
    if (*operand == *shape) return !context.graph.constant(step.operand);
    if (!context.graph.constant(step.operand)) return false;
    return base::element_count(*operand) == 1 || per_channel(*operand, *shape, rows ? rank - 1 : 1);
}

}  // namespace

bool accepts_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    return accepts(context, step, chain, false);
}

bool accepts_row_step(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    return accepts(context, step, chain, true);
}

EpilogueCode::EpilogueCode(const Target& target, const RegionContext& context, const Tactic& tactic,
                           const Epilogue& epilogue, const std::vector<float>& bias) {
    const Place place{target, context, tactic};
    std::string loads, members;
    const auto each = [&](const std::string& value) { line("for (int i = 0; i < N; ++i) x[i] = " + value + ";"); };
    if (!bias.empty()) {
        line(channels(place, bias));
        each("x[i] + y[i]; }");
    }
    for (const EpilogueStep& step : epilogue.steps) {
        switch (step.kind) {
            case EpilogueStep::Kind::activation:
                each("[](float v) { return " + activation_code(step) + "; }(x[i])");
                break;
            case EpilogueStep::Kind::affine:
                line(channels(place, step.scale.to_float()));
                each("x[i] * y[i]; }");
                line(channels(place, step.shift.to_float()));
                each("x[i] + y[i]; }");
                break;
            case EpilogueStep::Kind::cast: break;  // done on storing
            case EpilogueStep::Kind::add:
            case EpilogueStep::Kind::mul:
                line(operand(place, step, epilogue.result, members, loads));
                each(step.kind == EpilogueStep::Kind::add ? "x[i] + y[i]; }" : "x[i] * y[i]; }");
                break;
        }
    }
    text_ =
        "/// Vectors of tensors that the epilogue reads.\n"
        "template <int N>\nstruct Added {\n" +
        members +
        "};\n"
        "template <int N>\n"
        "DEVICE void load_added(Added<N>& added, const EpilogueArgs& args, int row, int channel) {\n" +
        loads +
        "}\n"
        "constexpr bool kAdds = " +
        (members.empty() ? "false" : "true") +
        ";\n"
        "template <int N>\n"
        "DEVICE void epilogue(float (&x)[N], const Added<N>& added, const EpilogueArgs& args, int row, int channel) "
        "{\n" +
        text_ +
        "}\n"
        "template <int N>\n"
        "DEVICE void epilogue(float (&x)[N], const EpilogueArgs& args, int row, int channel) {\n"
        "    Added<N> added;\n    load_added(added, args, row, channel);\n"
        "    epilogue(x, added, args, row, channel);\n}\n";
}

/// Opens a block in which y[] holds the channels' numbers.
std::string EpilogueCode::channels(const Place& place, const std::vector<float>& values) {
    const std::string i = std::to_string(operands_.size());
    Operand operand;
    operand.constant = device_constant(place.target, place.context, "epilogue " + i, std::as_bytes(std::span(values)));
    operand.pitch = static_cast<std::int64_t>(values.size());
    operands_.push_back(std::move(operand));
    return "{ float y[N]; load_vector(y, static_cast<const float*>(args.operands[" + i + "]) + channel);";
}

/// Opens a block in which y[] holds the step's operand.
std::string EpilogueCode::operand(const Place& place, const EpilogueStep& step, ir::ValueId result,
                                  std::string& members, std::string& loads) {
    if (const Tensor* constant = place.context.constant(step.operand)) {
        const auto values = constant->to_float();
        if (values.size() == 1) return "{ float y[N]; for (int i = 0; i < N; ++i) y[i] = " + literal(values[0]) + ";";
        return channels(place, values);
    }
    const std::size_t input = place.context.input_index(step.operand);
    const TensorDesc desc = place.context.input_desc(input, place.tactic);
    if (desc.shape != place.context.shape(result))
        throw Error(ErrorCode::unsupported, "an operand of another shape than the result");
    Operand operand;
    operand.input = input;
    operand.pitch = desc.pitch;
    operand.offset = offset_of(place.context.input_offsets, input);
    operands_.push_back(std::move(operand));
    const std::string i = std::to_string(operands_.size() - 1);
    const std::string type(type_name(desc.dtype)), vector = "Vector<" + type + ", N>", name = "t" + i;
    members += "    " + vector + " " + name + ";\n";
    loads += "    added." + name + " = *reinterpret_cast<const " + vector + "*>(static_cast<const " + type +
             "*>(args.operands[" + i + "]) + static_cast<long long>(row) * args.pitches[" + i + "] + channel);\n";
    return "{ float y[N]; load_vector(y, added." + name + ".v);";
}

int EpilogueCode::width(int most) const {
    for (const Operand& operand : operands_) most = common_width(most, {operand.pitch, operand.offset});
    return most;
}

void EpilogueCode::bind(EpilogueArgs& target, const KernelArgs& args) const {
    for (std::size_t i = 0; i < operands_.size(); ++i) {
        target.operands[i] = operands_[i].constant ? operands_[i].constant.get() : args.inputs[operands_[i].input];
        target.pitches[i] = static_cast<int>(operands_[i].pitch);
    }
}

std::string activation_code(const EpilogueStep& step) {
    const std::string a = literal(step.alpha), b = literal(step.beta);
    switch (step.activation) {
        case Activation::none: return "v";
        case Activation::relu: return "fmaxf(v, 0.0f)";
        case Activation::leaky_relu: return "v > 0.0f ? v : v * " + a;
        case Activation::elu: return "v > 0.0f ? v : exp_minus_1(v) * " + a;
        case Activation::sigmoid: return "sigmoid(v)";
        case Activation::tanh: return "tanhf(v)";
        case Activation::swish: return "v * sigmoid(v * " + a + ")";
        case Activation::hard_swish: return "v * fminf(fmaxf(v * (1.0f / 6.0f) + 0.5f, 0.0f), 1.0f)";
        case Activation::hard_sigmoid: return "fminf(fmaxf(v * " + a + " + " + b + ", 0.0f), 1.0f)";
        case Activation::gelu_erf: return "gelu_erf(v)";
        case Activation::gelu_tanh: return "gelu_tanh(v)";
        case Activation::clip: return "fminf(fmaxf(v, " + a + "), " + b + ")";
        case Activation::softplus: return "softplus(v)";
        case Activation::mish: return "v * tanhf(softplus(v))";
        case Activation::reciprocal: return "1.0f / v";
    }
    return "v";
}

int common_width(int most, std::initializer_list<std::int64_t> numbers) {
    for (const std::int64_t number : numbers)
        while (number % most != 0) most /= 2;
    return most;
}

std::int64_t offset_of(const std::vector<std::int64_t>& offsets, std::size_t i) {
    return i < offsets.size() ? offsets[i] : 0;
}

}  // namespace fovea::backend::cuda
