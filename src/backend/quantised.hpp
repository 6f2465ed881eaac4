#pragma once

#include <functional>
#include <optional>
#include <variant>
#include <vector>

#include "backend/epilogue.hpp"
#include "backend/family.hpp"

/// What the families of quantised networks share: numbers behind QuantizeLinear and DequantizeLinear, and the chain
/// DequantizeLinear -> product -> steps -> QuantizeLinear.
namespace fovea::backend {

/// real = (stored - zero) · scale, with one scale for the whole tensor.
struct Quantisation {
    DType type = DType::undefined;  ///< u8, i8 or an 8-bit float
    float scale = 1;
    std::int32_t zero = 0;

    [[nodiscard]] std::int32_t lowest() const { return type == DType::i8 ? -128 : 0; }
    [[nodiscard]] std::int32_t highest() const { return type == DType::i8 ? 127 : 255; }
};

/// Parameters of a QuantizeLinear or DequantizeLinear between f32 and one of `stored`; nothing when it has several
/// scales, or scales computed at run time.
std::optional<Quantisation> quantisation(const ops::ValueTable& values, const ir::Node& node,
                                         const std::vector<DType>& stored = {DType::u8, DType::i8});

/// Which nodes may join a region: the producer of a value that nothing else reads, the only reader of a value.
struct Links {
    std::function<ir::NodeId(ir::ValueId)> producer, consumer;
    std::vector<DType> stored = {DType::u8, DType::i8};  ///< types of quantised tensors
    DType weights = DType::i8;                           ///< of quantised constants
};
/// Neighbours that are free and not shared.
Links free_links(const MatchContext& context);
/// Neighbours inside the region.
Links region_links(const RegionContext& context);

/// A quantised tensor behind its DequantizeLinear.
struct Dequantised {
    ir::NodeId node = ir::kNone;
    ir::ValueId stored = ir::kNone;
    Quantisation quantisation;
};
/// The quantised tensor that `value` stands for, when its DequantizeLinear may join.
std::optional<Dequantised> dequantised(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                       ir::ValueId value);

/// Constant numbers of `Links::weights` with zero point 0.
struct QuantisedWeights {
    ir::NodeId node = ir::kNone;
    ir::ValueId stored = ir::kNone;
    std::vector<float> scales;  ///< one, or one per slice along `axis`
};
std::optional<QuantisedWeights> quantised_weights(const ir::Graph& graph, const ops::ValueTable& values,
                                                  const Links& links, ir::ValueId value, std::int64_t axis);

/// Constant f32 vector, given as such or as DequantizeLinear of i32; `node` is the latter.
struct Bias {
    ir::NodeId node = ir::kNone;
    std::vector<float> values;
};
std::optional<Bias> constant_bias(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                                  ir::ValueId value);

/// A step behind a product. An added tensor may be quantised: `step.operand` is the stored one then.
struct QuantisedStep {
    EpilogueStep step;
    std::optional<Quantisation> operand;
};

/// Steps behind a product and the final QuantizeLinear.
struct QuantisedChain {
    std::vector<QuantisedStep> steps;
    std::vector<ir::NodeId> nodes;       ///< in order, DequantizeLinear of operands included
    std::optional<Quantisation> target;  ///< nothing: the result stays f32
};
using AcceptStep = std::function<bool(const EpilogueStep&, ir::ValueId chain)>;
QuantisedChain quantised_chain(const ir::Graph& graph, const ops::ValueTable& values, const Links& links,
                               ir::ValueId start, const AcceptStep& accept);

}  // namespace fovea::backend
