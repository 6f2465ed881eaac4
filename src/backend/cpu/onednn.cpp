#include "backend/cpu/onednn.hpp"

#include <dnnl.h>

#include <algorithm>
#include <string_view>

#include "base/hash.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cpu {

using dnnl::memory;

const dnnl::engine& engine() {
    static const dnnl::engine instance(dnnl::engine::kind::cpu, 0);
    return instance;
}

std::string instruction_set() {
    switch (dnnl::get_effective_cpu_isa()) {
        case dnnl::cpu_isa::sse41: return "x86-64 sse41";
        case dnnl::cpu_isa::avx: return "x86-64 avx";
        case dnnl::cpu_isa::avx2: return "x86-64 avx2";
        case dnnl::cpu_isa::avx2_vnni: return "x86-64 avx2_vnni";
        case dnnl::cpu_isa::avx512_core: return "x86-64 avx512_core";
        case dnnl::cpu_isa::avx512_core_vnni: return "x86-64 avx512_core_vnni";
        case dnnl::cpu_isa::avx512_core_bf16: return "x86-64 avx512_core_bf16";
        case dnnl::cpu_isa::avx512_core_fp16: return "x86-64 avx512_core_fp16";
        case dnnl::cpu_isa::avx512_core_amx: return "x86-64 avx512_core_amx";
        case dnnl::cpu_isa::avx512_core_amx_fp16: return "x86-64 avx512_core_amx_fp16";
        default: return "generic";
    }
}

namespace {

/// The sets are masks: each holds the bits of those that it includes.
bool has(dnnl::cpu_isa set) {
    const auto bits = static_cast<unsigned>(set);
    return (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & bits) == bits;
}

}  // namespace

bool has_amx() { return has(dnnl::cpu_isa::avx512_core_amx); }

bool onednn_float(DType type) {
    return type == DType::f32 || type == DType::bf16 || (type == DType::f16 && has(dnnl::cpu_isa::avx512_core_fp16));
}

memory::data_type to_dnnl(DType type) {
    switch (type) {
        case DType::f32: return memory::data_type::f32;
        case DType::bf16: return memory::data_type::bf16;
        case DType::f16: return memory::data_type::f16;
        case DType::i8: return memory::data_type::s8;
        case DType::u8: return memory::data_type::u8;
        case DType::i32: return memory::data_type::s32;
        default:
            throw Error(ErrorCode::unsupported, "oneDNN has no element type " + std::string(fovea::to_string(type)));
    }
}

memory::desc to_dnnl(const TensorDesc& desc) {
    const Shape& shape = desc.shape;
    if (shape.empty()) return memory::desc({1}, to_dnnl(desc.dtype), memory::dims{1});
    memory::dims strides(shape.size());
    const std::size_t last = shape.size() - 1;
    if (desc.layout == Layout::channels_last) {
        strides[1] = 1;
        strides[last] = desc.pitch;
        for (std::size_t i = last; i-- > 2;) strides[i] = strides[i + 1] * shape[i + 1];
        strides[0] = strides[2] * shape[2];
    } else {
        strides[last] = 1;
        if (last > 0) strides[last - 1] = desc.pitch;
        for (std::size_t i = last; i-- > 1;) strides[i - 1] = strides[i] * shape[i];
    }
    return memory::desc(memory::dims(shape.begin(), shape.end()), to_dnnl(desc.dtype), strides);
}

Eltwise eltwise(const EpilogueStep& step) {
    using dnnl::algorithm;
    switch (step.activation) {
        case Activation::relu: return {algorithm::eltwise_relu, 0, 0};
        case Activation::leaky_relu: return {algorithm::eltwise_relu, step.alpha, 0};
        case Activation::elu: return {algorithm::eltwise_elu, step.alpha, 0};
        case Activation::sigmoid: return {algorithm::eltwise_logistic, 0, 0};
        case Activation::tanh: return {algorithm::eltwise_tanh, 0, 0};
        case Activation::swish: return {algorithm::eltwise_swish, step.alpha, 0};
        case Activation::hard_swish: return {algorithm::eltwise_hardswish, step.alpha, step.beta};
        case Activation::hard_sigmoid: return {algorithm::eltwise_hardsigmoid, step.alpha, step.beta};
        case Activation::gelu_erf: return {algorithm::eltwise_gelu_erf, 0, 0};
        case Activation::gelu_tanh: return {algorithm::eltwise_gelu_tanh, 0, 0};
        case Activation::clip: return {algorithm::eltwise_clip, step.alpha, step.beta};
        case Activation::softplus: return {algorithm::eltwise_soft_relu, 1, 0};
        case Activation::mish: return {algorithm::eltwise_mish, 0, 0};
        case Activation::reciprocal: return {algorithm::eltwise_pow, 1, -1};
        case Activation::none: break;
    }
    return {algorithm::eltwise_linear, 1, 0};
}

