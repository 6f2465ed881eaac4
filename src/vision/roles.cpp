#include <algorithm>
#include <memory>

#include "base/dispatch.hpp"
#include "base/shape.hpp"
#include "fovea/error.hpp"
#include "vision/decoders.hpp"

namespace fovea::vision {
namespace {

[[noreturn]] void fail(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

/// "[N, 4, any]"
std::string wanted(const Shape& shape) {
    std::string text = "[N";
    for (const std::int64_t length : shape) text += ", " + (length < 0 ? "any" : std::to_string(length));
    return text + "]";
}

}  // namespace

const Tensor& Roles::output(const std::string& role) const {
    const auto name = contract_.tensors.find(role);
    if (name == contract_.tensors.end()) fail("the contract's 'tensors' does not name the '" + role + "'");
    const auto output = outputs_.find(name->second);
    if (output == outputs_.end()) fail("the network has no output '" + name->second + "', which is its '" + role + "'");
    return output->second;
}

void Roles::mismatch(const std::string& role, const std::string& expected) const {
    const Tensor& found = output(role);
    fail("output '" + contract_.tensors.at(role) + "': expected " + expected + " with N > " + std::to_string(entry_) +
         " for the '" + role + "', found " + std::string(to_string(found.dtype())) + " " +
         base::to_string(found.shape()));
}

Roles::Values Roles::entry(const Tensor& output) const {
    const Shape shape(output.shape().begin() + 1, output.shape().end());
    const auto bytes = static_cast<std::size_t>(base::element_count(shape)) * element_bytes(output.dtype());
    const auto owner = std::make_shared<Tensor>(output);
    const Tensor one(output.dtype(), shape, owner->raw() + static_cast<std::size_t>(entry_) * bytes, owner);
    const std::int64_t rows = shape.empty() ? 1 : shape[0];
    return {one.cast(DType::f32), rows > 0 ? one.size() / rows : 0};
}

Roles::Values Roles::values(const std::string& role, const Shape& shape) const {
    const Tensor& found = output(role);
    const bool right =
        base::is_float(found.dtype()) && found.shape().size() == shape.size() + 1 && found.shape()[0] > entry_ &&
        std::equal(shape.begin(), shape.end(), found.shape().begin() + 1,
                   [](std::int64_t length, std::int64_t given) { return length < 0 || length == given; });
    if (!right) mismatch(role, "floating-point " + wanted(shape));
    return entry(found);
}

Roles::Values Roles::plane(const std::string& role) const {
    const Tensor& found = output(role);
    const Shape& shape = found.shape();
    const bool right = (base::is_float(found.dtype()) || base::is_integer(found.dtype())) &&
                       (shape.size() == 3 || (shape.size() == 4 && shape[1] == 1)) && shape[0] > entry_ &&
                       shape.back() > 0 && shape[shape.size() - 2] > 0;
    if (!right) mismatch(role, "[N, 1, h, w] or [N, h, w]");
    Values values = entry(found);
    const Shape size(shape.end() - 2, shape.end());
    return {values.tensor.reshaped(size), size[1]};
}

}  // namespace fovea::vision
