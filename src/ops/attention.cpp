#include <algorithm>
#include <cmath>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/onnx_type.hpp"
#include "ops/region.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"

namespace fovea::ops {
namespace {

enum Input : std::size_t { kQuery, kKey, kValue, kMask, kPastKey, kPastValue, kLengths };

constexpr double kMinusInfinity = -std::numeric_limits<double>::infinity();

/// Sizes of Q, K or V as batch, heads, sequence and head size, out of four axes or three (with the heads packed into
/// the last one).
ir::Dims unpacked(const NodeView& node, const ir::Dims& x, const char* heads_key) {
    if (x.size() == 4) return x;
    const std::int64_t heads = node.integer(heads_key, 0);
    node.require(heads > 0, "attribute \"" + std::string(heads_key) +
                                "\": inputs of rank 3 need a positive number, found " + std::to_string(heads));
    ir::Dim size;
    if (x[2].known()) {
        node.require(x[2].value % heads == 0, "attribute \"" + std::string(heads_key) + "\": expected a divisor of " +
                                                  std::to_string(x[2].value) + ", found " + std::to_string(heads));
        size = x[2].value / heads;
    }
    return {x[0], ir::Dim(heads), x[1], size};
}

void check_attributes(const InferContext& c) {
    for (const char* key : {"left_window_size", "right_window_size"})
        c.require(c.integer(key, -1) >= -1, "attribute \"" + std::string(key) + "\": expected -1 or more, found " +
                                                std::to_string(c.integer(key, -1)));
    const std::int64_t mode = c.integer("qk_matmul_output_mode", 0);
    c.require(mode >= 0 && mode <= 3,
              "attribute \"qk_matmul_output_mode\": expected 0 to 3, found " + std::to_string(mode));
    if (const std::int64_t precision = c.integer("softmax_precision", 1); !base::is_float(dtype_from_onnx(precision)))
        c.fail("attribute \"softmax_precision\": expected the number of a floating-point type, found " +
               std::to_string(precision));
    c.require(c.has(kPastKey) == c.has(kPastValue), "expected both of past_key and past_value, or neither");
    c.require(!c.has(kLengths) || !c.has(kPastKey), "expected nonpad_kv_seqlen or past_key, found both");
}

/// Checks that heads and head sizes of query, key and value fit.
void expect_heads(const InferContext& c, const ir::Dims& q, const ir::Dims& k, const ir::Dims& v) {
    expect_same(c, q[0], k[0], "batch of query and key");
    expect_same(c, k[0], v[0], "batch of key and value");
    expect_same(c, k[1], v[1], "heads of key and value");
    expect_same(c, k[2], v[2], "sequence lengths of key and value");
    expect_same(c, q[3], k[3], "head sizes of query and key");
    if (q[1].known() && k[1].known())
        c.require(k[1].value > 0 && q[1].value % k[1].value == 0,
                  "expected query heads in a multiple of the " + std::to_string(k[1].value) + " key heads, found " +
                      std::to_string(q[1].value));
}

/// Checks the past of keys or values and adds its length to `total`.
void add_past(const InferContext& c, std::size_t i, const ir::Dims& present, ir::Dim& total) {
    if (!c.has(i)) return;
    if (!expect_rank(c, i, 4, 4)) {
        total = ir::Dim();
        return;
    }
    const ir::Dims& past = *c.dims(i);
    for (const std::size_t axis : {0, 1, 3}) expect_same(c, past[axis], present[axis], "sizes of past and present");
    total = add(past[2], total);
}

void expect_mask(const InferContext& c, const ir::Dims& scores) {
    if (!expect_rank(c, kMask, 1, 4)) return;
    const ir::Dims& mask = *c.dims(kMask);
    for (std::size_t i = 1; i < mask.size(); ++i)
        if (const ir::Dim& size = mask[mask.size() - 1 - i]; size.value != 1)
            expect_same(c, size, scores[3 - i], "sizes of mask and scores");
    if (mask.back().known() && scores[3].known())
        c.require(mask.back().value <= scores[3].value, "the mask covers " + std::to_string(mask.back().value) +
                                                            " keys of " + std::to_string(scores[3].value));
}

void infer(InferContext& c) {
    for (const std::size_t i : {kQuery, kKey, kValue, kPastKey, kPastValue}) expect_real(c, i);
    check_attributes(c);
    bool known = true;
    for (const std::size_t i : {kQuery, kKey, kValue}) known = expect_rank(c, i, 3, 4) && known;
    for (std::size_t i = 0; i < 4; ++i) c.set_output(i, c.dtype(i == 2 ? kValue : kQuery), std::nullopt);
    if (!known) return;
    const bool packed = c.dims(kQuery)->size() == 3;
    for (const std::size_t i : {kKey, kValue})
        c.require(c.dims(i)->size() == c.dims(kQuery)->size(), "expected query, key and value of the same rank");
    const ir::Dims q = unpacked(c, *c.dims(kQuery), "q_num_heads");
    const ir::Dims k = unpacked(c, *c.dims(kKey), "kv_num_heads"), v = unpacked(c, *c.dims(kValue), "kv_num_heads");
    expect_heads(c, q, k, v);
    ir::Dim keys = k[2], values = v[2];
    add_past(c, kPastKey, k, keys);
    add_past(c, kPastValue, v, values);
    expect_same(c, keys, values, "lengths of past_key and past_value");
    expect_vector(c, kLengths, q[0]);
    const ir::Dims scores = {q[0], q[1], q[2], keys};
    expect_mask(c, scores);
    const ir::Dims heads = {q[1], v[3]};
    c.set_output(0, c.dtype(kQuery), packed ? ir::Dims{q[0], q[2], product(heads)} : ir::Dims{q[0], q[1], q[2], v[3]});
    c.set_output(1, c.dtype(kKey), ir::Dims{k[0], k[1], keys, k[3]});
    c.set_output(2, c.dtype(kValue), ir::Dims{v[0], v[1], values, v[3]});
    c.set_output(3, c.dtype(kQuery), scores);
}

/// Q, K or V behind its two layouts.
class Heads {
  public:
    Heads(const NodeView& node, const Window& window, const char* heads_key)
        : elements_(window), packed_(window.full.size() == 3) {
        const ir::Dims sizes = unpacked(node, ir::to_dims(window.full), heads_key);
        for (const ir::Dim& size : sizes) shape_.push_back(size.value);
    }
    /// Batch, heads, sequence length, head size.
    [[nodiscard]] const Shape& shape() const { return shape_; }
    [[nodiscard]] double at(std::int64_t batch, std::int64_t head, std::int64_t place, std::int64_t i) const {
        if (packed_) return elements_[Shape{batch, place, head * shape_[3] + i}];
        return elements_[Shape{batch, head, place, i}];
    }

