#include "contract.hpp"

#include <nanobind/stl/filesystem.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/string_view.h>

#include "base/file.hpp"
#include "fovea/error.hpp"
#include "numpy.hpp"
#include "vision/contract.hpp"
#include "vision/decode.hpp"
#include "vision/draw.hpp"
#include "vision/preprocess.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace fovea::python {
namespace {

using vision::Contract;
using vision::Findings;

Image image_from_array(nb::handle array) {
    const Tensor tensor = tensor_from_array(array);
    const Shape& shape = tensor.shape();
    const std::int64_t channels = shape.size() == 2 ? 1 : shape.size() == 3 ? shape[2] : 0;
    if (tensor.dtype() != DType::u8 || (channels != 1 && channels != 3 && channels != 4))
        throw Error(ErrorCode::invalid_argument,
                    "expected an image, u8 [height, width] or [height, width, 1, 3 or 4], found " +
                        std::string(to_string(tensor.dtype())) + " " + base::to_string(shape));
    Image image(shape[1], shape[0], channels);
    const auto pixels = tensor.as<std::uint8_t>();
    image.pixels.assign(pixels.begin(), pixels.end());
    return image;
}

Contract read(const std::filesystem::path& path) {
    try {
        return vision::contract_from_json(base::read_text(path));
    } catch (Error& error) {
        throw error.in(path.string());
    }
}

Findings decode(const Contract& contract, const nb::dict& outputs, std::pair<std::int64_t, std::int64_t> size,
                std::int64_t entry) {
    if (size.first < 1 || size.second < 1)
        throw Error(ErrorCode::invalid_argument, "the image's height and width must be positive");
    vision::Outputs tensors;
    for (const auto& [name, array] : outputs) tensors[nb::cast<std::string>(name)] = tensor_from_array(array);
    return vision::decode(contract.outputs, tensors, vision::place(contract.input, size.second, size.first), entry);
}

std::string label_of(const Contract& contract, std::int64_t label) {
    for (const vision::OutputContract& output : contract.outputs)
        if (vision::task_of(output.decoder) == vision::Task::detection &&
            label < static_cast<std::int64_t>(output.labels.size()))
            return output.labels[static_cast<std::size_t>(label)];
    return std::to_string(label);
}

/// Findings together with the contract that names their labels.
struct NamedFindings {
    Contract contract;
    Findings findings;

    [[nodiscard]] nb::object detections() const {
        if (!findings.detections) return nb::none();
        nb::list rows;
        for (const vision::Detection& found : *findings.detections) {
            nb::list landmarks;
            for (const vision::Point& point : found.landmarks) landmarks.append(nb::make_tuple(point.x, point.y));
            nb::dict row;
            row["label"] = label_of(contract, found.label);
            row["index"] = found.label;
            row["score"] = found.score;
            row["box"] = nb::make_tuple(found.box.x1, found.box.y1, found.box.x2, found.box.y2);
            row["landmarks"] = landmarks;
            rows.append(row);
        }
        return rows;
    }
    [[nodiscard]] nb::object labels() const {
        return findings.labels ? array_from_tensor(*findings.labels) : nb::object(nb::none());
    }
    [[nodiscard]] nb::object depth() const {
        return findings.depth ? array_from_tensor(*findings.depth) : nb::object(nb::none());
    }
    [[nodiscard]] nb::object draw(nb::handle image) const {
        const Image picture = vision::illustrate(image_from_array(image), contract.outputs, findings);
        Tensor tensor(DType::u8, {picture.height, picture.width, picture.channels});
        std::copy(picture.pixels.begin(), picture.pixels.end(), tensor.as<std::uint8_t>().begin());
        return array_from_tensor(tensor);
    }
};

}  // namespace

void add_contract(nb::module_& module) {
    nb::class_<NamedFindings>(module, "Findings", "What a network sees in one image.")
        .def_prop_ro(
            "detections", &NamedFindings::detections,
            "Dicts with label, index, score, box (x1, y1, x2, y2 in pixels) and landmarks, the best first; or None.")
        .def_prop_ro("labels", &NamedFindings::labels,
                     "Class of each pixel, uint8 [height, width], 255 where the network did not see it; or None.")
        .def_prop_ro("depth", &NamedFindings::depth,
                     "Metres of each pixel, float32 [height, width], 0 where the network did not see it; or None.")
        .def("draw", &NamedFindings::draw, "image"_a,
             "The image (uint8) with boxes, coloured classes or depth drawn in, as uint8 [height, width, 3]; several\n"
             "tasks give one picture below the other.");
    nb::class_<Contract>(module, "Contract",
                         "Pre- and post-processing of a network, from a JSON file (docs/contract.md).")
        .def(
            "__init__", [](Contract* self, const std::filesystem::path& path) { new (self) Contract(read(path)); },
            "path"_a)
        .def_static("parse", &vision::contract_from_json, "text"_a, "A contract from JSON text.")
        .def("to_json", &vision::to_json)
        .def_prop_ro(
            "input", [](const Contract& contract) { return contract.input.tensor; }, "Name of the network's input.")
        .def(
            "prepare",
            [](const Contract& contract, nb::handle image) {
                return array_from_tensor(vision::preprocess(contract.input, image_from_array(image)));
            },
            "image"_a,
            "An image, uint8 [height, width] or [height, width, channels], as the network's input of batch 1.")
        .def(
            "decode",
            [](const Contract& contract, const nb::dict& outputs, std::pair<std::int64_t, std::int64_t> size,
               std::int64_t entry) {
                return NamedFindings{contract, decode(contract, outputs, size, entry)};
            },
            "outputs"_a, "size"_a, "entry"_a = 0,
            "Reads the network's outputs (a dict of arrays) for an image of (height, width); entry: which of a batch.");
}

}  // namespace fovea::python
