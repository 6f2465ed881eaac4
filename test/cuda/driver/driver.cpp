// A driver that needs no GPU, under the name that fovea opens: two unlike devices whose memory is the host's and whose
// kernels do nothing. It refuses what belongs to another device than the current one.
#include <cuda.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>
#include <map>
#include <mutex>
#include <vector>

namespace {

/// A kernel that is captured, and how it follows the node in front of it.
struct Node {
    CUfunction function = nullptr;  ///< nullptr: not a kernel
    CUgraphEdgeData edge = {};
};

/// Whatever the driver gives out: a device's context, memory, a stream, an event, a module, a graph.
struct Object {
    enum class Kind { memory, host, stream, event, module, graph, executable } kind;
    int device = -1;
    std::size_t bytes = 0;         ///< of memory
    std::vector<Node> nodes = {};  ///< of a graph, or captured so far: one after the other
    bool capturing = false;        ///< of a stream
};

constexpr int kDevices = 2;
int contexts[kDevices];  // their addresses are the contexts; how often they are retained
thread_local CUcontext current = nullptr;
std::mutex mutex;
std::map<std::uintptr_t, Object> objects;
int early_starts = 0;  // of the graph that was instantiated last

int current_device() {
    for (int i = 0; i < kDevices; ++i)
        if (current == reinterpret_cast<CUcontext>(&contexts[i]) && contexts[i] > 0) return i;
    return -1;
}

std::uintptr_t id(const void* handle) { return reinterpret_cast<std::uintptr_t>(handle); }

/// Keeps what is given out under its address.
template <class Handle>
CUresult give(Handle* handle, Object object) {
    object.device = current_device();
    if (object.device < 0) return CUDA_ERROR_INVALID_CONTEXT;
    const std::lock_guard lock(mutex);
    const std::size_t bytes = (std::max<std::size_t>(object.bytes, 1) + 255) / 256 * 256;
    void* memory = std::aligned_alloc(256, bytes);
    *handle = (Handle)memory;  // NOLINT: pointers and numbers
    objects[id(memory)] = object;
    return CUDA_SUCCESS;
}

CUresult take(const void* handle, Object::Kind kind) {
    const std::lock_guard lock(mutex);
    const auto at = objects.find(id(handle));
    if (at == objects.end() || at->second.kind != kind) return CUDA_ERROR_INVALID_HANDLE;
    objects.erase(at);
    std::free(const_cast<void*>(handle));
    return CUDA_SUCCESS;
}

/// The object at or around an address; nullptr: none.
Object* find(std::uintptr_t address) {
    auto at = objects.upper_bound(address);
    if (at == objects.begin()) return nullptr;
    --at;
    return address <= at->first + std::max<std::size_t>(at->second.bytes, 1) - 1 ? &at->second : nullptr;
}

/// Checks that everything belongs to the current device, and puts one node into a stream that captures. `run`: whether
/// the work is done now.
CUresult enqueue(CUstream stream, std::initializer_list<std::uintptr_t> device_memory, bool& run,
                 const Node& node = {}) {
    run = false;
    const int device = current_device();
    if (device < 0) return CUDA_ERROR_INVALID_CONTEXT;
    const std::lock_guard lock(mutex);
    for (const std::uintptr_t address : device_memory) {
        const Object* memory = find(address);
        if (!memory || memory->kind != Object::Kind::memory) return CUDA_ERROR_INVALID_VALUE;
        if (memory->device != device) return CUDA_ERROR_INVALID_CONTEXT;
    }
    Object* queue = stream ? find(id(stream)) : nullptr;
    if (stream && (!queue || queue->kind != Object::Kind::stream)) return CUDA_ERROR_INVALID_HANDLE;
    if (queue && queue->device != device) return CUDA_ERROR_INVALID_CONTEXT;
    run = !queue || !queue->capturing;
    if (!run) queue->nodes.push_back(node);
    return CUDA_SUCCESS;
}

CUresult copy(void* target, const void* source, std::size_t bytes, CUstream stream,
              std::initializer_list<std::uintptr_t> device_memory) {
    bool run = false;
    if (const CUresult result = enqueue(stream, device_memory, run)) return result;
    if (run) std::memcpy(target, source, bytes);
    return CUDA_SUCCESS;
}

CUresult on_stream(CUstream stream) {
    bool run = false;
    return enqueue(stream, {}, run);
}

}  // namespace

#pragma GCC diagnostic ignored "-Wunused-parameter"

#define DRIVER(name, parameters, ...)                                            \
    extern "C" __attribute__((visibility("default"))) CUresult name parameters { \
        __VA_ARGS__                                                              \
        return CUDA_SUCCESS;                                                     \
    }

