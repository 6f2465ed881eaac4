#include "device_array.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>

#include <string>

#include "fovea/error.hpp"

namespace nb = nanobind;

namespace fovea::python {
namespace {

struct TypeCode {
    DType type;
    nb::dlpack::dtype_code code;
};

constexpr TypeCode kTypeCodes[] = {
    {DType::f32, nb::dlpack::dtype_code::Float},
    {DType::f16, nb::dlpack::dtype_code::Float},
    {DType::bf16, nb::dlpack::dtype_code::Bfloat},
    {DType::f64, nb::dlpack::dtype_code::Float},
    {DType::i8, nb::dlpack::dtype_code::Int},
    {DType::i16, nb::dlpack::dtype_code::Int},
    {DType::i32, nb::dlpack::dtype_code::Int},
    {DType::i64, nb::dlpack::dtype_code::Int},
    {DType::u8, nb::dlpack::dtype_code::UInt},
    {DType::u16, nb::dlpack::dtype_code::UInt},
    {DType::u32, nb::dlpack::dtype_code::UInt},
    {DType::u64, nb::dlpack::dtype_code::UInt},
    {DType::boolean, nb::dlpack::dtype_code::Bool},
    {DType::f8e4m3fn, nb::dlpack::dtype_code::Float8_E4M3FN},
    {DType::f8e4m3fnuz, nb::dlpack::dtype_code::Float8_E4M3FNUZ},
    {DType::f8e5m2, nb::dlpack::dtype_code::Float8_E5M2},
    {DType::f8e5m2fnuz, nb::dlpack::dtype_code::Float8_E5M2FNUZ},
    {DType::f8e8m0, nb::dlpack::dtype_code::Float8_E8M0FNU},
};

nb::dlpack::dtype dlpack_type(DType type) {
    for (const auto& [known, code] : kTypeCodes)
        if (known == type)
            return {static_cast<std::uint8_t>(code), static_cast<std::uint8_t>(8 * element_bytes(type)), 1};
    throw Error(ErrorCode::unsupported, "DLPack has no type for " + std::string(to_string(type)));
}

DType type_of(nb::dlpack::dtype found) {
    for (const auto& [type, code] : kTypeCodes)
        if (found == dlpack_type(type)) return type;
    throw Error(ErrorCode::invalid_argument, "arrays of this type are not supported › convert the array to float32");
}

int device_type(nb::handle object) { return nb::cast<std::pair<int, int>>(object.attr("__dlpack_device__")()).first; }

}  // namespace

bool on_gpu(nb::handle object) {
    return nb::hasattr(object, "__dlpack_device__") && device_type(object) == nb::device::cuda::value;
}

SharedArray share(nb::handle object, std::uintptr_t stream, bool writable) {
    nb::object capsule;
    if (on_gpu(object))  // DLPack calls the default stream 1
        capsule = object.attr("__dlpack__")(nb::arg("stream") = stream ? stream : 1);
    else
        capsule = nb::borrow(object);
    SharedArray result;
    if (!(writable ? nb::try_cast(capsule, result.array, false) : [&] {
            nb::ndarray<nb::ro> read_only;
            if (!nb::try_cast(capsule, read_only, false)) return false;
            result.array = nb::ndarray<>(read_only);
            return true;
        }()))
        throw Error(ErrorCode::invalid_argument,
                    writable ? "the array cannot be written to by DLPack" : "the array cannot be read by DLPack");
    TensorView& view = result.view;
    view.dtype = type_of(result.array.dtype());
    view.data = result.array.data();
    view.on_device = result.array.device_type() == nb::device::cuda::value;
    std::int64_t dense = 1;
    for (std::size_t i = result.array.ndim(); i-- > 0;) {
        const auto size = static_cast<std::int64_t>(result.array.shape(i));
        if (size != 1 && result.array.stride(i) != dense)
            throw Error(ErrorCode::invalid_argument, "the array is not dense › make it contiguous");
        dense *= size;
    }
    for (std::size_t i = 0; i < result.array.ndim(); ++i)
        view.shape.push_back(static_cast<std::int64_t>(result.array.shape(i)));
    return result;
}

std::uintptr_t stream_number(nb::handle stream) {
    if (nb::hasattr(stream, "__cuda_stream__"))
        return nb::cast<std::pair<int, std::uintptr_t>>(stream.attr("__cuda_stream__")()).second;
    for (const char* name : {"cuda_stream", "ptr"})
        if (nb::hasattr(stream, name)) return nb::cast<std::uintptr_t>(stream.attr(name));
    return nb::cast<std::uintptr_t>(stream);
}

nb::object gpu_array(const TensorView& tensor, int device, nb::handle owner) {
    const std::vector<std::size_t> shape(tensor.shape.begin(), tensor.shape.end());
    return nb::cast(nb::ndarray<nb::array_api>(tensor.data, shape.size(), shape.data(), owner, nullptr,
                                               dlpack_type(tensor.dtype), nb::device::cuda::value, device));
}

}  // namespace fovea::python
