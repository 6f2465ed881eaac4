#pragma once

#include <cudnn_graph.h>

#include <memory>
#include <span>
#include <vector>

#include "backend/cuda/library.hpp"

namespace fovea::backend::cuda {

/// The functions of cuDNN's backend interface.
struct Cudnn : Library {
    Cudnn() : Library("cuDNN", {"libcudnn.so.9"}, "install cuDNN 9 for CUDA 13") {}

    decltype(cudnnGetVersion)* version = function("cudnnGetVersion");
    decltype(cudnnGetErrorString)* status_text = function("cudnnGetErrorString");
    decltype(cudnnGetLastErrorString)* last_error = function("cudnnGetLastErrorString");
    decltype(cudnnCreate)* create = function("cudnnCreate");
    decltype(cudnnDestroy)* destroy = function("cudnnDestroy");
    decltype(cudnnSetStream)* set_stream = function("cudnnSetStream");
    decltype(cudnnBackendCreateDescriptor)* descriptor_create = function("cudnnBackendCreateDescriptor");
    decltype(cudnnBackendDestroyDescriptor)* descriptor_destroy = function("cudnnBackendDestroyDescriptor");
    decltype(cudnnBackendSetAttribute)* set = function("cudnnBackendSetAttribute");
    decltype(cudnnBackendGetAttribute)* get_attribute = function("cudnnBackendGetAttribute");
    decltype(cudnnBackendFinalize)* finalize = function("cudnnBackendFinalize");
    decltype(cudnnBackendExecute)* execute = function("cudnnBackendExecute");

    static const Cudnn* get() { return table_of<Cudnn>(); }
};

/// Throws `unsupported` with the library's own words.
void check(cudnnStatus_t status, const char* call);

/// One of cuDNN's descriptors.
class CudnnDescriptor {
  public:
    explicit CudnnDescriptor(cudnnBackendDescriptorType_t type);

    CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, std::int64_t count,
                         const void* values);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, std::int64_t value) { return set(name, {&value, 1}); }
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, float value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, double value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, bool value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnDataType_t value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, cudnnHandle_t value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value);
    CudnnDescriptor& set(cudnnBackendAttributeName_t name, const std::vector<CudnnDescriptor>& values);
    CudnnDescriptor& finalize();

    /// The values of an attribute, at most `most`.
    template <class T>
    [[nodiscard]] std::vector<T> get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                     std::int64_t most = 1) const {
        std::vector<T> values(static_cast<std::size_t>(most));
        std::int64_t count = 0;
        cuda::check(Cudnn::get()->get_attribute(handle_.get(), name, type, most, &count, values.data()),
                    "cudnnBackendGetAttribute");
        values.resize(static_cast<std::size_t>(count < most ? count : most));
        return values;
    }
    /// The same for an attribute that is a list of descriptors of `kind`.
    [[nodiscard]] std::vector<CudnnDescriptor> get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t kind,
                                                   std::int64_t most) const;

    [[nodiscard]] cudnnBackendDescriptor_t handle() const { return handle_.get(); }

  private:
    std::shared_ptr<void> handle_;
};

}  // namespace fovea::backend::cuda
