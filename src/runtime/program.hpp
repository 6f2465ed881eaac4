#pragma once

#include <memory>
#include <span>
#include <vector>

#include "plan/plan.hpp"

namespace fovea::runtime {

/// Where a kernel finds one of its tensors.
struct Operand {
    enum class Where : std::uint8_t {
        none,      ///< not materialised (a constant that the kernel has packed)
        constant,  ///< `data`
        arena,     ///< arena + `offset`
        input,     ///< memory bound to graph input `index`
        output,    ///< on a device: memory of graph output `index`, which may be the caller's
        late,      ///< computed by a step whose shapes depend on data; looked up by value
    };
    Where where = Where::none;
    std::size_t offset = 0, index = 0;
    const std::byte* data = nullptr;
};

/// One step prepared for concrete shapes.
struct Launch {
    const plan::Step* step = nullptr;
    std::shared_ptr<const backend::Kernel> kernel;  ///< nullptr for late steps: reference kernels on actual tensors
    std::vector<Operand> inputs, outputs;
    bool on_host = true;  ///< reads and writes host memory
};

/// A schedule at concrete input shapes: kernels, memory plan and where everything lies. Immutable, shared by contexts.
class Program {
  public:
    ops::ValueTable values;
    std::vector<Shape> input_shapes;
    std::vector<Launch> launches;
    std::vector<Operand> outputs;                   ///< of each graph output
    std::vector<backend::TensorDesc> output_descs;  ///< empty shape and undefined type where it depends on data
    std::size_t arena_bytes = 0;                    ///< activations
    std::size_t demand_bytes = 0;                   ///< lower bound of `arena_bytes` from the tensors' lifetimes
    std::size_t scratch_bytes = 0;                  ///< largest workspace of any kernel
    std::size_t counts = 0;                         ///< that the device finds
};

using Backends = std::vector<std::shared_ptr<const backend::Backend>>;

/// Prepares `target` for concrete input shapes, in the order of the graph's inputs.
std::shared_ptr<const Program> make_program(const plan::Plan& plan, const plan::TargetSection& target,
                                            const Backends& backends, std::vector<Shape> input_shapes, int threads,
                                            backend::PackedConstants& packed);

/// Shape, type and layout of a slot; a slice of a wider tensor has that tensor's pitch.
backend::TensorDesc slot_desc(const plan::TargetSection& target, const ops::ValueTable& values, std::int32_t slot);

}  // namespace fovea::runtime