namespace {

class OneDnnState final : public KernelState {
  public:
    OneDnnState(const std::vector<Binding>& bindings) : stream(engine()) {
        for (const Binding& binding : bindings) {
            void* data = binding.block ? const_cast<std::byte*>(binding.block.get()) : nullptr;
            memories.emplace_back(binding.desc, engine(), data);
            arguments.push_back({binding.argument, memories.back().get()});
        }
    }
    dnnl::stream stream;
    std::vector<memory> memories;
    std::vector<dnnl_exec_arg_t> arguments;
};

class OneDnnKernel final : public Kernel {
  public:
    OneDnnKernel(dnnl::primitive primitive, std::size_t scratch, std::string implementation,
                 std::vector<Binding> bindings)
        : primitive_(std::move(primitive)),
          scratch_(scratch),
          implementation_(std::move(implementation)),
          bindings_(std::move(bindings)) {}

    [[nodiscard]] std::unique_ptr<KernelState> make_state() const override {
        return std::make_unique<OneDnnState>(bindings_);
    }

    void run(const KernelArgs& args) const override {
        auto& state = static_cast<OneDnnState&>(*args.state);
        for (std::size_t i = 0; i < bindings_.size(); ++i) {
            const Binding& binding = bindings_[i];
            if (binding.source == Binding::Source::constant) continue;
            std::byte* data = args.workspace;
            if (binding.source == Binding::Source::input) data = const_cast<std::byte*>(args.inputs[binding.index]);
            if (binding.source == Binding::Source::output) data = args.outputs[binding.index];
            dnnl_memory_set_data_handle(state.memories[i].get(), data);
        }
        const dnnl_status_t status = dnnl_primitive_execute(
            primitive_.get(), state.stream.get(), static_cast<int>(state.arguments.size()), state.arguments.data());
        if (status != dnnl_success)
            throw Error(ErrorCode::internal,
                        "oneDNN failed with status " + std::to_string(status) + " in " + implementation_);
    }

    [[nodiscard]] std::size_t workspace_bytes() const override { return scratch_; }
    [[nodiscard]] std::string implementation() const override { return implementation_; }

  private:
    dnnl::primitive primitive_;
    std::size_t scratch_;
    std::string implementation_;
    std::vector<Binding> bindings_;
};

/// Text that names a memory layout; equal descriptions give equal texts.
std::string layout_key(const memory::desc& desc) {
    std::string key = std::to_string(static_cast<int>(desc.get_data_type())) + ":" + std::to_string(desc.get_size());
    for (const auto& list :
         {desc.get_dims(), desc.get_padded_dims(), desc.get_strides(), desc.get_inner_blks(), desc.get_inner_idxs()}) {
        key += "|";
        for (const auto number : list) key += std::to_string(number) + ",";
    }
    return key;
}

}  // namespace

void append_activation(dnnl::post_ops& list, const EpilogueStep& step) {
    const Eltwise e = eltwise(step);
    list.append_eltwise(e.kind, e.alpha, e.beta);
}

namespace {

/// · scale + shift with one number per channel.
void append_affine(const RegionContext& context, dnnl::post_ops& list, const EpilogueStep& step,
                   std::vector<Binding>& constants) {
    memory::dims dims(context.shape(context.region.outputs[0]).size(), 1);
    dims[1] = step.scale.size();
    const Shape strides = base::row_major_strides(dims);
    const memory::desc desc(dims, memory::data_type::f32, memory::dims(strides.begin(), strides.end()));
    for (const auto& [algorithm, tensor] :
         {std::pair{dnnl::algorithm::binary_mul, step.scale}, {dnnl::algorithm::binary_add, step.shift}}) {
        const int argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(list.len()) | DNNL_ARG_SRC_1;
        list.append_binary(algorithm, desc);
        constants.push_back(
            {argument, Binding::Source::constant, 0, desc, {std::make_shared<Tensor>(tensor), tensor.raw()}});
    }
}

}  // namespace

PostOps post_ops(const RegionContext& context, const Tactic& tactic, const Epilogue& epilogue) {
    dnnl::post_ops list;
    PostOps result;
    for (const EpilogueStep& step : epilogue.steps) {
        if (step.kind == EpilogueStep::Kind::cast) continue;
        if (step.kind == EpilogueStep::Kind::activation) {
            append_activation(list, step);
            continue;
        }
        if (step.kind == EpilogueStep::Kind::affine) {
            append_affine(context, list, step, result.constants);
            continue;
        }
        const std::size_t input = context.input_index(step.operand);
        TensorDesc desc = context.input_desc(input, tactic);
        const std::size_t rank = context.shape(context.region.outputs[0]).size();
        desc.shape.insert(desc.shape.begin(), rank - desc.shape.size(), 1);
        const int argument = DNNL_ARG_ATTR_MULTIPLE_POST_OP(list.len()) | DNNL_ARG_SRC_1;
        list.append_binary(
            step.kind == EpilogueStep::Kind::add ? dnnl::algorithm::binary_add : dnnl::algorithm::binary_mul,
            to_dnnl(desc));
        result.operands.emplace_back(argument, step.operand);
    }
    result.attr.set_post_ops(list);
    result.attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    return result;
}

