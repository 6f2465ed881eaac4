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
#include "device_array.hpp"
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

Plan build(nb::handle model, const std::optional<std::string>& precision, int threads,
           const std::map<std::string, Sizes>& shapes,
           const std::map<std::string, std::tuple<Sizes, Sizes, Sizes>>& profiles, const std::string& gate, bool tune,
           bool fuse, const std::vector<std::string>& disable, const std::map<std::string, std::string>& pins,
           const std::string& target, const std::optional<std::string>& timing_cache,
           const vision::Contract* contract) {
    Builder builder = builder_for(model);
    if (precision)
        builder.precision(*precision == "tf32" ? DType::f32 : dtype_named(*precision)).tf32(precision == "tf32");
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

/// An engine with one context, and the arrays that its last run was given.
class PythonEngine {
  public:
    PythonEngine(Engine engine) : engine_(std::move(engine)), context_(engine_.make_context()) {}

    nb::dict run(const nb::dict& inputs, const nb::dict& outputs, bool copy, bool device, nb::handle stream) {
        const std::uintptr_t queue = stream.is_none() ? 0 : stream_number(stream);
        // Arrays of GPUs are read in order with what their packages do: in the default stream unless another is named.
        bool enqueue = !stream.is_none();
        arrays_.clear();
        tensors_.clear();
        for (const auto& [name, array] : inputs) {
            enqueue = enqueue || on_gpu(array);
            context_.bind(nb::cast<std::string>(name), on_gpu(array) ? shared(array, queue, false) : host_input(array));
        }
        for (const TensorInfo& info : engine_.outputs()) {
            const bool given = outputs.contains(info.name.c_str());
            enqueue = enqueue || (given && on_gpu(outputs[info.name.c_str()]));
            context_.bind_output(info.name, given ? shared(outputs[info.name.c_str()], queue, true) : TensorView());
        }
        for (const auto& [name, array] : outputs) (void)context_.output_index(nb::cast<std::string>(name));
        context_.keep_outputs_on_device(device);
        {
            const nb::gil_scoped_release release;
            if (enqueue)
                context_.enqueue(reinterpret_cast<void*>(queue));
            else
                context_.run();
            if (enqueue && (stream.is_none() || !device)) context_.synchronize();
        }
        return results(outputs, copy);
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
    TensorView shared(nb::handle array, std::uintptr_t queue, bool writable) {
        arrays_.push_back(share(array, queue, writable));
        return arrays_.back().view;
    }

    TensorView host_input(nb::handle array) {
        tensors_.push_back(tensor_from_array(array));
        return {tensors_.back().dtype(), tensors_.back().shape(), tensors_.back().raw()};
    }

    nb::dict results(const nb::dict& given, bool copy) {
        nb::dict results;
        for (std::size_t i = 0; i < engine_.outputs().size(); ++i) {
            const char* name = engine_.outputs()[i].name.c_str();
            if (given.contains(name))
                results[name] = given[name];
            else if (const TensorView view = context_.output(name); view.on_device)
                results[name] = gpu_array(view, engine_.device(), nb::find(*this));
            else
                results[name] =
                    array_from_tensor(copy ? context_.content().take_output(i) : context_.content().output(i));
        }
        return results;
    }

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
    std::vector<SharedArray> arrays_;
    std::vector<Tensor> tensors_;
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
        "build", &build, "model"_a, nb::kw_only(), "precision"_a = nb::none(), "threads"_a = 0,
        "shapes"_a = std::map<std::string, Sizes>(),
        "profiles"_a = std::map<std::string, std::tuple<Sizes, Sizes, Sizes>>(), "gate"_a = "boxes", "tune"_a = true,
        "fuse"_a = true, "disable"_a = std::vector<std::string>(), "pins"_a = std::map<std::string, std::string>(),
        "target"_a = "cpu", "timing_cache"_a = nb::none(), "contract"_a = nb::none(),
        "Builds a plan from an ONNX model (a path, or the bytes of a file), or adds a section for target to a plan (a\n"
        "path), whose precision, shapes, pins, passes and contract stay.\n\n"
        "precision is fp32 (where none is given), bf16, fp16 or, on GPUs, tf32; shapes fixes input shapes by name;\n"
        "profiles gives (min, opt, max) shapes; target is the device to build for (cpu, cuda:0, reference); contract,\n"
        "a Contract, is kept in the plan. Raises fovea.Error.");
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
        .def("run", &PythonEngine::run, "inputs"_a, "outputs"_a = nb::dict(), nb::kw_only(), "copy"_a = true,
             "device"_a = false, "stream"_a = nb::none(),
             "Runs the network on a dict of arrays (NumPy's, or anything that has __dlpack__ or __array__; dense\n"
             "arrays are read where they lie, those on the engine's GPU, too) and returns a dict of NumPy arrays: new\n"
             "ones or, without copy, views of memory that the next run writes. With device they stay on the GPU, as\n"
             "objects that torch.from_dlpack and the like take without a copy; the next run writes to them, too.\n"
             "outputs maps names to arrays, on the host or the GPU, that are written to and returned instead.\n"
             "stream, a CUDA stream's number or object, runs behind the work in that stream; with device, without\n"
             "waiting for the end: the arrays given must stay as they are until the stream got there.")
        .def_prop_ro("contract", &PythonEngine::contract, "The plan's Contract for images, or None.")
        .def_prop_ro("inputs", &PythonEngine::inputs)
        .def_prop_ro("outputs", &PythonEngine::outputs)
        .def_prop_ro("memory", &PythonEngine::memory);
}

}  // namespace fovea::python
