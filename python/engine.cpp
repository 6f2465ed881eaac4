#include "engine.hpp"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/function.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include "api/image_contract.hpp"
#include "api/machine.hpp"
#include "fovea/fovea.hpp"
#include "numpy.hpp"
#include "runtime/engine.hpp"
#include "vision/contract.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace fovea::python {
namespace {

using Sizes = std::vector<std::int64_t>;

DType dtype_named(const std::string& name) {
    const DType type = dtype_from_string(name);
    if (type == DType::undefined)
        throw Error(ErrorCode::invalid_argument, "unknown type \"" + name + "\"; expected fp32, bf16, fp16 or tf32");
    return type;
}

Builder builder_for(nb::handle model) {
    if (!nb::isinstance<nb::bytes>(model))
        return Builder(std::filesystem::path(nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(model))));
    const auto bytes = nb::borrow<nb::bytes>(model);
    const auto* data = static_cast<const std::byte*>(bytes.data());
    return Builder(std::vector<std::byte>(data, data + bytes.size()), "model");
}

Gate gate_named(const std::string& name) {
    if (name == "off") return Gate::off;
    if (name == "boxes") return Gate::boxes;
    if (name == "full") return Gate::full;
    throw Error(ErrorCode::invalid_argument, "unknown gate \"" + name + "\"; expected off, boxes or full");
}

Plan build(nb::handle model, const std::string& precision, int threads, const std::map<std::string, Sizes>& shapes,
           const std::map<std::string, std::tuple<Sizes, Sizes, Sizes>>& profiles, const std::string& gate, bool tune,
           bool fuse, const std::vector<std::string>& disable, const std::map<std::string, std::string>& pins,
           const std::string& target, const std::optional<std::string>& timing_cache,
           const vision::Contract* contract) {
    Builder builder = builder_for(model);
    builder.precision(precision == "tf32" ? DType::f32 : dtype_named(precision)).tf32(precision == "tf32");
    builder.target(target).threads(threads).gate(gate_named(gate)).tune(tune).fuse(fuse);
    for (const auto& [name, shape] : shapes) builder.shape(name, shape);
    for (const auto& [name, profile] : profiles)
        builder.profile(name, std::get<0>(profile), std::get<1>(profile), std::get<2>(profile));
    for (const std::string& pass : disable) builder.disable_pass(pass);
    for (const auto& [node, type] : pins) builder.pin(node, dtype_named(type));
    if (timing_cache) builder.timing_cache(*timing_cache);
    if (contract) builder.contract(vision::to_json(*contract));
    const nb::gil_scoped_release release;
    return builder.build();
}

std::map<std::string, std::string> gpus() {
    std::map<std::string, std::string> found;
    for (const api::BackendFacts& backend : api::backend_facts())
        if (backend.name.starts_with("cuda:")) found[backend.name] = backend.target;
    return found;
}

/// A TensorView of the arrays given by the caller, kept alive for the time of one run.
class PythonEngine {
  public:
    PythonEngine(Engine engine) : engine_(std::move(engine)), context_(engine_.make_context()) {}

    nb::dict run(const nb::dict& inputs, bool copy) {
        std::vector<Tensor> tensors;
        for (const auto& [name, array] : inputs) {
            tensors.push_back(tensor_from_array(array));
            context_.bind(nb::cast<std::string>(name),
                          {tensors.back().dtype(), tensors.back().shape(), tensors.back().raw()});
        }
        {
            const nb::gil_scoped_release release;
            context_.run();
        }
        nb::dict outputs;
        for (std::size_t i = 0; i < engine_.outputs().size(); ++i) {
            const Tensor output = context_.content().output(i);
            outputs[engine_.outputs()[i].name.c_str()] = array_from_tensor(copy ? output.clone() : output);
        }
        return outputs;
    }

