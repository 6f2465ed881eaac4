#include "numpy.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <string>

#include "fovea/error.hpp"

namespace nb = nanobind;

namespace fovea::python {
namespace {

struct TypeName {
    DType type;
    const char* name;  ///< of the NumPy type
    bool own;          ///< NumPy has the type itself; the others come from ml_dtypes
};

constexpr TypeName kTypeNames[] = {
    {DType::f32, "float32", true},
    {DType::f16, "float16", true},
    {DType::bf16, "bfloat16", false},
    {DType::f64, "float64", true},
    {DType::i8, "int8", true},
    {DType::u8, "uint8", true},
    {DType::i16, "int16", true},
    {DType::u16, "uint16", true},
    {DType::i32, "int32", true},
    {DType::u32, "uint32", true},
    {DType::i64, "int64", true},
    {DType::u64, "uint64", true},
    {DType::boolean, "bool", true},
    {DType::f8e4m3fn, "float8_e4m3fn", false},
    {DType::f8e4m3fnuz, "float8_e4m3fnuz", false},
    {DType::f8e5m2, "float8_e5m2", false},
    {DType::f8e5m2fnuz, "float8_e5m2fnuz", false},
    {DType::f8e8m0, "float8_e8m0fnu", false},
    {DType::f4e2m1, "float4_e2m1fn", false},
    {DType::i4, "int4", false},
    {DType::u4, "uint4", false},
    {DType::i2, "int2", false},
    {DType::u2, "uint2", false},
};

/// ml_dtypes leaves the upper bits of its small signed integers unset; tensors hold them sign-extended.
bool is_small_signed(DType type) { return type == DType::i4 || type == DType::i2; }

const TypeName& entry(DType type) {
    for (const TypeName& candidate : kTypeNames)
        if (candidate.type == type) return candidate;
    throw Error(ErrorCode::unsupported,
                "a tensor of type " + std::string(to_string(type)) + " has no counterpart in NumPy");
}

DType type_of(const nb::object& array) {
    const auto name = nb::cast<std::string>(nb::str(array.attr("dtype").attr("name")));
    for (const TypeName& candidate : kTypeNames)
        if (candidate.name == name) return candidate.type;
    throw Error(ErrorCode::invalid_argument,
                "arrays of type " + name + " are not supported › convert the array, e.g. with astype(numpy.float32)");
}

nb::object numpy_type(DType type) {
    const TypeName& found = entry(type);
    try {
        return nb::module_::import_("numpy").attr("dtype")(
            nb::module_::import_(found.own ? "numpy" : "ml_dtypes").attr(found.name));
    } catch (nb::python_error&) {
        throw Error(ErrorCode::unsupported, "arrays of type " + std::string(found.name) +
                                                " need the package ml_dtypes › pip install ml_dtypes");
    }
}

}  // namespace

Tensor tensor_from_array(nb::handle source) {
    const auto numpy = nb::module_::import_("numpy");
    const bool shared = !nb::hasattr(source, "__array__") && nb::hasattr(source, "__dlpack__");
    nb::object array =
        numpy.attr("asarray")(shared ? numpy.attr("from_dlpack")(source) : source, nb::arg("order") = "C");
    const DType type = type_of(array);
    if (!nb::cast<bool>(array.attr("dtype").attr("isnative")))
        array = array.attr("astype")(array.attr("dtype").attr("newbyteorder")("="));
    if (is_small_signed(type)) array = array.attr("astype")(numpy.attr("int8"));
    Shape shape;
    for (const nb::handle size : array.attr("shape")) shape.push_back(nb::cast<std::int64_t>(size));
    const auto address = nb::cast<std::uintptr_t>(array.attr("__array_interface__")["data"][0]);
    const bool aligned = address % element_bytes(type) == 0;
    Tensor view(type, std::move(shape), reinterpret_cast<void*>(address),
                std::shared_ptr<const void>(array.ptr(), [](const void*) {}));
    if (!aligned) return view.clone();
    const nb::handle kept = array.release();
    const std::shared_ptr<const void> owner(kept.ptr(), [](const void* pointer) {
        const nb::gil_scoped_acquire gil;
        Py_DECREF(static_cast<PyObject*>(const_cast<void*>(pointer)));
    });
    return {type, view.shape(), view.raw(), owner};
}

nb::object array_from_tensor(const Tensor& tensor) {
    auto* kept = new Tensor(tensor);
    const nb::capsule owner(kept, [](void* pointer) noexcept { delete static_cast<Tensor*>(pointer); });
    const std::size_t bytes = tensor.bytes();
    nb::object flat = nb::cast(nb::ndarray<nb::numpy, std::uint8_t>(kept->raw(), {bytes}, owner));
    const nb::object type = numpy_type(tensor.dtype());
    if (is_small_signed(tensor.dtype()))
        flat = flat.attr("view")("int8").attr("astype")(type);
    else
        flat = flat.attr("view")(type);
    nb::list shape;
    for (const std::int64_t size : tensor.shape()) shape.append(size);
    return flat.attr("reshape")(nb::tuple(shape));
}

}  // namespace fovea::python
