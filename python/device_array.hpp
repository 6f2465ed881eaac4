#pragma once

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <optional>

#include "fovea/tensor.hpp"

namespace fovea::python {

/// An array of another package by way of DLPack, where it lies.
struct SharedArray {
    nanobind::ndarray<> array;  ///< keeps the memory alive
    TensorView view;
};

/// Whether the object offers its memory by DLPack and that lies on a GPU.
bool on_gpu(nanobind::handle object);

/// The object's memory, for work in this CUDA stream. Throws `invalid_argument` where it is not dense, of a type that
/// fovea does not have or, with `writable`, read-only.
SharedArray share(nanobind::handle object, std::uintptr_t stream, bool writable);

/// The number of a CUDA stream: an integer, or PyTorch's, CuPy's or another package's stream object.
std::uintptr_t stream_number(nanobind::handle stream);

/// GPU memory as an object that other packages take by DLPack; `owner` is kept alive with it.
nanobind::object gpu_array(const TensorView& tensor, int device, nanobind::handle owner);

}  // namespace fovea::python
