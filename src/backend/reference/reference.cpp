#include "backend/reference/reference.hpp"

#include <cstring>

#include "fovea/error.hpp"
#include "ops/evaluate.hpp"

namespace fovea::backend {
namespace {

class ReferenceKernel final : public Kernel {
  public:
    ReferenceKernel(const RegionContext& context) : node_(context.node(0)) {
        for (const ir::ValueId input : node_.inputs) {
            Argument argument;
            if (input != ir::kNone) {
                argument.index = static_cast<int>(context.input_index(input));
                argument.dtype = context.dtype(input);
                argument.shape = context.shape(input);
                if (const Tensor* tensor = context.constant(input)) argument.constant = *tensor;
            }
            arguments_.push_back(std::move(argument));
        }
        for (const ir::ValueId output : context.region.outputs)
            for (std::size_t i = 0; i < node_.outputs.size(); ++i)
                if (node_.outputs[i] == output) results_.push_back(i);
    }

    void run(const KernelArgs& args) const override {
        std::vector<Tensor> inputs;
        for (const Argument& argument : arguments_) {
            if (argument.constant)
                inputs.push_back(argument.constant);
            else if (argument.index < 0)
                inputs.emplace_back();
            else
                inputs.emplace_back(argument.dtype, argument.shape, const_cast<std::byte*>(args.inputs[argument.index]),
                                    nullptr);
        }
        const auto outputs = ops::evaluate(node_, std::move(inputs));
        for (std::size_t i = 0; i < results_.size(); ++i) {
            const Tensor& result = outputs[results_[i]];
            if (result.bytes()) std::memcpy(args.outputs[i], result.raw(), result.bytes());
        }
    }

    [[nodiscard]] std::string implementation() const override { return "reference"; }

  private:
    struct Argument {
        int index = -1;
        DType dtype = DType::undefined;
        Shape shape;
        Tensor constant;
    };
    ir::Node node_;
    std::vector<Argument> arguments_;
    std::vector<std::size_t> results_;
};

class ReferenceBackend final : public Backend {
  public:
    [[nodiscard]] std::string_view name() const override { return "reference"; }
    [[nodiscard]] std::string target() const override { return "reference"; }
    [[nodiscard]] std::size_t matcher_count() const override { return 1; }

    std::variant<Region, Refusal> match(std::size_t, const MatchContext& context, ir::NodeId root) const override {
        return make_region(context, "reference", {root});
    }

    [[nodiscard]] std::vector<Tactic> tactics(const RegionContext& context) const override {
        return {{"reference", std::vector(context.region.inputs.size(), Layout::plain),
                 std::vector(context.region.outputs.size(), Layout::plain)}};
    }

    [[nodiscard]] std::unique_ptr<Kernel> prepare(const RegionContext& context, const Tactic&) const override {
        return std::make_unique<ReferenceKernel>(context);
    }
};

}  // namespace

std::unique_ptr<Backend> make_reference_backend() { return std::make_unique<ReferenceBackend>(); }

}  // namespace fovea::backend
