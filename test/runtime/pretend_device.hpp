#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "backend/reference/reference.hpp"
#include "compiler/region_reference.hpp"
#include "ops/counted.hpp"
#include "ops/evaluate.hpp"
#include "ops/index.hpp"

/// A device that is none: its memory is the host's, but kernels may touch nothing else, and run only when the stream
/// does.
namespace fovea::runtime {

using backend::KernelArgs;

class PretendRecording final : public backend::Recording {
  public:
    [[nodiscard]] std::size_t size() const override { return work.size(); }
    std::vector<std::function<void()>> work;
};

class PretendStream final : public backend::Stream {
  public:
    void submit(std::function<void()> work) { (recording_ ? recording_->work : queue_).push_back(std::move(work)); }
    void upload(std::byte* device, const std::byte* host, std::size_t bytes) override {
        submit([=] { std::memcpy(device, host, bytes); });
    }
    void download(std::byte* host, const std::byte* device, std::size_t bytes) override {
        submit([=] { std::memcpy(host, device, bytes); });
    }
    void copy(std::byte* target, const std::byte* source, std::size_t bytes) override {
        submit([=] { std::memcpy(target, source, bytes); });
    }
    void synchronize() override {
        for (const auto& work : queue_) work();
        queue_.clear();
    }
    void mark(std::size_t) override {}
    void await(std::size_t) override { synchronize(); }
    void wait_for(const Stream& other, std::size_t) override {
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): only one queue at a time
        const_cast<PretendStream&>(static_cast<const PretendStream&>(other)).synchronize();
    }
    std::unique_ptr<backend::Recording> record(const std::function<void()>& enqueue) override {
        auto recording = std::make_unique<PretendRecording>();
        recording_ = recording.get();
        enqueue();
        recording_ = nullptr;
        return recording;
    }
    void replay(const backend::Recording& recording) override {
        for (const auto& work : static_cast<const PretendRecording&>(recording).work) queue_.push_back(work);
    }
    double time(const backend::Recording& recording, int) override {
        replay(recording);
        synchronize();
        return 1;
    }

  private:
    PretendRecording* recording_ = nullptr;
    std::vector<std::function<void()>> queue_;
};

class PretendDevice final : public backend::Device {
  public:
    [[nodiscard]] int number() const override { return 0; }
    [[nodiscard]] std::shared_ptr<std::byte> allocate(std::size_t bytes) const override {
        const auto memory = backend::PackedConstants::allocate(bytes);
        blocks_[memory.get()] = std::max<std::size_t>(bytes, 1);
        return {memory.get(), [this, memory](std::byte* p) { blocks_.erase(p); }};
    }
    [[nodiscard]] std::shared_ptr<std::byte> allocate_host(std::size_t bytes) const override {
        return backend::PackedConstants::allocate(bytes);
    }
    [[nodiscard]] backend::MemoryKind kind_of(const void* pointer) const override {
        return owns(static_cast<const std::byte*>(pointer)) ? backend::MemoryKind::device
                                                            : backend::MemoryKind::pageable;
    }
    [[nodiscard]] std::unique_ptr<backend::Stream> make_stream() const override {
        return std::make_unique<PretendStream>();
    }
    [[nodiscard]] std::unique_ptr<backend::Stream> adopt_stream(void*) const override { return make_stream(); }
    [[nodiscard]] bool owns(const std::byte* pointer) const {
        auto block = blocks_.upper_bound(pointer);
        return block != blocks_.begin() && pointer < std::prev(block)->first + std::prev(block)->second;
    }

  private:
    mutable std::map<const std::byte*, std::size_t> blocks_;
};

class PretendKernel final : public backend::Kernel {
  public:
    /// `packed`: by input, whether it is a constant of the graph, which kernels may have packed.
    PretendKernel(std::shared_ptr<const backend::Kernel> kernel, const PretendDevice& device, std::vector<bool> packed)
        : kernel_(std::move(kernel)), device_(device), packed_(std::move(packed)) {}
    void run(const KernelArgs& args) const override {
        for (std::size_t i = 0; i < packed_.size(); ++i) EXPECT_TRUE(packed_[i] || device_.owns(args.inputs[i]));
        static_cast<PretendStream*>(args.stream)->submit([kernel = kernel_, args] { kernel->run(args); });
        EXPECT_TRUE(device_.owns(args.outputs[0]));
    }

  private:
    std::shared_ptr<const backend::Kernel> kernel_;
    const PretendDevice& device_;
    std::vector<bool> packed_;
};

