#include "backend/cuda/locate.hpp"

#include <algorithm>

#include "backend/cuda/families.hpp"
#include "backend/cuda/source.hpp"
#include "fovea/error.hpp"

namespace fovea::backend::cuda {

#include "backend/cuda/kernels/locate_arguments.hpp"

namespace {

class LocateKernel final : public Kernel {
  public:
    LocateKernel(std::unique_ptr<Function> function, const LocateArgs& args, Locate::Operands operands,
                 std::vector<PackedConstants::Block> constants)
        : function_(std::move(function)), args_(args), operands_(operands), constants_(std::move(constants)) {}
    void run(const KernelArgs& args) const override {
        LocateArgs launch = args_;
        launch.input = input_memory(constants_, args, operands_.input);
        if (operands_.table) launch.table = input_memory(constants_, args, *operands_.table);
        launch.output = args.outputs[0];
        function_->launch(*args.stream, {(static_cast<unsigned>(args_.count) + 255) / 256}, 256, &launch);
    }
    [[nodiscard]] std::string implementation() const override { return "word by word"; }

  private:
    std::unique_ptr<Function> function_;
    LocateArgs args_;
    Locate::Operands operands_;
    std::vector<PackedConstants::Block> constants_;
};

}  // namespace

Locate::Locate(DType type, Shape extents, bool inner) : type_(type), extents_(std::move(extents)) {
    if (extents_.empty()) extents_ = {1};
    if (inner) width_ = common_width(static_cast<int>(16 / element_bytes(type)), {extents_.back()});
}

std::string Locate::number(std::int64_t value) {
    if (numbers_.size() == std::size(LocateArgs{}.numbers))
        throw Error(ErrorCode::unsupported, "more numbers than a kernel that looks up elements takes");
    numbers_.push_back(value);
    return "args.numbers[" + std::to_string(numbers_.size() - 1) + "]";
}

Locate& Locate::line(const std::string& code) {
    code_ += "    " + code + "\n";
    return *this;
}

std::unique_ptr<Kernel> Locate::make(const Target& target, const std::string& found, Operands operands,
                                     std::vector<PackedConstants::Block> constants, std::uint64_t fill) const {
    const std::int64_t count = base::element_count(extents_);
    if (count == 0) return make_alias();
    LocateArgs args{};
    args.fill = fill;
    args.count = static_cast<int>(count / width_);
    for (std::size_t i = 0; i < extents_.size(); ++i)
        args.extents[i] = make_divisor(i + 1 == extents_.size() ? extents_[i] / width_ : extents_[i]);
    for (std::size_t i = 0; i < numbers_.size(); ++i) args.numbers[i] = static_cast<int>(numbers_[i]);
    KernelSource code;
    const std::size_t bytes = element_bytes(type_);
    code.text("using Element = " + std::string(word_type(bytes)) + ";\n");
    code.text("using Word = " + std::string(word_type(bytes * static_cast<std::size_t>(width_))) + ";\n");
    code.constant("kWidth", width_).constant("kAxes", static_cast<std::int64_t>(extents_.size()));
    code.text(kernel_text("locate_arguments.hpp"));
    code.text(kernel_text("elements.cuh")).text(kernel_text("places.cuh"));
    code.text("DEVICE int find(const int (&place)[kAxes], const LocateArgs& args) {\n" + code_ + "    return " + found +
              ";\n}\n");
    return std::make_unique<LocateKernel>(
        std::make_unique<Function>(target.device, code.finish("locate.cuh"), "locate"), args, operands,
        std::move(constants));
}

}  // namespace fovea::backend::cuda
