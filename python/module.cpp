#include <nanobind/nanobind.h>
#include <nanobind/stl/map.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include "contract.hpp"
#include "engine.hpp"
#include "fovea/error.hpp"
#include "numpy.hpp"
#include "onnx/export.hpp"
#include "onnx/import.hpp"
#include "ops/evaluate.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace fovea::python {
namespace {

using Shapes = std::map<std::string, std::vector<std::int64_t>>;

/// A model given as a path or as the bytes of an ONNX file.
ir::Graph import_from(nb::handle model, const std::optional<Shapes>& shapes) {
    onnx::ImportOptions options;
    if (shapes)
        for (const auto& [name, shape] : *shapes) options.shapes[name] = ir::to_dims(shape);
    if (!nb::isinstance<nb::bytes>(model)) {
        const auto path = nb::cast<std::string>(nb::module_::import_("os").attr("fspath")(model));
        return onnx::import_model(path, options);
    }
    const auto bytes = nb::borrow<nb::bytes>(model);
    const auto* data = static_cast<const std::byte*>(bytes.data());
    return onnx::import_model_bytes({nullptr, {data, bytes.size()}}, options);
}

nb::dict evaluate(nb::handle model, const nb::dict& inputs, const std::optional<Shapes>& shapes) {
    const ir::Graph graph = import_from(model, shapes);
    std::vector<Tensor> tensors;
    for (const ir::ValueId id : graph.inputs) {
        const std::string& name = graph.value(id).name;
        if (!inputs.contains(name.c_str()))
            throw Error(ErrorCode::invalid_argument, "input \"" + name + "\" is not given");
        tensors.push_back(tensor_from_array(inputs[name.c_str()]));
    }
    std::vector<Tensor> results;
    {
        const nb::gil_scoped_release release;
        results = ops::evaluate(graph, std::move(tensors));
    }
    nb::dict outputs;
    for (std::size_t i = 0; i < results.size(); ++i)
        outputs[graph.outputs[i].name.c_str()] = array_from_tensor(results[i]);
    return outputs;
}

nb::bytes convert(nb::handle model, const std::optional<Shapes>& shapes) {
    const std::string bytes = onnx::export_bytes(import_from(model, shapes));
    return nb::bytes(bytes.data(), bytes.size());
}

}  // namespace
}  // namespace fovea::python

NB_MODULE(_fovea, module) {
    nb::exception<fovea::Error>(module, "Error");
    fovea::python::add_contract(module);
    fovea::python::add_engine(module);
    module.def("evaluate", &fovea::python::evaluate, "model"_a, "inputs"_a, "shapes"_a = nb::none(),
               "Runs an ONNX model (a path, or the bytes of a file) with the plain reference kernels.\n\n"
               "inputs maps the names of the model's inputs to arrays; shapes overrides declared input shapes.\n"
               "Returns a dict from output names to arrays. Raises fovea.Error for broken or unsupported models.");
    module.def(
        "convert", &fovea::python::convert, "model"_a, "shapes"_a = nb::none(),
        "Reads an ONNX model (a path, or the bytes of a file) and writes it again, as bytes: functions inlined,\n"
        "operators in the form of newer operator sets.");
}
