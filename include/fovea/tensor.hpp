#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "fovea/dtype.hpp"
#include "fovea/error.hpp"

namespace fovea {

/// A view of a dense row-major tensor, in host memory unless it says otherwise. It owns nothing.
struct TensorView {
    DType dtype = DType::undefined;
    std::vector<std::int64_t> shape;  ///< outermost first
    void* data = nullptr;
    bool on_device = false;  ///< in the memory of the engine's GPU: `as` is not for the host then

    /// Number of elements.
    [[nodiscard]] std::size_t size() const {
        std::size_t count = 1;
        for (const std::int64_t length : shape) count *= static_cast<std::size_t>(length);
        return count;
    }
    /// The elements as `T`, which must have the size of the element type; throws `invalid_argument` otherwise.
    template <class T>
    [[nodiscard]] std::span<T> as() const {
        if (sizeof(T) != element_bytes(dtype))
            throw Error(ErrorCode::invalid_argument, "the tensor holds " + std::string(to_string(dtype)) +
                                                         ", not elements of " + std::to_string(sizeof(T)) + " bytes");
        return {static_cast<T*>(data), size()};
    }
};

/// Name, type and shape of an input or output; -1 stands for a size that varies.
struct TensorInfo {
    std::string name;
    DType dtype = DType::undefined;
    std::vector<std::int64_t> shape;
};

}  // namespace fovea