DRIVER(cuInit, (unsigned flags), {})
DRIVER(cuDriverGetVersion, (int* version), { *version = 13000; })
DRIVER(cuDeviceGetCount, (int* count), { *count = kDevices; })
DRIVER(cuDeviceGet, (CUdevice * device, int number), { *device = number; })
DRIVER(cuDeviceGetName, (char* name, int size, CUdevice device),
       { std::strncpy(name, device ? "Other pretended GPU" : "Pretended GPU", static_cast<std::size_t>(size)); })
DRIVER(cuDeviceGetPCIBusId, (char* text, int size, CUdevice device),
       { std::snprintf(text, static_cast<std::size_t>(size), "0000:%02x:00.0", device); })
DRIVER(cuDeviceGetAttribute, (int* value, CUdevice_attribute which, CUdevice device), {
    *value = which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR            ? 9
             : which == CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR          ? 0
             : which == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT              ? 132
             : which == CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN ? 232448
                                                                              : 1 << 20;
})
DRIVER(cuDeviceTotalMem, (size_t * bytes, CUdevice device), { *bytes = std::size_t{80} << 30; })
DRIVER(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device), {
    const std::lock_guard lock(mutex);
    ++contexts[device];
    *context = reinterpret_cast<CUcontext>(&contexts[device]);
})
DRIVER(cuDevicePrimaryCtxRelease, (CUdevice device), {
    const std::lock_guard lock(mutex);
    --contexts[device];
})
DRIVER(cuCtxGetCurrent, (CUcontext * context), { *context = current; })
DRIVER(cuCtxSetCurrent, (CUcontext context), { current = context; })
DRIVER(cuMemAlloc, (CUdeviceptr * memory, size_t bytes), {
    if (bytes > std::size_t{80} << 30) return CUDA_ERROR_OUT_OF_MEMORY;
    return give(memory, {Object::Kind::memory, -1, bytes});
})
DRIVER(cuMemFree, (CUdeviceptr memory), { return take(reinterpret_cast<void*>(memory), Object::Kind::memory); })
DRIVER(cuMemHostAlloc, (void** memory, size_t bytes, unsigned flags), {
    return give(memory, {Object::Kind::host, -1, bytes});
})
DRIVER(cuMemFreeHost, (void* memory), { return take(memory, Object::Kind::host); })
DRIVER(cuPointerGetAttributes, (unsigned count, CUpointer_attribute* attributes, void** values, CUdeviceptr pointer), {
    const std::lock_guard lock(mutex);
    const Object* object = find(pointer);
    const bool known = object && object->kind <= Object::Kind::host;
    for (unsigned i = 0; i < count; ++i)
        *static_cast<int*>(values[i]) = attributes[i] == CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
                                            ? (known ? object->device : -2)
                                        : !known                             ? 0
                                        : object->kind == Object::Kind::host ? CU_MEMORYTYPE_HOST
                                                                             : CU_MEMORYTYPE_DEVICE;
})
DRIVER(cuMemcpyHtoDAsync, (CUdeviceptr target, const void* source, size_t bytes, CUstream stream),
       { return copy(reinterpret_cast<void*>(target), source, bytes, stream, {target}); })
DRIVER(cuMemcpyDtoHAsync, (void* target, CUdeviceptr source, size_t bytes, CUstream stream),
       { return copy(target, reinterpret_cast<void*>(source), bytes, stream, {source}); })
