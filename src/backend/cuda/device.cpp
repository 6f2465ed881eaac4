#include "backend/cuda/device.hpp"

#include <algorithm>
#include <set>
#include <vector>

#include "backend/backend.hpp"
#include "backend/cuda/instruments.hpp"
#include "backend/cuda/nvrtc.hpp"
#include "base/checked.hpp"

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

std::shared_ptr<std::byte> CudaDevice::allocate(std::size_t bytes) const {
    if (!present()) return PackedConstants::allocate(bytes);
    const Current current(context_);
    CUdeviceptr memory = 0;
    Driver::get().memory_allocate(&memory, std::max<std::size_t>(bytes, 1));
    return {reinterpret_cast<std::byte*>(memory), [self = shared_from_this()](std::byte* p) mutable {
                // This closure lives as long as the weak pointer in `shared_`, which the device owns.
                const auto device = std::move(self);
                const Current current(device->context_, std::nothrow);
                Driver::get().memory_free.quiet(address(p));
            }};
}

std::shared_ptr<std::byte> CudaDevice::allocate_host(std::size_t bytes) const {
    const Current current(context_);
    void* memory = nullptr;
    Driver::get().host_allocate(&memory, std::max<std::size_t>(bytes, 1), CU_MEMHOSTALLOC_PORTABLE);
    return {static_cast<std::byte*>(memory), [self = shared_from_this()](std::byte* p) {
                const Current current(self->context_, std::nothrow);
                Driver::get().host_free.quiet(p);
            }};
}

MemoryKind CudaDevice::kind_of(const void* pointer) const {
    const Current current(context_);
    unsigned kind = 0;
    int owner = 0;
    CUpointer_attribute attributes[] = {CU_POINTER_ATTRIBUTE_MEMORY_TYPE, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL};
    void* values[] = {&kind, &owner};
    Driver::get().pointer_attributes(2, attributes, values, reinterpret_cast<CUdeviceptr>(pointer));
    if (kind == CU_MEMORYTYPE_HOST) return MemoryKind::pinned;
    if (kind != CU_MEMORYTYPE_DEVICE) return MemoryKind::pageable;
    return owner == device_ ? MemoryKind::device : MemoryKind::foreign;
}

std::unique_ptr<Stream> CudaDevice::make_stream() const { return std::make_unique<CudaStream>(shared_from_this()); }

std::unique_ptr<Stream> CudaDevice::adopt_stream(void* handle) const {
    return std::make_unique<CudaStream>(shared_from_this(), static_cast<CUstream>(handle));
}

/// Small blocks share an allocation, which goes with the last of them: the driver takes long for each.
std::shared_ptr<std::byte> CudaDevice::place(std::size_t bytes) const {
    constexpr std::size_t kShared = std::size_t{8} << 20, kAlignment = 256;
    if (bytes > kShared / 4) return allocate(bytes);
    auto shared = shared_.lock();
    if (!shared || used_ + bytes > kShared) {
        shared = allocate(kShared);
        shared_ = shared;
        used_ = 0;
    }
    std::byte* begin = shared.get() + used_;
    used_ += base::round_up(std::max<std::size_t>(bytes, 1), kAlignment);
    return {std::move(shared), begin};
}

std::shared_ptr<std::byte> CudaDevice::upload(std::span<const std::byte> content) const {
    if (!present()) return allocate(content.size());
    const std::lock_guard lock(uploads_);  // side by side they take longer
    auto memory = place(content.size());
    CudaStream stream(shared_from_this());
    stream.upload(memory.get(), content.data(), content.size());
    stream.synchronize();
    return memory;
}

std::shared_ptr<CUmod_st> CudaDevice::load(const std::vector<char>& binary, std::size_t shared_bytes) const {
    const std::lock_guard lock(mutex_);
    auto& known = modules_[{binary.data(), shared_bytes}];
    if (auto module = known.lock()) return module;
    const Current current(context_);
    CUmodule loaded = nullptr;
    Driver::get().module_load(&loaded, binary.data());
    const std::shared_ptr<CUmod_st> module(loaded, [self = shared_from_this()](CUmodule m) mutable {
        // This closure lives as long as the weak pointer in `modules_`, which the device owns.
        const auto device = std::move(self);
        const Current current(device->context_, std::nothrow);
        Driver::get().module_unload.quiet(m);
    });
    known = module;
    return module;
}