  private:
    Reals elements_;
    bool packed_;
    Shape shape_;
};

/// Keys or values: what is past, then what comes in.
class Sequence {
  public:
    Sequence(const NodeView& node, const Window& present, const Window* past)
        : present_(node, present, "kv_num_heads") {
        if (!past) return;
        past_.emplace(node, *past, "kv_num_heads");
        past_length_ = past->full[2];
    }
    [[nodiscard]] std::int64_t past_length() const { return past_length_; }
    [[nodiscard]] Shape shape() const {
        Shape shape = present_.shape();
        shape[2] += past_length_;
        return shape;
    }
    [[nodiscard]] double at(std::int64_t batch, std::int64_t head, std::int64_t place, std::int64_t i) const {
        if (place < past_length_) return past_->at(batch, head, place, i);
        return present_.at(batch, head, place - past_length_, i);
    }

  private:
    Heads present_;
    std::optional<Heads> past_;
    std::int64_t past_length_ = 0;
};

/// The probabilities with which one query attends to all keys, and what the optional output "qk_matmul_output" shows.
class Scores {
  public:
    Scores(const NodeView& node, const std::vector<Window>& inputs)
        : query_(node, inputs[kQuery], "q_num_heads"),
          key_(node, inputs[kKey], given(inputs, kPastKey) ? &inputs[kPastKey] : nullptr),
          scale_(node.number("scale", static_cast<float>(1 / std::sqrt(static_cast<double>(query_.shape()[3]))))),
          softcap_(node.number("softcap", 0)),
          causal_(node.integer("is_causal", 0) != 0),
          left_(node.integer("left_window_size", -1)),
          right_(node.integer("right_window_size", -1)),
          mode_(node.integer("qk_matmul_output_mode", 0)) {
        if (given(inputs, kMask)) {
            mask_.emplace(inputs[kMask]);
            mask_shape_ = inputs[kMask].full;
            mask_selects_ = inputs[kMask].data.dtype() == DType::boolean;
        }
        if (given(inputs, kLengths)) lengths_ = inputs[kLengths].data.to_int64();
    }