bool accepts_cast(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    if (step.kind != EpilogueStep::Kind::cast) return true;
    const ir::Node& cast = context.graph.node(context.sole_consumer(chain));
    const DType written = context.info(cast.outputs[0]).dtype;
    return written == DType::f32 || written == context.info(chain).dtype;
}

bool accepts_post_op(const MatchContext& context, const EpilogueStep& step, ir::ValueId chain) {
    if (!accepts_cast(context, step, chain) || step.activation == Activation::reciprocal) return false;
    if (step.operand == ir::kNone) return true;
    if (!onednn_float(context.info(step.operand).dtype)) return false;
    const auto shape = context.shape(chain), operand = context.shape(step.operand);
    if (!operand) return false;
    // Full tensors and per-channel vectors are what oneDNN fuses without falling back to its reference.
    if (*operand == *shape) return !context.info(step.operand).constant;
    std::int64_t elements = base::element_count(*operand);
    if (elements == 1) return true;
    return operand->size() + 1 >= shape->size() && operand->size() >= shape->size() - 1 && elements == (*shape)[1] &&
           (*operand)[operand->size() - shape->size() + 1] == elements;
}

void avoid_wrong_tiles(dnnl::convolution_forward::primitive_desc& desc, const Shape& weights,
                       const std::vector<std::int64_t>& pads_begin, const std::vector<std::int64_t>& pads_end) {
    const auto zero = [](std::int64_t pad) { return pad == 0; };
    const auto row = static_cast<std::int64_t>(64 / memory::data_type_size(desc.src_desc().get_data_type()));
    const bool fills_rows_together = weights.back() % 4 == 0 || weights.back() * weights[1] % row == 0;
    if (!fills_rows_together || weights[1] % row == 0 || !std::all_of(pads_begin.begin(), pads_begin.end(), zero) ||
        !std::all_of(pads_end.begin(), pads_end.end(), zero))
        return;
    while (std::string_view(desc.impl_info_str()).find("amx") != std::string_view::npos)
        if (!desc.next_impl())
            throw Error(ErrorCode::unsupported, "oneDNN has only its AMX kernel, which is wrong for this convolution");
}

std::unique_ptr<Kernel> make_onednn_kernel(dnnl::primitive primitive, const memory::desc& scratchpad,
                                           std::string implementation, std::vector<Binding> bindings) {
    const std::size_t bytes = scratchpad.get_size();
    if (bytes) bindings.push_back({DNNL_ARG_SCRATCHPAD, Binding::Source::scratchpad, 0, scratchpad, nullptr});
    return std::make_unique<OneDnnKernel>(std::move(primitive), bytes, std::move(implementation), std::move(bindings));
}

std::unique_ptr<Kernel> reorder(const TensorDesc& from, const TensorDesc& to) {
    TensorDesc source = from, target = to;
    if (from.dtype == to.dtype) {
        // A change of layout moves words; the type only has to have their width.
        const std::size_t width = element_bytes(from.dtype);
        if (width == 8 || (width == 2 && from.dtype != DType::bf16 && from.dtype != DType::f16)) return nullptr;
        const DType word = width == 4 ? DType::f32 : width == 1 ? DType::u8 : DType::bf16;
        source.dtype = target.dtype = word;
    }
    dnnl::primitive_attr attr;
    attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
    const dnnl::reorder::primitive_desc desc(engine(), to_dnnl(source), engine(), to_dnnl(target), attr);
    return make_onednn_kernel(dnnl::reorder(desc), desc.scratchpad_desc(), desc.impl_info_str(),
                              {{DNNL_ARG_SRC, Binding::Source::input, 0, to_dnnl(source), nullptr},
                               {DNNL_ARG_DST, Binding::Source::output, 0, to_dnnl(target), nullptr}});
}

PackedConstants::Block pack(const RegionContext& context, const std::string& name, const Tensor& tensor,
                            const memory::desc& from, const memory::desc& to) {
    const auto make = [&]() -> PackedConstants::Block {
        if (from == to) return {std::make_shared<Tensor>(tensor), tensor.raw()};
        auto block = PackedConstants::allocate(to.get_size());
        if (context.packed) context.packed->account(to.get_size());
        const memory source(from, engine(), const_cast<std::byte*>(tensor.raw()));
        const memory target(to, engine(), block.get());
        dnnl::stream stream(engine());
        dnnl::reorder(source, target).execute(stream, const_cast<memory&>(source), const_cast<memory&>(target));
        stream.wait();
        return block;
    };
    if (!context.packed) return make();
    return context.packed->get(name + "@" + layout_key(to), make);
}

}  // namespace fovea::backend::cpu
