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
    void load(const Library& library, const char* name) {
        name_ = name;
        library.load(name, function_);
    }
    void operator()(Parameters... arguments) const {
        if (const CUresult result = function_(arguments...); result != CUDA_SUCCESS) fail(name_, result);
    }
    /// The result instead of an exception, for destructors and questions.
    CUresult quiet(Parameters... arguments) const { return function_(arguments...); }

  private:
    const char* name_ = "";
    CUresult(CUDAAPI* function_)(Parameters...) = nullptr;
};

/// CUDA's driver interface.
struct Driver {
    Call<decltype(cuInit)> init;
    Call<decltype(cuDriverGetVersion)> version;
    Call<decltype(cuDeviceGetCount)> device_count;
    Call<decltype(cuDeviceGet)> device_get;
    Call<decltype(cuDeviceGetName)> device_name;
    Call<decltype(cuDeviceGetAttribute)> device_attribute;
    Call<decltype(cuDeviceTotalMem)> device_memory;
    Call<decltype(cuDeviceGetPCIBusId)> device_pci_address;
    Call<decltype(cuDevicePrimaryCtxRetain)> context_retain;
    Call<decltype(cuDevicePrimaryCtxRelease)> context_release;
    Call<decltype(cuCtxGetCurrent)> context_get_current;
    Call<decltype(cuCtxSetCurrent)> context_set_current;
    Call<decltype(cuMemAlloc)> memory_allocate;
    Call<decltype(cuMemFree)> memory_free;
    Call<decltype(cuMemHostAlloc)> host_allocate;
    Call<decltype(cuMemFreeHost)> host_free;
    Call<decltype(cuPointerGetAttributes)> pointer_attributes;
    Call<decltype(cuMemcpyHtoDAsync)> copy_to_device;
    Call<decltype(cuMemcpyDtoHAsync)> copy_to_host;
    Call<decltype(cuMemcpyDtoDAsync)> copy_on_device;
    Call<decltype(cuMemsetD8Async)> memory_set;
    Call<decltype(cuStreamCreate)> stream_create;
    Call<decltype(cuStreamDestroy)> stream_destroy;
    Call<decltype(cuStreamSynchronize)> stream_synchronize;
    Call<decltype(cuStreamWaitEvent)> stream_wait;
    Call<decltype(cuStreamBeginCapture)> capture_begin;
    Call<decltype(cuStreamEndCapture)> capture_end;
    Call<decltype(cuGraphInstantiate)> graph_instantiate;
    Call<decltype(cuGraphGetNodes)> graph_nodes;
    Call<decltype(cuGraphGetEdges)> graph_edges;
    Call<decltype(cuGraphAddDependencies)> graph_add_edges;
    Call<decltype(cuGraphRemoveDependencies)> graph_remove_edges;
    Call<decltype(cuGraphKernelNodeGetParams)> graph_kernel;
    Call<decltype(cuGraphLaunch)> graph_launch;
    Call<decltype(cuGraphDestroy)> graph_destroy;
    Call<decltype(cuGraphExecDestroy)> graph_exec_destroy;
    Call<decltype(cuEventCreate)> event_create;
    Call<decltype(cuEventDestroy)> event_destroy;
    Call<decltype(cuEventRecord)> event_record;
    Call<decltype(cuEventSynchronize)> event_synchronize;
    Call<decltype(cuEventElapsedTime)> event_elapsed;
    Call<decltype(cuModuleLoadData)> module_load;
    Call<decltype(cuModuleUnload)> module_unload;
    Call<decltype(cuModuleGetFunction)> module_function;
    Call<decltype(cuFuncSetAttribute)> function_set_attribute;
    Call<decltype(cuFuncGetAttribute)> function_attribute;
    Call<decltype(cuLaunchKernelEx)> launch;
    decltype(cuGetErrorName)* error_name = nullptr;
    decltype(cuGetErrorString)* error_text = nullptr;

    /// The table of this process, initialised on first use. Throws `unsupported` where there is no driver.
    static const Driver& get();
};

}  // namespace fovea::backend::cuda