    static bool given(const std::vector<Window>& inputs, std::size_t i) { return i < inputs.size() && inputs[i].data; }

    [[nodiscard]] const Shape& query_shape() const { return query_.shape(); }
    [[nodiscard]] const Sequence& key() const { return key_; }
    /// Query heads that share one key head.
    [[nodiscard]] std::int64_t sharing() const { return query_.shape()[1] / key_.shape()[1]; }

    /// One probability a key; `shown`, when not nullptr, gets the values of the optional output.
    [[nodiscard]] std::vector<double> row(std::int64_t batch, std::int64_t head, std::int64_t query,
                                          std::vector<double>* shown) const {
        std::vector<double> scores, bias;
        const auto show = [&](std::int64_t mode) {
            if (shown && mode == mode_) *shown = scores;
        };
        for (std::int64_t key = 0; key < key_.shape()[2]; ++key) {
            double sum = 0;
            for (std::int64_t i = 0; i < query_.shape()[3]; ++i)
                sum += query_.at(batch, head, query, i) * key_.at(batch, head / sharing(), key, i);
            scores.push_back(sum * scale_);
            bias.push_back(bias_of(batch, head, query, key));
        }
        show(0);
        if (softcap_ > 0)
            for (double& score : scores) score = softcap_ * std::tanh(score / softcap_);
        show(1);
        for (std::size_t i = 0; i < scores.size(); ++i) scores[i] += bias[i];
        show(2);
        softmax(scores, bias);
        show(3);
        return scores;
    }

  private:
    /// What masks and windows add to a score: minus infinity where the key is hidden.
    [[nodiscard]] double bias_of(std::int64_t batch, std::int64_t head, std::int64_t query, std::int64_t key) const {
        std::int64_t offset = key_.past_length();
        if (!lengths_.empty()) {
            const std::int64_t length = lengths_[static_cast<std::size_t>(batch)];
            if (key >= length) return kMinusInfinity;
            offset = length - query_.shape()[2];
        }
        const std::int64_t place = query + offset;
        if ((causal_ && key > place) || (left_ >= 0 && key < place - left_) || (right_ >= 0 && key - right_ > place))
            return kMinusInfinity;
        if (!mask_) return 0;
        if (key >= mask_shape_.back()) return kMinusInfinity;
        Shape at = broadcast_index({batch, head, query, key}, mask_shape_);
        at.back() = key;
        const double value = (*mask_)[at];
        if (!mask_selects_) return value;
        return value != 0 ? 0 : kMinusInfinity;
    }

    /// A query that may attend to nothing gets zeros.
    static void softmax(std::vector<double>& scores, const std::vector<double>& bias) {
        const bool hidden = std::all_of(bias.begin(), bias.end(), [](double x) { return x == kMinusInfinity; });
        double maximum = kMinusInfinity, sum = 0;
        for (const double score : scores) maximum = std::fmax(maximum, score);
        for (double& score : scores) {
            score = hidden || maximum == kMinusInfinity ? 0 : std::exp(score - maximum);
            sum += score;
        }
        for (double& score : scores) score = sum == 0 ? 0 : score / sum;
    }

