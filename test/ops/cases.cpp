#include "ops/cases.hpp"

#include <algorithm>
#include <filesystem>
#include <random>
#include <sstream>

#include "base/dispatch.hpp"
#include "base/file.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::test {
namespace {

std::string identifier(std::string text) {
    for (char& c : text)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
    return text;
}

std::vector<OperatorCase> read_cases(const std::filesystem::path& file) {
    std::vector<std::string> texts;
    std::istringstream lines(base::read_text(file));
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with("graph ")) texts.emplace_back();
        if (!texts.empty()) texts.back() += line + "\n";
    }
    std::vector<OperatorCase> cases;
    for (const std::string& text : texts) {
        try {
            ir::Graph graph = ir::parse(text);
            cases.push_back({identifier(file.stem().string() + "_" + graph.name), std::move(graph)});
        } catch (Error& error) {
            throw error.in(file.string() + ", graph " + std::to_string(cases.size() + 1));
        }
    }
    return cases;
}

Tensor random_tensor(DType type, const Shape& shape, std::mt19937& generator) {
    Tensor tensor(DType::f32, shape);
    for (float& element : tensor.as<float>())
        element = base::is_float(type) ? static_cast<float>(generator()) / 1073741824.0f - 2.0f
                                       : static_cast<float>(generator() % 4);
    return tensor.cast(type);
}

}  // namespace

std::vector<OperatorCase> operator_cases(const std::string& folder) {
    std::vector<std::filesystem::path> files;
    for (const auto& entry : std::filesystem::directory_iterator(folder))
        if (entry.path().extension() == ".ir") files.push_back(entry.path());
    std::sort(files.begin(), files.end());
    std::vector<OperatorCase> cases;
    for (const auto& file : files)
        for (OperatorCase& one : read_cases(file)) cases.push_back(std::move(one));
    return cases;
}

std::vector<Tensor> operands(const OperatorCase& one) {
    std::mt19937 generator(7);
    std::vector<Tensor> tensors;
    for (const ir::ValueId id : one.node().inputs) {
        if (id == ir::kNone) {
            tensors.emplace_back();
        } else if (const Tensor* constant = one.graph.constant(id)) {
            tensors.push_back(*constant);
        } else {
            const ir::Value& value = one.graph.value(id);
            tensors.push_back(random_tensor(value.dtype, ir::known_shape(value.dims).value(), generator));
        }
    }
    return tensors;
}

}  // namespace fovea::test