class HostKernel final : public backend::Kernel {
  public:
    HostKernel(std::unique_ptr<backend::Kernel> kernel, const PretendDevice& device)
        : kernel_(std::move(kernel)), device_(device) {}
    void run(const KernelArgs& args) const override {
        EXPECT_FALSE(device_.owns(args.outputs[0]));
        kernel_->run(args);
    }
    [[nodiscard]] bool on_host() const override { return true; }

  private:
    std::unique_ptr<backend::Kernel> kernel_;
    const PretendDevice& device_;
};

/// Finds what the reference does, as kernels of devices do: zeros behind it, and a count beside it.
class FindingKernel final : public backend::Kernel {
  public:
    explicit FindingKernel(const backend::RegionContext& context)
        : node_(context.node(0)), found_(context.info(node_.outputs[0])) {
        for (const ir::ValueId id : node_.inputs) {
            inputs_.push_back(id == ir::kNone ? ops::ValueInfo() : context.info(id));
            places_.push_back(id == ir::kNone ? 0 : context.input_index(id));
        }
    }
    void run(const KernelArgs& args) const override {
        std::vector<Tensor> inputs;
        for (std::size_t i = 0; i < inputs_.size(); ++i) {
            if (inputs_[i].constant || inputs_[i].dtype == DType::undefined) {
                inputs.push_back(inputs_[i].constant);
                continue;
            }
            const Tensor whole(inputs_[i].dtype, *ir::known_shape(inputs_[i].dims),
                               const_cast<std::byte*>(args.inputs[places_[i]]), nullptr);
            const Shape filled = ops::shape_in_run(inputs_[i], {args.counts, std::size_t{8}});
            inputs.push_back(compiler::crop(whole, ops::Box::whole(filled)));
        }
        const Tensor result = ops::evaluate(node_, std::move(inputs))[0];
        Tensor room = Tensor::zeros(found_.dtype, *ir::known_shape(found_.dims));
        const std::size_t bytes = element_bytes(room.dtype());
        std::size_t element = 0;
        ops::for_each_index(ops::Box::whole(result.shape()), [&](const Shape& place) {
            std::memcpy(room.raw() + ops::offset_in(ops::Box::whole(room.shape()), place) * bytes,
                        result.raw() + element++ * bytes, bytes);
        });
        std::memcpy(args.outputs[0], room.raw(), room.bytes());
        args.counts[found_.counted->count] = result.shape()[found_.counted->axis];
    }

  private:
    ir::Node node_;
    ops::ValueInfo found_;
    std::vector<ops::ValueInfo> inputs_;
    std::vector<std::size_t> places_;
};

/// The reference's kernels on the device. Attention runs on the host, and so do nodes that cannot do with tensors which
/// a run fills in part.
class PretendBackend final : public backend::Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return "pretend"; }
    [[nodiscard]] std::string target() const override { return "pretend"; }
    [[nodiscard]] const backend::Device* device() const override { return &device_; }
    [[nodiscard]] std::size_t matcher_count() const override { return 1; }
    std::variant<backend::Region, backend::Refusal> match(std::size_t matcher, const backend::MatchContext& context,
                                                          ir::NodeId root) const override {
        auto region = reference_->match(matcher, context, root);
        const ir::Node& node = context.graph.node(root);
        for (const ir::ValueId id : node.outputs)
            if (id != ir::kNone && !context.shape(id)) return region;
        if (ops::reads_counted(node, context.values) && !ops::takes_counted(node, context.values)) return region;
        std::get<backend::Region>(region).pattern = "pretend";  // the gate checks what is no reference
        return region;
    }
    [[nodiscard]] std::vector<backend::Tactic> tactics(const backend::RegionContext& context) const override {
        return reference_->tactics(context);
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> prepare(const backend::RegionContext& context,
                                                           const backend::Tactic& tactic) const override {
        auto kernel = reference_->prepare(context, tactic);
        if (ops::find(context.node(0).op)->found && context.info(context.node(0).outputs[0]).counted)
            kernel = std::make_unique<FindingKernel>(context);
        if (context.node(0).op == "Attention" || context.region.pattern == "reference")
            return std::make_unique<HostKernel>(std::move(kernel), device_);
        std::vector<bool> packed;
        for (const ir::ValueId input : context.region.inputs)
            packed.push_back(context.graph.constant(input) != nullptr);
        return std::make_unique<PretendKernel>(std::move(kernel), device_, std::move(packed));
    }
    [[nodiscard]] std::unique_ptr<backend::Kernel> conversion(const backend::TensorDesc& from,
                                                              const backend::TensorDesc& to) const override {
        return std::make_unique<PretendKernel>(reference_->conversion(from, to), device_, std::vector<bool>(1));
    }

  private:
    PretendDevice device_;
    std::unique_ptr<backend::Backend> reference_ = backend::make_reference_backend();
};

}  // namespace fovea::runtime