DRIVER(cuMemcpyDtoDAsync, (CUdeviceptr target, CUdeviceptr source, size_t bytes, CUstream stream), {
    return copy(reinterpret_cast<void*>(target), reinterpret_cast<void*>(source), bytes, stream, {target, source});
})
DRIVER(cuMemsetD8Async, (CUdeviceptr target, unsigned char value, size_t bytes, CUstream stream), {
    bool run = false;
    if (const CUresult result = enqueue(stream, {target}, run)) return result;
    if (run) std::memset(reinterpret_cast<void*>(target), value, bytes);
})
DRIVER(cuStreamCreate, (CUstream * stream, unsigned flags), { return give(stream, {Object::Kind::stream}); })
DRIVER(cuStreamDestroy, (CUstream stream), { return take(stream, Object::Kind::stream); })
DRIVER(cuStreamSynchronize, (CUstream stream), { return on_stream(stream); })
DRIVER(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags), { return on_stream(stream); })
DRIVER(cuStreamBeginCapture, (CUstream stream, CUstreamCaptureMode mode), {
    const std::lock_guard lock(mutex);
    Object* object = find(id(stream));
    object->capturing = true;
    object->nodes.clear();
})
DRIVER(cuStreamEndCapture, (CUstream stream, CUgraph* graph), {
    std::vector<Node> nodes;
    {
        const std::lock_guard lock(mutex);
        Object* object = find(id(stream));
        object->capturing = false;
        nodes = object->nodes;
    }
    return give(graph, {.kind = Object::Kind::graph, .nodes = nodes});
})
DRIVER(cuGraphInstantiate, (CUgraphExec * executable, CUgraph graph, unsigned long long flags), {
    {
        const std::lock_guard lock(mutex);
        early_starts = 0;
        const auto& nodes = find(id(graph))->nodes;
        for (std::size_t i = 1; i < nodes.size(); ++i)
            early_starts += nodes[i].edge.type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC ? 1 : 0;
    }
    return give(executable, {Object::Kind::executable});
})
DRIVER(cuGraphGetNodes, (CUgraph graph, CUgraphNode* nodes, size_t* count), {
    const std::lock_guard lock(mutex);
    *count = find(id(graph))->nodes.size();
})
DRIVER(cuGraphGetEdges, (CUgraph graph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edges, size_t* count), {
    const std::lock_guard lock(mutex);
    std::vector<Node>& nodes = find(id(graph))->nodes;
    *count = nodes.empty() ? 0 : nodes.size() - 1;
    for (std::size_t i = 0; from && i < *count; ++i) {
        from[i] = reinterpret_cast<CUgraphNode>(&nodes[i]);
        to[i] = reinterpret_cast<CUgraphNode>(&nodes[i + 1]);
        edges[i] = nodes[i + 1].edge;
    }
})
DRIVER(cuGraphRemoveDependencies,
       (CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edges, size_t count), {})
DRIVER(cuGraphAddDependencies,
       (CUgraph graph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edges, size_t count), {
           for (std::size_t i = 0; i < count; ++i) reinterpret_cast<Node*>(to[i])->edge = edges[i];
       })
DRIVER(cuGraphKernelNodeGetParams, (CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* parameters),
       { parameters->func = reinterpret_cast<Node*>(node)->function; })
/// How many kernels of the graph that was instantiated last may start before the one in front of them has ended.
DRIVER(pretended_early_starts, (int* count), { *count = early_starts; })
DRIVER(cuGraphLaunch, (CUgraphExec graph, CUstream stream), { return on_stream(stream); })
DRIVER(cuGraphDestroy, (CUgraph graph), { return take(graph, Object::Kind::graph); })
DRIVER(cuGraphExecDestroy, (CUgraphExec graph), { return take(graph, Object::Kind::executable); })
DRIVER(cuEventCreate, (CUevent * event, unsigned flags), { return give(event, {Object::Kind::event}); })
DRIVER(cuEventDestroy, (CUevent event), { return take(event, Object::Kind::event); })
DRIVER(cuEventRecord, (CUevent event, CUstream stream), { return on_stream(stream); })
DRIVER(cuEventSynchronize, (CUevent event), {})
DRIVER(cuEventElapsedTime, (float* milliseconds, CUevent start, CUevent stop), { *milliseconds = 0.01f; })
DRIVER(cuModuleLoadData, (CUmodule * module, const void* image), { return give(module, {Object::Kind::module}); })
DRIVER(cuModuleUnload, (CUmodule module), { return take(module, Object::Kind::module); })
DRIVER(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char* name),
       { *function = reinterpret_cast<CUfunction>(module); })
DRIVER(cuFuncSetAttribute, (CUfunction function, CUfunction_attribute attribute, int value), {})
DRIVER(cuFuncGetAttribute, (int* value, CUfunction_attribute attribute, CUfunction function), { *value = 0; })
DRIVER(cuLaunchKernelEx, (const CUlaunchConfig* launch, CUfunction function, void** parameters, void** extra), {
    {
        const std::lock_guard lock(mutex);
        const Object* module = find(id(function));
        if (!module || module->device != current_device()) return CUDA_ERROR_INVALID_HANDLE;
    }
    Node node{function, {}};
    for (unsigned i = 0; i < launch->numAttrs; ++i)
        if (launch->attrs[i].id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION &&
            launch->attrs[i].value.programmaticStreamSerializationAllowed)
            node.edge.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
    bool run = false;
    return enqueue(launch->hStream, {}, run, node);
})

// What vendor libraries look for in a driver that they find loaded.
DRIVER(cuGetProcAddress,
       (const char* name, void** function, int version, cuuint64_t flags, CUdriverProcAddressQueryResult* status),
       { return CUDA_ERROR_NOT_FOUND; })

DRIVER(cuGetErrorName, (CUresult error, const char** text), { *text = "CUDA_ERROR_MADE_UP"; })
DRIVER(cuGetErrorString, (CUresult error, const char** text), { *text = "a made-up failure"; })