Current::Current(CUcontext context) : context_(context) {
    Driver::get().context_get_current(&before_);
    if (before_ != context) Driver::get().context_set_current(context);
}

Current::Current(CUcontext context, std::nothrow_t) noexcept : context_(context) {
    Driver::get().context_get_current.quiet(&before_);
    if (before_ != context) Driver::get().context_set_current.quiet(context);
}

Current::~Current() {
    if (before_ != context_) Driver::get().context_set_current.quiet(before_);
}

CudaRecording::CudaRecording(CUgraph graph, std::size_t size) : size_(size) {
    Driver::get().graph_instantiate(&graph_, graph, 0);
}

CudaRecording::~CudaRecording() { Driver::get().graph_exec_destroy.quiet(graph_); }

Event::Event(CUevent_flags flags) { Driver::get().event_create(&event_, flags); }

Event::~Event() {
    if (event_) Driver::get().event_destroy.quiet(event_);
}

CudaStream::CudaStream(std::shared_ptr<const CudaDevice> device) : device_(std::move(device)), own_(true) {
    const Current current(device_->context());
    Driver::get().stream_create(&stream_, CU_STREAM_NON_BLOCKING);
}

CudaStream::CudaStream(std::shared_ptr<const CudaDevice> device, CUstream stream)
    : device_(std::move(device)), stream_(stream), own_(false) {}

CudaStream::~CudaStream() {
    const Current current(device_->context(), std::nothrow);
    marks_.clear();
    if (own_) Driver::get().stream_destroy.quiet(stream_);
}

void CudaStream::upload(std::byte* device, const std::byte* host, std::size_t bytes) {
    const Current current(device_->context());
    if (bytes) Driver::get().copy_to_device(address(device), host, bytes, stream_);
}

void CudaStream::download(std::byte* host, const std::byte* device, std::size_t bytes) {
    const Current current(device_->context());
    if (bytes) Driver::get().copy_to_host(host, address(device), bytes, stream_);
}

void CudaStream::copy(std::byte* target, const std::byte* source, std::size_t bytes) {
    const Current current(device_->context());
    if (bytes) Driver::get().copy_on_device(address(target), address(source), bytes, stream_);
}

void CudaStream::synchronize() {
    const Current current(device_->context());
    Driver::get().stream_synchronize(stream_);
}

void CudaStream::mark(std::size_t mark) {
    const Current current(device_->context());
    while (marks_.size() <= mark) marks_.emplace_back(CU_EVENT_DISABLE_TIMING);
    Driver::get().event_record(marks_[mark].handle(), stream_);
}

void CudaStream::await(std::size_t mark) {
    const Current current(device_->context());
    if (mark < marks_.size()) Driver::get().event_synchronize(marks_[mark].handle());
}

void CudaStream::wait_for(const Stream& other, std::size_t mark) {
    const Current current(device_->context());
    const auto& marks = static_cast<const CudaStream&>(other).marks_;
    if (mark < marks.size()) Driver::get().stream_wait(stream_, marks[mark].handle(), CU_EVENT_WAIT_DEFAULT);
}

namespace {

/// The functions that this thread launches while it records; nullptr: it does not.
thread_local std::set<CUfunction>* launched = nullptr;

/// Lets kernels start while those in front of them end only where both are of `own`. Libraries launch some of their
/// kernels to start early, too, which read before they wait: none of theirs lets the next one start too soon, own ones
/// do.
void wait_around_libraries(CUgraph graph, const std::set<CUfunction>& own) {
    const Driver& driver = Driver::get();
    std::size_t count = 0;
    driver.graph_edges(graph, nullptr, nullptr, nullptr, &count);
    std::vector<CUgraphNode> from(count), to(count);
    std::vector<CUgraphEdgeData> edges(count);
    if (count) driver.graph_edges(graph, from.data(), to.data(), edges.data(), &count);
    const auto is_own = [&](CUgraphNode node) {
        CUDA_KERNEL_NODE_PARAMS kernel = {};
        driver.graph_kernel(node, &kernel);
        return kernel.func && own.contains(kernel.func);
    };
    for (std::size_t i = 0; i < count; ++i) {
        if (edges[i].type != CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC || (is_own(from[i]) && is_own(to[i]))) continue;
        const CUgraphEdgeData whole = {};
        driver.graph_remove_edges(graph, &from[i], &to[i], &edges[i], 1);
        driver.graph_add_edges(graph, &from[i], &to[i], &whole, 1);
    }
}

}  // namespace

