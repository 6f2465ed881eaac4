#include "backend/cuda/device.hpp"

#include <algorithm>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cuda/instruments.hpp"
#include "backend/cuda/nvrtc.hpp"

namespace fovea::backend::cuda {
namespace {

CUdeviceptr address(const std::byte* pointer) { return reinterpret_cast<CUdeviceptr>(pointer); }

int attribute(CUdevice device, CUdevice_attribute which) {
    int value = 0;
    Driver::get().device_attribute(&value, which, device);
    return value;
}

Facts read_facts(CUdevice device) {
    Facts facts;
    char name[128] = {};
    Driver::get().device_name(name, sizeof name, device);
    facts.name = name;
    facts.compute_capability = 10 * attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) +
                               attribute(device, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
    facts.multiprocessors = attribute(device, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
    facts.l2_bytes = static_cast<std::size_t>(attribute(device, CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
    facts.shared_bytes = attribute(device, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    Driver::get().device_memory(&facts.memory_bytes, device);
    return facts;
}

}  // namespace

CudaDevice::CudaDevice(int index) {
    const Driver& driver = Driver::get();
    int count = 0;
    driver.device_count(&count);
    if (index < 0 || index >= count)
        throw Error(ErrorCode::invalid_argument,
                    "there is no GPU cuda:" + std::to_string(index) + "; this machine has " + std::to_string(count));
    driver.device_get(&device_, index);
    facts_ = read_facts(device_);
    if (facts_.compute_capability < 80)
        throw Error(ErrorCode::unsupported, facts_.name + " has compute capability " +
                                                std::to_string(facts_.compute_capability / 10) + "." +
                                                std::to_string(facts_.compute_capability % 10) +
                                                "; kernels need 8.0 or newer: use --target cpu");
    driver.context_retain(&context_, device_);
    instruments_ = make_instruments(device_, facts_);
}

CudaDevice::~CudaDevice() {
    if (present()) Driver::get().context_release.quiet(device_);
}

std::string CudaDevice::architecture() const {
    return "sm_" + std::to_string(facts_.compute_capability) + (facts_.compute_capability == 90 ? "a" : "");
}

void CudaDevice::use() const { Driver::get().context_set_current(context_); }

bool CudaDevice::try_use() const noexcept { return Driver::get().context_set_current.quiet(context_) == CUDA_SUCCESS; }

std::shared_ptr<std::byte> CudaDevice::allocate(std::size_t bytes) const {
    if (!present()) return PackedConstants::allocate(bytes);
    use();
    CUdeviceptr memory = 0;
    Driver::get().memory_allocate(&memory, std::max<std::size_t>(bytes, 1));
    return {reinterpret_cast<std::byte*>(memory), [self = shared_from_this()](std::byte* p) {
                if (self->try_use()) Driver::get().memory_free.quiet(address(p));
            }};
}

std::shared_ptr<std::byte> CudaDevice::allocate_host(std::size_t bytes) const {
    use();
    void* memory = nullptr;
    Driver::get().host_allocate(&memory, std::max<std::size_t>(bytes, 1), CU_MEMHOSTALLOC_PORTABLE);
    return {static_cast<std::byte*>(memory), [self = shared_from_this()](std::byte* p) {
                if (self->try_use()) Driver::get().host_free.quiet(p);
            }};
}

std::unique_ptr<Stream> CudaDevice::make_stream() const { return std::make_unique<CudaStream>(shared_from_this()); }

std::shared_ptr<std::byte> CudaDevice::upload(std::span<const std::byte> content) const {
    auto memory = allocate(content.size());
    if (!present()) return memory;
    CudaStream stream(shared_from_this());
    stream.upload(memory.get(), content.data(), content.size());
    stream.synchronize();
    return memory;
}

CudaRecording::CudaRecording(CUgraph graph, std::size_t size) : size_(size) {
    Driver::get().graph_instantiate(&graph_, graph, 0);
}

CudaRecording::~CudaRecording() { Driver::get().graph_exec_destroy.quiet(graph_); }

CudaStream::CudaStream(std::shared_ptr<const CudaDevice> device) : device_(std::move(device)) {
    device_->use();
    Driver::get().stream_create(&stream_, CU_STREAM_NON_BLOCKING);
    Driver::get().event_create(&start_, CU_EVENT_DEFAULT);
    Driver::get().event_create(&stop_, CU_EVENT_DEFAULT);
}

CudaStream::~CudaStream() {
    for (CUevent event : {start_, stop_})
        if (event) Driver::get().event_destroy.quiet(event);
    Driver::get().stream_destroy.quiet(stream_);
}

void CudaStream::upload(std::byte* device, const std::byte* host, std::size_t bytes) {
    if (bytes) Driver::get().copy_to_device(address(device), host, bytes, stream_);
}

void CudaStream::download(std::byte* host, const std::byte* device, std::size_t bytes) {
    if (bytes) Driver::get().copy_to_host(host, address(device), bytes, stream_);
}

void CudaStream::synchronize() {
    device_->use();
    Driver::get().stream_synchronize(stream_);
}

std::unique_ptr<Recording> CudaStream::record(const std::function<void()>& enqueue) {
    const Driver& driver = Driver::get();
    device_->use();
    struct Graph {
        CUgraph handle = nullptr;
        ~Graph() {
            if (handle) Driver::get().graph_destroy.quiet(handle);
        }
    } graph;
    driver.capture_begin(stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    try {
        enqueue();
    } catch (...) {
        driver.capture_end.quiet(stream_, &graph.handle);
        throw;
    }
    driver.capture_end(stream_, &graph.handle);
    std::size_t count = 0;
    driver.graph_nodes(graph.handle, nullptr, &count);
    return std::make_unique<CudaRecording>(graph.handle, count);
}

void CudaStream::replay(const Recording& recording) {
    device_->use();
    Driver::get().graph_launch(static_cast<const CudaRecording&>(recording).handle(), stream_);
}

double CudaStream::time(const Recording& recording, int replays) {
    const Driver& driver = Driver::get();
    std::vector<float> times;
    for (int i = 0; i < replays; ++i) {
        driver.event_record(start_, stream_);
        replay(recording);
        driver.event_record(stop_, stream_);
        driver.event_synchronize(stop_);
        float milliseconds = 0;
        driver.event_elapsed(&milliseconds, start_, stop_);
        times.push_back(milliseconds);
    }
    const auto middle = times.begin() + replays / 2;
    std::nth_element(times.begin(), middle, times.end());
    return 1e3 * static_cast<double>(*middle);
}

Function::Function(std::shared_ptr<const CudaDevice> device, const std::string& source, const std::string& name,
                   std::size_t shared_bytes)
    : device_(std::move(device)), shared_bytes_(shared_bytes) {
    const std::vector<char> binary = compile(source, name, device_->architecture());
    if (!device_->present()) return;
    const Driver& driver = Driver::get();
    device_->use();
    driver.module_load(&module_, binary.data());
    driver.module_function(&function_, module_, name.c_str());
    if (shared_bytes > 48 * 1024)
        driver.function_set_attribute(function_, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                      static_cast<int>(shared_bytes));
}

Function::~Function() {
    if (module_ && device_->try_use()) Driver::get().module_unload.quiet(module_);
}

void Function::launch(Stream& stream, Grid grid, unsigned threads, const void* parameter) const {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;  // an empty tensor
    void* parameters[] = {const_cast<void*>(parameter)};
    Driver::get().launch(function_, grid.x, grid.y, grid.z, threads, 1, 1, static_cast<unsigned>(shared_bytes_),
                         static_cast<CudaStream&>(stream).handle(), parameters, nullptr);
}

}  // namespace fovea::backend::cuda
