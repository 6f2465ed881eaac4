#pragma once

#include <cuda.h>

#include "backend/cuda/library.hpp"

namespace fovea::backend::cuda {

/// Throws for a driver call that failed: what it was, what the driver says, and what to do.
[[noreturn]] void fail(const char* call, CUresult result);

/// A function of the driver that throws when it does not succeed.
template <class Function>
class Call;
template <class... Parameters>
class Call<CUresult(Parameters...)> {
  public:
    Call(const Library& library, const char* name) : name_(name), function_(library.function(name)) {}
    void operator()(Parameters... arguments) const {
        if (const CUresult result = function_(arguments...); result != CUDA_SUCCESS) fail(name_, result);
    }
    /// The result instead of an exception, for destructors and questions.
    CUresult quiet(Parameters... arguments) const { return function_(arguments...); }

  private:
    const char* name_;
    CUresult(CUDAAPI* function_)(Parameters...);
};

// The header renames functions to their current versions; the library is asked for those names.
#define FOVEA_SYMBOL(name) #name
#define FOVEA_CALL(function, member) \
    Call<decltype(function)> member { *this, FOVEA_SYMBOL(function) }

/// CUDA's driver interface.
struct Driver : Library {
    Driver() : Library("the NVIDIA driver", {"libcuda.so.1"}, "install NVIDIA's driver to use a GPU") {}

    FOVEA_CALL(cuInit, init);
    FOVEA_CALL(cuDriverGetVersion, version);
    FOVEA_CALL(cuDeviceGetCount, device_count);
    FOVEA_CALL(cuDeviceGet, device_get);
    FOVEA_CALL(cuDeviceGetName, device_name);
    FOVEA_CALL(cuDeviceGetAttribute, device_attribute);
    FOVEA_CALL(cuDeviceTotalMem, device_memory);
    FOVEA_CALL(cuDeviceGetPCIBusId, device_pci_address);
    FOVEA_CALL(cuDevicePrimaryCtxRetain, context_retain);
    FOVEA_CALL(cuDevicePrimaryCtxRelease, context_release);
    FOVEA_CALL(cuCtxGetCurrent, context_get_current);
    FOVEA_CALL(cuCtxSetCurrent, context_set_current);
    FOVEA_CALL(cuMemAlloc, memory_allocate);
    FOVEA_CALL(cuMemFree, memory_free);
    FOVEA_CALL(cuMemHostAlloc, host_allocate);
    FOVEA_CALL(cuMemFreeHost, host_free);
    FOVEA_CALL(cuPointerGetAttributes, pointer_attributes);
    FOVEA_CALL(cuMemcpyHtoDAsync, copy_to_device);
    FOVEA_CALL(cuMemcpyDtoHAsync, copy_to_host);
    FOVEA_CALL(cuMemcpyDtoDAsync, copy_on_device);
    FOVEA_CALL(cuMemsetD8Async, memory_set);
    FOVEA_CALL(cuStreamCreate, stream_create);
    FOVEA_CALL(cuStreamDestroy, stream_destroy);
    FOVEA_CALL(cuStreamSynchronize, stream_synchronize);
    FOVEA_CALL(cuStreamWaitEvent, stream_wait);
    FOVEA_CALL(cuStreamBeginCapture, capture_begin);
    FOVEA_CALL(cuStreamEndCapture, capture_end);
    FOVEA_CALL(cuGraphInstantiate, graph_instantiate);
    FOVEA_CALL(cuGraphGetNodes, graph_nodes);
    FOVEA_CALL(cuGraphGetEdges, graph_edges);
    FOVEA_CALL(cuGraphAddDependencies, graph_add_edges);
    FOVEA_CALL(cuGraphRemoveDependencies, graph_remove_edges);
    FOVEA_CALL(cuGraphKernelNodeGetParams, graph_kernel);
    FOVEA_CALL(cuGraphLaunch, graph_launch);
    FOVEA_CALL(cuGraphDestroy, graph_destroy);
    FOVEA_CALL(cuGraphExecDestroy, graph_exec_destroy);
    FOVEA_CALL(cuEventCreate, event_create);
    FOVEA_CALL(cuEventDestroy, event_destroy);
    FOVEA_CALL(cuEventRecord, event_record);
    FOVEA_CALL(cuEventSynchronize, event_synchronize);
    FOVEA_CALL(cuEventElapsedTime, event_elapsed);
    FOVEA_CALL(cuModuleLoadData, module_load);
    FOVEA_CALL(cuModuleUnload, module_unload);
    FOVEA_CALL(cuModuleGetFunction, module_function);
    FOVEA_CALL(cuFuncSetAttribute, function_set_attribute);
    FOVEA_CALL(cuFuncGetAttribute, function_attribute);
    FOVEA_CALL(cuLaunchKernelEx, launch);
    decltype(cuGetErrorName)* error_name = function("cuGetErrorName");
    decltype(cuGetErrorString)* error_text = function("cuGetErrorString");

    /// The table of this process, initialised on first use. Throws `unsupported` where there is no driver.
    static const Driver& get();
};

#undef FOVEA_CALL
#undef FOVEA_SYMBOL

}  // namespace fovea::backend::cuda