std::unique_ptr<Recording> CudaStream::record(const std::function<void()>& enqueue) {
    const Driver& driver = Driver::get();
    const Current current(device_->context());
    struct Graph {
        CUgraph handle = nullptr;
        ~Graph() {
            if (handle) Driver::get().graph_destroy.quiet(handle);
        }
    } graph;
    std::set<CUfunction> own;
    driver.capture_begin(stream_, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    launched = &own;
    try {
        enqueue();
        launched = nullptr;
    } catch (...) {
        launched = nullptr;
        overlaps_ = false;
        driver.capture_end.quiet(stream_, &graph.handle);
        throw;
    }
    driver.capture_end(stream_, &graph.handle);
    wait_around_libraries(graph.handle, own);
    std::size_t count = 0;
    driver.graph_nodes(graph.handle, nullptr, &count);
    return std::make_unique<CudaRecording>(graph.handle, count);
}

void CudaStream::replay(const Recording& recording) {
    const Current current(device_->context());
    Driver::get().graph_launch(static_cast<const CudaRecording&>(recording).handle(), stream_);
}

double CudaStream::time(const Recording& recording, int replays) {
    const Driver& driver = Driver::get();
    const Current current(device_->context());
    const Event start(CU_EVENT_DEFAULT), stop(CU_EVENT_DEFAULT);
    std::vector<float> times;
    for (int i = 0; i < replays; ++i) {
        driver.event_record(start.handle(), stream_);
        replay(recording);
        driver.event_record(stop.handle(), stream_);
        driver.event_synchronize(stop.handle());
        float milliseconds = 0;
        driver.event_elapsed(&milliseconds, start.handle(), stop.handle());
        times.push_back(milliseconds);
    }
    const auto middle = times.begin() + replays / 2;
    std::nth_element(times.begin(), middle, times.end());
    return 1e3 * static_cast<double>(*middle);
}

void CudaStream::cool(const std::vector<std::span<const std::byte>>& kept) {
    const Current current(device_->context());
    const std::size_t cache = device_->facts().l2_bytes;
    if (!filling_) filling_ = device_->allocate(2 * cache);
    Driver::get().memory_set(address(filling_.get()), 0, 2 * cache, stream_);
    for (const auto& piece : kept)
        if (!piece.empty())
            Driver::get().copy_on_device(address(filling_.get()), address(piece.data()), std::min(piece.size(), cache),
                                         stream_);
}

Function::Function(std::shared_ptr<const CudaDevice> device, const std::string& source, const std::string& name,
                   std::size_t shared_bytes)
    : device_(std::move(device)), shared_bytes_(shared_bytes) {
    const std::vector<char>& binary = compile(source, name, device_->architecture());
    if (!device_->present()) return;
    const Driver& driver = Driver::get();
    const Current current(device_->context());
    module_ = device_->load(binary, shared_bytes);
    driver.module_function(&function_, module_.get(), name.c_str());
    if (shared_bytes > 48 * 1024)
        driver.function_set_attribute(function_, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                                      static_cast<int>(shared_bytes));
}

void Function::launch(Stream& stream, Grid grid, unsigned threads, const void* parameter) const {
    if (grid.x == 0 || grid.y == 0 || grid.z == 0) return;  // an empty tensor
    const Current current(device_->context());
    const auto& queue = static_cast<CudaStream&>(stream);
    void* parameters[] = {const_cast<void*>(parameter)};
    CUlaunchAttribute early = {};
    early.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
    early.value.programmaticStreamSerializationAllowed = 1;
    CUlaunchConfig launch = {};
    launch.gridDimX = grid.x;
    launch.gridDimY = grid.y;
    launch.gridDimZ = grid.z;
    launch.blockDimX = threads;
    launch.blockDimY = launch.blockDimZ = 1;
    launch.sharedMemBytes = static_cast<unsigned>(shared_bytes_);
    launch.hStream = queue.handle();
    launch.attrs = &early;
    launch.numAttrs = queue.overlaps() ? 1 : 0;
    Driver::get().launch(&launch, function_, parameters, nullptr);
    if (launched) launched->insert(function_);
}

}  // namespace fovea::backend::cuda
