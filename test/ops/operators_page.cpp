/// Prints docs/operators.md: which operators run on which backend with which element types. Each operator is tried with
/// its cases (test/ops/data), their first input that is no condition in every element type.
///
/// usage: operators_page > docs/operators.md

#include <algorithm>
#include <cstdio>
#include <map>
#include <set>

#include "backend/cpu/cpu.hpp"
#include "backend/cuda/cuda.hpp"
#include "base/dispatch.hpp"
#include "fovea/error.hpp"
#include "ops/cases.hpp"
#include "ops/counted.hpp"
#include "ops/evaluate.hpp"

namespace fovea::test {
namespace {

constexpr DType kTypes[] = {DType::f32, DType::bf16, DType::f16, DType::f64, DType::i8,  DType::u8,     DType::i16,
                            DType::u16, DType::i32,  DType::u32, DType::i64, DType::u64, DType::boolean};

/// The case with `type` in place of the type of its first input that is no condition; nothing when it has no input.
std::optional<OperatorCase> retyped(const OperatorCase& one, DType type) {
    OperatorCase result = one;
    DType original = DType::undefined;
    for (const ir::ValueId id : one.node().inputs) {
        if (id != ir::kNone) original = one.graph.value(id).dtype;
        if (id != ir::kNone && original != DType::boolean) break;
    }
    if (original == DType::undefined) return std::nullopt;
    for (ir::ValueId id = 0; id < result.graph.value_count(); ++id) {
        ir::Value& value = result.graph.value(id);
        if (value.dtype != original) continue;
        value.dtype = type;
        if (value.constant) value.constant = value.constant.cast(type);
    }
    return result;
}

/// The case with all its inputs but the first one constant, as the weights of a network are.
OperatorCase with_weights(const OperatorCase& one) {
    OperatorCase result = one;
    const auto tensors = operands(one);
    for (std::size_t i = 1; i < tensors.size(); ++i) {
        const ir::ValueId id = one.node().inputs[i];
        if (id == ir::kNone || id == one.node().inputs[0]) continue;
        result.graph.value(id).constant = tensors[i];
        std::erase(result.graph.inputs, id);
    }
    return result;
}

/// The case with its first input, where that is a constant, given at run time.
OperatorCase with_input(const OperatorCase& one) {
    OperatorCase result = one;
    const ir::ValueId id = one.node().inputs[0];
    if (id == ir::kNone || !one.graph.constant(id)) return result;
    result.graph.value(id).constant = {};
    result.graph.inputs.push_back(id);
    return result;
}

/// Whether the reference computes the case.
bool has_meaning(const OperatorCase& one) {
    try {
        ops::evaluate(one.node(), operands(one));
        return true;
    } catch (const Error&) {
        return false;
    }
}

/// The kind of kernel that the backend runs the case with; empty when that is the reference.
std::string kernel_of(const backend::Backend& backend, const OperatorCase& one) {
    ops::ValueTable values = ops::infer(one.graph);
    if (backend.device()) ops::bound_counts(one.graph, values, [](ir::NodeId) { return true; });
    for (const ir::ValueId id : one.node().outputs)
        if (id != ir::kNone && !ir::known_shape(values[static_cast<std::size_t>(id)].dims)) return {};
    const auto consumers = one.graph.consumers();
    const std::vector<bool> claimed(static_cast<std::size_t>(one.graph.node_count()), false);
    const backend::MatchContext context{one.graph, values, consumers, claimed, false};
    for (std::size_t matcher = 0; matcher < backend.matcher_count(); ++matcher) {
        const auto match = backend.match(matcher, context, one.graph.order().front());
        const auto* region = std::get_if<backend::Region>(&match);
        if (!region) continue;
        const auto tactics = backend.tactics({one.graph, *region, values});
        if (!tactics.empty()) return region->pattern == "reference" ? "" : region->pattern;
    }
    return {};
}

using Backends = std::vector<std::unique_ptr<backend::Backend>>;
using Kernels = std::map<std::string, std::set<DType>>;  ///< types by kind of kernel

struct Row {
    std::set<DType> reference;
    std::vector<Kernels> kernels;  ///< by backend
};

Row row_of(const std::vector<OperatorCase>& cases, const Backends& backends) {
    Row row;
    row.kernels.resize(backends.size());
    for (const OperatorCase& one : cases) {
        if (one.node().inputs.empty()) row.reference.insert(ops::evaluate(one.node(), {}).front().dtype());
        for (const DType type : kTypes) {
            const auto trial = retyped(one, type);
            if (!trial || !has_meaning(*trial)) continue;
            row.reference.insert(type);
            for (const OperatorCase& variant : {*trial, with_weights(*trial), with_input(*trial)})
                for (std::size_t i = 0; i < backends.size(); ++i) {
                    const std::string kernel = kernel_of(*backends[i], variant);
                    if (!kernel.empty()) row.kernels[i][kernel].insert(type);
                }
        }
    }
    return row;
}

std::string listed(const std::set<DType>& types) {
    std::string text;
    for (const DType type : kTypes)
        if (types.contains(type)) text += (text.empty() ? "" : " ") + std::string(to_string(type));
    const auto holds = [&](auto... all) { return types == std::set<DType>{all...}; };
    if (types.size() == std::size(kTypes)) return "all";
    if (types.size() == std::size(kTypes) - 1 && !types.contains(DType::boolean)) return "numbers";
    if (holds(DType::f32, DType::bf16, DType::f16, DType::f64)) return "real numbers";
    return text.empty() ? "–" : text;
}

std::string listed(const Kernels& kernels) {
    std::string text;
    for (const auto& [kernel, types] : kernels) text += (text.empty() ? "" : "; ") + kernel + ": " + listed(types);
    return text.empty() ? "–" : text;
}

void print_row(const std::string& name, const Row& row) {
    std::printf("| %s | %s |", name.c_str(), listed(row.reference).c_str());
    for (const Kernels& kernels : row.kernels) std::printf(" %s |", listed(kernels).c_str());
    std::printf("\n");
}

constexpr const char* kHead = R"(# Operators

%zu operators of ONNX's main domain, in the meaning of operator set 28; models of the sets 7 to 27 are converted when they are
read. Of other domains only what ONNX Runtime's quantiser writes in `com.microsoft` is read: QuantizeLinear, DequantizeLinear, QGemm
and QLinearAdd, AveragePool, Concat, GlobalAveragePool, LeakyRelu, Mul, Sigmoid, Softmax and Where, each as DequantizeLinear, the
operator, QuantizeLinear. The table is written by `build/bin/operators_page > docs/operators.md`.

*Reference*: the element types of the first input (conditions aside) that the reference kernel takes. Reference kernels run on
every machine and are what every other kernel is compared with.

*CPU*: the kinds of fast kernels and the types that they take on the operator alone, on a processor of the kind
`%s`. Elsewhere the CPU backend runs the reference kernel, and the build report says so. Fused regions come on top:
activations and sums behind convolutions and matrix products, and quantised operators between QuantizeLinear and DequantizeLinear,
which is how QLinearConv and QLinearMatMul run; ConvInteger and MatMulInteger whose sums become f32 run as f32 products. On
processors with AVX-512 FP16, and only there, the kernels of convolutions, products, pooling, resizing and softmax take f16, too.

*GPU*: the same on an NVIDIA GPU of compute capability 9.0. What is not named there, and shapes or attributes that a kernel does not
take, run on the host, by the reference kernel; the build report gives the reason and what is copied.

"All" are the real numbers, the integers of 8 to 64 bits and bool; "numbers" all but bool; "real numbers" f32, bf16, f16 and
f64. Types of 8 bits and less (floating-point) or below 8 bits (integers) are taken by Cast, CastLike, QuantizeLinear,
DequantizeLinear and the operators that only move elements.

| operator | reference | CPU | GPU |
|---|---|---|---|
)";

/// Without the one of GPUs where there is no CUDA to compile with.
Backends backends() {
    Backends all;
    all.push_back(backend::make_cpu_backend());
    try {
        all.push_back(backend::make_cuda_compiler(90));
    } catch (const Error& error) {
        std::fprintf(stderr, "operators_page: no column GPU: %s\n", error.what());
    }
    return all;
}

int print_page(const std::string& folder) {
    const Backends all = backends();
    std::map<std::string, std::vector<OperatorCase>> by_operator;
    for (OperatorCase& one : operator_cases(folder)) by_operator[one.node().op].push_back(std::move(one));
    std::printf(kHead, ops::all().size(), all.front()->target().c_str());
    for (const ops::Op* op : ops::all())
        print_row(std::string(op->name), row_of(by_operator[std::string(op->name)], all));
    return 0;
}

}  // namespace
}  // namespace fovea::test

int main() {
    try {
        return fovea::test::print_page(FOVEA_TEST_DATA);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "operators_page: %s\n", error.what());
        return 1;
    }
}
