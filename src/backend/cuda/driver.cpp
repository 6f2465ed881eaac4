#include "backend/cuda/driver.hpp"

namespace fovea::backend::cuda {
namespace {

// The header renames functions to their current versions; the library is asked for those names.
#define FOVEA_TEXT(name) #name
#define FOVEA_SYMBOL(name) FOVEA_TEXT(name)

Driver open() {
    const Library library("the NVIDIA driver", {"libcuda.so.1"}, "install NVIDIA's driver to use a GPU");
    Driver d;
    d.init.load(library, FOVEA_SYMBOL(cuInit));
    d.version.load(library, FOVEA_SYMBOL(cuDriverGetVersion));
    d.device_count.load(library, FOVEA_SYMBOL(cuDeviceGetCount));
    d.device_get.load(library, FOVEA_SYMBOL(cuDeviceGet));
    d.device_name.load(library, FOVEA_SYMBOL(cuDeviceGetName));
    d.device_attribute.load(library, FOVEA_SYMBOL(cuDeviceGetAttribute));
    d.device_memory.load(library, FOVEA_SYMBOL(cuDeviceTotalMem));
    d.device_pci_address.load(library, FOVEA_SYMBOL(cuDeviceGetPCIBusId));
    d.context_retain.load(library, FOVEA_SYMBOL(cuDevicePrimaryCtxRetain));
    d.context_release.load(library, FOVEA_SYMBOL(cuDevicePrimaryCtxRelease));
    d.context_get_current.load(library, FOVEA_SYMBOL(cuCtxGetCurrent));
    d.context_set_current.load(library, FOVEA_SYMBOL(cuCtxSetCurrent));
    d.memory_allocate.load(library, FOVEA_SYMBOL(cuMemAlloc));
    d.memory_free.load(library, FOVEA_SYMBOL(cuMemFree));
    d.host_allocate.load(library, FOVEA_SYMBOL(cuMemHostAlloc));
    d.host_free.load(library, FOVEA_SYMBOL(cuMemFreeHost));
    d.pointer_attributes.load(library, FOVEA_SYMBOL(cuPointerGetAttributes));
    d.copy_to_device.load(library, FOVEA_SYMBOL(cuMemcpyHtoDAsync));
    d.copy_to_host.load(library, FOVEA_SYMBOL(cuMemcpyDtoHAsync));
    d.copy_on_device.load(library, FOVEA_SYMBOL(cuMemcpyDtoDAsync));
    d.memory_set.load(library, FOVEA_SYMBOL(cuMemsetD8Async));
    d.stream_create.load(library, FOVEA_SYMBOL(cuStreamCreate));
    d.stream_destroy.load(library, FOVEA_SYMBOL(cuStreamDestroy));
    d.stream_synchronize.load(library, FOVEA_SYMBOL(cuStreamSynchronize));
    d.stream_wait.load(library, FOVEA_SYMBOL(cuStreamWaitEvent));
    d.capture_begin.load(library, FOVEA_SYMBOL(cuStreamBeginCapture));
    d.capture_end.load(library, FOVEA_SYMBOL(cuStreamEndCapture));
    d.graph_instantiate.load(library, FOVEA_SYMBOL(cuGraphInstantiate));
    d.graph_nodes.load(library, FOVEA_SYMBOL(cuGraphGetNodes));
    d.graph_edges.load(library, FOVEA_SYMBOL(cuGraphGetEdges));
    d.graph_add_edges.load(library, FOVEA_SYMBOL(cuGraphAddDependencies));
    d.graph_remove_edges.load(library, FOVEA_SYMBOL(cuGraphRemoveDependencies));
    d.graph_kernel.load(library, FOVEA_SYMBOL(cuGraphKernelNodeGetParams));
    d.graph_launch.load(library, FOVEA_SYMBOL(cuGraphLaunch));
    d.graph_destroy.load(library, FOVEA_SYMBOL(cuGraphDestroy));
    d.graph_exec_destroy.load(library, FOVEA_SYMBOL(cuGraphExecDestroy));
    d.event_create.load(library, FOVEA_SYMBOL(cuEventCreate));
    d.event_destroy.load(library, FOVEA_SYMBOL(cuEventDestroy));
    d.event_record.load(library, FOVEA_SYMBOL(cuEventRecord));
    d.event_synchronize.load(library, FOVEA_SYMBOL(cuEventSynchronize));
    d.event_elapsed.load(library, FOVEA_SYMBOL(cuEventElapsedTime));
    d.module_load.load(library, FOVEA_SYMBOL(cuModuleLoadData));
    d.module_unload.load(library, FOVEA_SYMBOL(cuModuleUnload));
    d.module_function.load(library, FOVEA_SYMBOL(cuModuleGetFunction));
    d.function_set_attribute.load(library, FOVEA_SYMBOL(cuFuncSetAttribute));
    d.function_attribute.load(library, FOVEA_SYMBOL(cuFuncGetAttribute));
    d.launch.load(library, FOVEA_SYMBOL(cuLaunchKernelEx));
    library.load("cuGetErrorName", d.error_name);
    library.load("cuGetErrorString", d.error_text);
    return d;
}

#undef FOVEA_SYMBOL
#undef FOVEA_TEXT

Driver& table() {
    static Driver driver = open();
    return driver;
}

/// Code and remedy of the results that users meet.
std::pair<ErrorCode, const char*> advice(CUresult result) {
    switch (result) {
        case CUDA_ERROR_OUT_OF_MEMORY:
            return {ErrorCode::out_of_range, "free memory on the GPU, or use a smaller batch or image"};
        case CUDA_ERROR_NO_DEVICE: return {ErrorCode::unsupported, "no GPU is visible; see nvidia-smi"};
        case CUDA_ERROR_INVALID_DEVICE: return {ErrorCode::invalid_argument, "there is no GPU of this number"};
        case CUDA_ERROR_NO_BINARY_FOR_GPU:
        case CUDA_ERROR_UNSUPPORTED_PTX_VERSION:
        case CUDA_ERROR_SYSTEM_DRIVER_MISMATCH:
            return {ErrorCode::unsupported, "install a newer NVIDIA driver, or an older CUDA toolkit"};
        case CUDA_ERROR_ILLEGAL_ADDRESS:
        case CUDA_ERROR_LAUNCH_FAILED:
        case CUDA_ERROR_ECC_UNCORRECTABLE:
            return {ErrorCode::internal, "this process cannot use the GPU any more: start it again and report it"};
        default: return {ErrorCode::internal, "report it, with the output of `fovea doctor`"};
    }
}

}  // namespace

void fail(const char* call, CUresult result) {
    const char *name = "unknown error", *text = "";
    table().error_name(result, &name);
    table().error_text(result, &text);
    const auto [code, remedy] = advice(result);
    throw Error(code, std::string("CUDA's ") + call + " failed: " + text + " (" + name + "); " + remedy);
}

const Driver& Driver::get() {
    static const bool ready = [] {
        table().init(0);
        return true;
    }();
    (void)ready;
    return table();
}

}  // namespace fovea::backend::cuda
