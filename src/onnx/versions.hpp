#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "onnx/graph_builder.hpp"

namespace fovea::onnx {

/// The newest version of the operator set of the main domain that is read.
inline constexpr std::int64_t kNewestOpset = 28;

class Conversion;
/// Changes a call, and puts nodes in front of it and behind it.
using Convert = void (*)(Conversion&);

/// One operator application on its way from the file into the graph.
struct Call {
    std::string op;
    std::int64_t version = kNewestOpset;  ///< of the operator set that gives it its meaning
    std::string name;                     ///< of the node, as errors show it
    std::string origin;                   ///< the user's node
    std::vector<ir::ValueId> inputs, outputs;
    std::size_t captures = 0;  ///< the last inputs: what bodies take from outside
    Attributes attributes;
    Convert convert = nullptr;  ///< writes an operator of another domain with the main one's
};

/// What a conversion may do with a call besides changing it in place: put nodes in front of it and behind it.
class Conversion {
  public:
    Conversion(GraphBuilder& builder, Call& call) : call(call), builder_(&builder) {}

    [[nodiscard]] bool has(std::size_t i) const { return i < call.inputs.size() && call.inputs[i] != ir::kNone; }
    /// What is known of input `i`, which must be given.
    [[nodiscard]] const ops::ValueInfo& info(std::size_t i) const { return builder_->info(call.inputs[i]); }
    [[nodiscard]] bool wants_output(std::size_t i) const {
        return i < call.outputs.size() && call.outputs[i] != ir::kNone;
    }
    /// Attribute `key`, which is removed from the call; `fallback` where it is absent. Throws when it has another type.
    template <class T>
    T take(std::string_view key, T fallback);
    template <class T>
    std::optional<T> take(std::string_view key);
    /// Sets input `i`; inputs in between are omitted.
    void set_input(std::size_t i, ir::ValueId id);
    ir::ValueId constant(Tensor tensor);
    /// Adds a node and returns its output.
    ir::ValueId emit(std::string op, std::vector<ir::ValueId> inputs, Attributes attributes = {});
    /// Adds a node that produces the call's output `i` in its place.
    void emit_output(std::size_t i, std::string op, std::vector<ir::ValueId> inputs, Attributes attributes = {});
    [[noreturn]] void refuse(const std::string& rule) const;

    Call& call;

  private:
    GraphBuilder* builder_;
};

/// Gives a call the newest meaning that an older version of its operator set has under another form.
struct VersionRule {
    const char* op;
    std::int64_t below;  ///< applies to calls of an older operator set
    Convert convert;
};

/// Converts `call` to the newest semantics and adds it to the graph.
void add_call(GraphBuilder& builder, Call call);

// Conversions, by what they concern.
void axes_to_input(Conversion& c);
void batch_normalization_8(Conversion& c);
void batch_normalization_13(Conversion& c);
void clip_6(Conversion& c);
void dft_17(Conversion& c);
void dropout_7(Conversion& c);
void dropout_10(Conversion& c);
void grid_sample_16(Conversion& c);
void group_normalization_18(Conversion& c);
void pad_2(Conversion& c);
void reshape_1(Conversion& c);
void resize_10(Conversion& c);
void resize_18(Conversion& c);
void roi_align_10(Conversion& c);
void scan_8(Conversion& c);
void scatter(Conversion& c);
void slice_1(Conversion& c);
void softmax_11(Conversion& c);
void split_2(Conversion& c);
void split_13(Conversion& c);
void top_k_1(Conversion& c);
void upsample_7(Conversion& c);
void upsample_9(Conversion& c);

template <class T>
std::optional<T> Conversion::take(std::string_view key) {
    const auto it = call.attributes.find(key);
    if (it == call.attributes.end()) return std::nullopt;
    T* value = std::get_if<T>(&it->second);
    if (!value) refuse("attribute \"" + std::string(key) + "\" has an unexpected type");
    std::optional<T> result = std::move(*value);
    call.attributes.erase(it);
    return result;
}

template <class T>
T Conversion::take(std::string_view key, T fallback) {
    auto value = take<T>(key);
    return value ? std::move(*value) : std::move(fallback);
}

}  // namespace fovea::onnx