    [[nodiscard]] nb::object contract() const {
        const std::string& text = engine_.content()->plan().contract;
        return text.empty() ? nb::object(nb::none()) : nb::cast(image_contract(engine_, text));
    }
    [[nodiscard]] nb::list inputs() const { return described(engine_.inputs()); }
    [[nodiscard]] nb::list outputs() const { return described(engine_.outputs()); }
    /// Bytes of activations, their lower bound, and of workspace, at the shapes of the last run.
    [[nodiscard]] nb::dict memory() {
        const runtime::Program& program = context_.content().program();
        nb::dict result;
        result["activations"] = program.arena_bytes;
        result["demand"] = program.demand_bytes;
        result["scratch"] = program.scratch_bytes;
        result["packed"] = engine_.content()->packed_bytes();
        return result;
    }

  private:
    static nb::list described(const std::vector<TensorInfo>& infos) {
        nb::list result;
        for (const TensorInfo& info : infos) {
            nb::dict row;
            row["name"] = info.name;
            row["dtype"] = std::string(to_string(info.dtype));
            row["shape"] = info.shape;
            result.append(row);
        }
        return result;
    }

    Engine engine_;
    Context context_;
};

}  // namespace

void add_engine(nb::module_& module) {
    module.def("version", [] { return std::string(version()); });
    module.def("gpus", &gpus, "GPUs that plans can be built for: a dict from targets to descriptions.");
    nb::class_<Plan>(module, "Plan", "A network made ready to run on this machine.")
        .def(
            "save", [](const Plan& plan, const std::filesystem::path& path) { plan.save(path); }, "path"_a,
            "Writes the plan file.")
        .def("to_json", &Plan::to_json, "Kernels, types, layouts and certificate, as JSON.");
    module.def(
        "load", [](const std::filesystem::path& path) { return Plan::load(path); }, "path"_a,
        "Reads and verifies a plan file.");
    module.def(
        "build", &build, "model"_a, nb::kw_only(), "precision"_a = "fp32", "threads"_a = 0,
        "shapes"_a = std::map<std::string, Sizes>(),
        "profiles"_a = std::map<std::string, std::tuple<Sizes, Sizes, Sizes>>(), "gate"_a = "boxes", "tune"_a = true,
        "fuse"_a = true, "disable"_a = std::vector<std::string>(), "pins"_a = std::map<std::string, std::string>(),
        "target"_a = "cpu", "timing_cache"_a = nb::none(), "contract"_a = nb::none(),
        "Builds a plan from an ONNX model (a path, or the bytes of a file).\n\n"
        "shapes fixes input shapes by name; profiles gives (min, opt, max) shapes; target is the device to build for\n"
        "(cpu, cuda:0, reference); contract, a Contract, is kept in the plan. Raises fovea.Error.");
    nb::class_<PythonEngine>(module, "Engine", "A plan ready to run. Use one engine per thread.")
        .def(
            "__init__",
            [](PythonEngine* self, const std::filesystem::path& path, int threads, const std::string& target) {
                new (self) PythonEngine(Engine(path, threads, target));
            },
            "path"_a, "threads"_a = 0, "target"_a = "")
        .def(
            "__init__",
            [](PythonEngine* self, const Plan& plan, int threads, const std::string& target) {
                new (self) PythonEngine(Engine(plan, threads, target));
            },
            "plan"_a, "threads"_a = 0, "target"_a = "")
        .def("run", &PythonEngine::run, "inputs"_a, "copy"_a = true,
             "Runs the network on a dict of arrays (NumPy's, or anything that has __dlpack__ or __array__; dense\n"
             "arrays are read where they lie); returns a dict of NumPy arrays: new ones, or, without copy, views of\n"
             "memory that the next run writes.")
        .def_prop_ro("contract", &PythonEngine::contract, "The plan's Contract for images, or None.")
        .def_prop_ro("inputs", &PythonEngine::inputs)
        .def_prop_ro("outputs", &PythonEngine::outputs)
        .def_prop_ro("memory", &PythonEngine::memory);
}

}  // namespace fovea::python