    Heads query_;
    Sequence key_;
    double scale_, softcap_;
    bool causal_;
    std::int64_t left_, right_, mode_;
    std::optional<Reals> mask_;
    Shape mask_shape_;
    bool mask_selects_ = false;
    std::vector<std::int64_t> lengths_;
};

/// Fills the box of the first output; `shown`, when not nullptr, gets the fourth as a whole.
void attend(const NodeView& node, const std::vector<Window>& inputs, const Box& box, Tensor& y,
            Results<double>* shown) {
    const Scores scores(node, inputs);
    const Sequence value(node, inputs[kValue], Scores::given(inputs, kPastValue) ? &inputs[kPastValue] : nullptr);
    const bool packed = box.start.size() == 3;
    const std::int64_t size = value.shape()[3], keys = value.shape()[2];
    Results<double> output(y);
    Shape row(box.start.size(), 1);
    row.back() = size;
    for_each_region(box, row, [&](const Box& region, const Box& part) {
        const std::int64_t batch = region.start[0], head = packed ? region.start[2] / size : region.start[1];
        const std::int64_t query = region.start[packed ? 1 : 2];
        std::vector<double> seen;
        const std::vector<double> probabilities = scores.row(batch, head, query, shown ? &seen : nullptr);
        for_each_index(part, [&](const Shape& at) {
            double sum = 0;
            for (std::int64_t key = 0; key < keys; ++key)
                if (const double p = probabilities[static_cast<std::size_t>(key)]; p != 0)
                    sum += p * value.at(batch, head / scores.sharing(), key, at.back() % size);
            output[offset_in(box, at)] = sum;
        });
        const std::int64_t number = (batch * scores.query_shape()[1] + head) * scores.query_shape()[2] + query;
        for (std::size_t key = 0; key < seen.size(); ++key)
            (*shown)[static_cast<std::size_t>(number * keys) + key] = seen[key];
    });
    output.store();
}

void evaluate_box(BoxContext& c) { attend(c, c.inputs, c.box, c.output, nullptr); }

Tensor joined(const Sequence& sequence, DType type) {
    Tensor tensor(type, sequence.shape());
    Results<double> output(tensor);
    std::size_t element = 0;
    for_each_index(Box::whole(tensor.shape()),
                   [&](const Shape& at) { output[element++] = sequence.at(at[0], at[1], at[2], at[3]); });
    output.store();
    return tensor;
}

void evaluate(EvalContext& c) {
    std::vector<Window> inputs;
    for (std::size_t i = 0; i < c.input_count(); ++i) inputs.push_back(c.has(i) ? Window::whole(c.input(i)) : Window{});
    const Scores scores(c, inputs);
    const Sequence value(c, inputs[kValue], c.has(kPastValue) ? &inputs[kPastValue] : nullptr);
    const DType type = c.input(kQuery).dtype();
    const Shape &q = scores.query_shape(), k = scores.key().shape(), v = value.shape();
    const bool packed = c.input(kQuery).rank() == 3;
    Tensor y(type, packed ? Shape{q[0], q[2], q[1] * v[3]} : Shape{q[0], q[1], q[2], v[3]});
    Tensor shown(type, {q[0], q[1], q[2], k[2]});
    Results<double> seen(shown);
    attend(c, inputs, Box::whole(y.shape()), y, &seen);
    seen.store();
    c.set_output(0, y);
    c.set_output(1, joined(scores.key(), c.input(kKey).dtype()));
    c.set_output(2, joined(value, c.input(kValue).dtype()));
    c.set_output(3, shown);
}

/// Of the queries the box's batch entries and places, of keys and values the batch entries.
Box required_input(const ShapeContext& c, int input, const Box& box) {
    const auto i = static_cast<std::size_t>(input);
    Box need = Box::whole(c.inputs[i]);
    if (i == kMask || i == kLengths) return need;
    need.start[0] = box.start[0];
    need.size[0] = box.size[0];
    if (i != kQuery) return need;
    for (std::size_t axis = 1; axis + 1 < box.start.size(); ++axis) {
        need.start[axis] = box.start[axis];
        need.size[axis] = box.size[axis];
    }
    return need;
}

/// Two matrix products.
std::int64_t flops(const ShapeContext& c) {
    const auto sizes = [&](std::size_t i, const char* key) {
        return ir::known_shape(unpacked(c, ir::to_dims(c.inputs[i]), key)).value();
    };
    const Shape q = sizes(kQuery, "q_num_heads"), k = sizes(kKey, "kv_num_heads"), v = sizes(kValue, "kv_num_heads");
    const std::int64_t past = c.inputs.size() > kPastKey && !c.inputs[kPastKey].empty() ? c.inputs[kPastKey][2] : 0;
    const std::int64_t pairs = base::checked_mul(base::element_count(std::span(q).first(3)), k[2] + past);
    return base::checked_mul(2 * pairs, q[3] + v[3]);
}

const Op kOperators[] = {{
    .name = "Attention",
    .inputs = {3, 7},
    .outputs = {1, 4},
    .attributes = {{"is_causal", AttributeKind::integer},
                   {"kv_num_heads", AttributeKind::integer},
                   {"left_window_size", AttributeKind::integer},
                   {"q_num_heads", AttributeKind::integer},
                   {"qk_matmul_output_mode", AttributeKind::integer},
                   {"right_window_size", AttributeKind::integer},
                   {"scale", AttributeKind::number},
                   {"softcap", AttributeKind::number},
                   {"softmax_precision", AttributeKind::integer}},
    .infer = infer,
    .evaluate = evaluate,
    .evaluate_box = evaluate_box,
    .required_input = required_input,
    .flops = flops,
}};

}  // namespace

std::span<const Op> attention_operators() { return kOperators; }

}  // namespace fovea::ops
