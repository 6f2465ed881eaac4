#include "backend/cuda/cudnn.hpp"

namespace fovea::backend::cuda {

void check(cudnnStatus_t status, const char* call) {
    if (status == CUDNN_STATUS_SUCCESS) return;
    char detail[512] = {};
    Cudnn::get()->last_error(detail, sizeof detail);
    throw Error(ErrorCode::unsupported, std::string("cuDNN's ") + call +
                                            " failed: " + Cudnn::get()->status_text(status) +
                                            (detail[0] ? std::string(": ") + detail : ""));
}

CudnnDescriptor::CudnnDescriptor(cudnnBackendDescriptorType_t type) {
    cudnnBackendDescriptor_t created = nullptr;
    check(Cudnn::get()->descriptor_create(type, &created), "cudnnBackendCreateDescriptor");
    handle_ = {created, Cudnn::get()->descriptor_destroy};
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
                                      std::int64_t count, const void* values) {
    check(Cudnn::get()->set(handle_.get(), name, type, count, values), "cudnnBackendSetAttribute");
    return *this;
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, std::span<const std::int64_t> values) {
    return set(name, CUDNN_TYPE_INT64, static_cast<std::int64_t>(values.size()), values.data());
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, float value) {
    return set(name, CUDNN_TYPE_FLOAT, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, double value) {
    return set(name, CUDNN_TYPE_DOUBLE, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, bool value) {
    return set(name, CUDNN_TYPE_BOOLEAN, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnDataType_t value) {
    return set(name, CUDNN_TYPE_DATA_TYPE, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, cudnnHandle_t value) {
    return set(name, CUDNN_TYPE_HANDLE, 1, &value);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
    const cudnnBackendDescriptor_t handle = value.handle();
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &handle);
}

CudnnDescriptor& CudnnDescriptor::set(cudnnBackendAttributeName_t name, const std::vector<CudnnDescriptor>& values) {
    std::vector<cudnnBackendDescriptor_t> handles;
    for (const CudnnDescriptor& value : values) handles.push_back(value.handle());
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, static_cast<std::int64_t>(handles.size()), handles.data());
}

CudnnDescriptor& CudnnDescriptor::finalize() {
    check(Cudnn::get()->finalize(handle_.get()), "cudnnBackendFinalize");
    return *this;
}

std::vector<CudnnDescriptor> CudnnDescriptor::get(cudnnBackendAttributeName_t name, cudnnBackendDescriptorType_t kind,
                                                  std::int64_t most) const {
    std::vector<CudnnDescriptor> result;
    std::vector<cudnnBackendDescriptor_t> handles;
    for (std::int64_t i = 0; i < most; ++i) handles.push_back(result.emplace_back(kind).handle());
    std::int64_t count = 0;
    check(Cudnn::get()->get_attribute(handle_.get(), name, CUDNN_TYPE_BACKEND_DESCRIPTOR, most, &count, handles.data()),
          "cudnnBackendGetAttribute");
    result.erase(result.begin() + static_cast<std::ptrdiff_t>(count < most ? count : most), result.end());
    return result;
}

}  // namespace fovea::backend::cuda
