#include "compiler/check_outputs.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <span>

#include "base/dispatch.hpp"
#include "base/parallel_sum.hpp"
#include "compiler/comparison.hpp"
#include "compiler/gate.hpp"
#include "fovea/error.hpp"
#include "ops/op.hpp"

namespace fovea::compiler {
namespace {

/// How much noisier than rounding alone a plan may be: in all, and where it is worst.
constexpr double kNoiseFactor = 2, kPeakFactor = 4, kFew = 8;
/// Elements of a tensor that are looked at in search of the first wrong one.
constexpr std::size_t kSamples = 1 << 16;

/// Two tensors held against each other. The distance between two labels means nothing: they are alike or not.
struct Difference {
    double noise = 0, peak = 0;    ///< root mean square and largest difference
    double level = 0, height = 0;  ///< root mean square and largest value of the second tensor; 1 for labels
    double count = 0;

    void join(const Difference& other) {
        noise += other.noise;
        peak = std::max(peak, other.peak);
        level += other.level;
        height = std::max(height, other.height);
    }
};

Difference difference(std::span<const float> a, std::span<const float> b, bool labels) {
    if (a.size() != b.size()) return {1, 1, 1, 1, 1};  // as many as the data say: all differ
    constexpr std::int64_t kPiece = 1 << 16;
    auto result = base::parallel_sum<Difference>(
        static_cast<std::int64_t>(a.size()), kPiece, [&](std::int64_t begin, std::int64_t end) {
            Difference part;
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) {
                const double x = a[i], y = b[i];
                const bool alike = x == y || (std::isnan(x) && std::isnan(y));
                const bool finite = std::isfinite(x) && std::isfinite(y);
                const double distance = alike ? 0 : labels ? 1 : finite ? std::fabs(x - y) : INFINITY;
                const double value = labels ? 1 : std::isfinite(y) ? std::fabs(y) : 0;
                part.noise += distance * distance;
                part.peak = std::max(part.peak, distance);
                part.level += value * value;
                part.height = std::max(part.height, value);
            }
            return part;
        });
    result.count = std::max(1.0, static_cast<double>(a.size()));
    result.noise = std::sqrt(result.noise / result.count);
    result.level = std::sqrt(result.level / result.count);
    return result;
}

Difference difference(const Tensor& a, const Tensor& b, bool labels) {
    const Tensor x = a.cast(DType::f32), y = b.cast(DType::f32);
    return difference(x.as<float>(), y.as<float>(), labels);
}

/// What a plan's tensor may differ by.
struct Bound {
    double noise = 0, peak = 0;
    [[nodiscard]] bool holds(const Difference& d) const { return d.noise <= noise && d.peak <= peak; }
};

/// A tensor of the network as the bounds see it.
struct Subject {
    bool labels = false;  ///< class indices, masks and the like, rather than measures
    double unit = 0;      ///< last bit, as a part of the value
    int stored_bits = 0;  ///< significant ones, where the network itself holds the tensor in f16 or bf16
    double step = 0;      ///< of the quantiser that the tensor comes from
};

/// The distance of neighbours among numbers of `bits` significant bits, at `value`.
double spacing(double value, int bits) { return value > 0 ? std::ldexp(1.0, std::ilogb(value) + 1 - bits) : 0; }

/// What the last rounding alone may cost, and of labels a single one. Where both results are stored numbers of few
/// bits, they may be neighbours.
Bound floor_of(const Subject& subject, const Difference& d) {
    if (subject.labels) return {1 / std::sqrt(d.count), 1};
    const double last = subject.stored_bits ? spacing(d.height, subject.stored_bits) : subject.unit * d.height;
    return {subject.unit * d.level + subject.step / 2 + kNegligible, last + subject.step * 1.01 + kNegligible};
}

Bound bound_of(const Subject& subject, const Difference& rounded) {
    const Bound floor = floor_of(subject, rounded);
    // The noise of few elements is a matter of chance.
    const double chance = 1 + kFew / rounded.count;
    return {floor.noise + kNoiseFactor * chance * rounded.noise, floor.peak + kPeakFactor * chance * rounded.peak};
}

Subject describe(const ir::Graph& network, const Rounding& rounding, ir::ValueId id) {
    const ir::Value& value = network.value(id);
    Subject subject{!base::is_float(value.dtype), rounding.unit(value.name), significant_bits(value.dtype)};
    if (value.producer == ir::kNone) return subject;
    const ir::Node& node = network.node(value.producer);
    if (node.op == "QuantizeLinear") return {.step = 1};
    if (node.op != "DequantizeLinear" || !network.constant(node.inputs[1])) return subject;
    for (const float scale : network.constant(node.inputs[1])->to_float())
        subject.step = std::max(subject.step, std::fabs(static_cast<double>(scale)));
    return subject;
}

/// Whether a node, or one of its bodies, draws other numbers at every run.
bool draws(const ir::Node& node) {
    const ops::Op* op = ops::find(node.op);
    if (op && !op->deterministic) return !node.find<float>("seed");
    for (const auto& [key, attribute] : node.attributes) {
        const auto* body = std::get_if<std::shared_ptr<const ir::Graph>>(&attribute);
        if (!body) continue;
        for (const ir::NodeId id : (*body)->order())
            if (draws((*body)->node(id))) return true;
    }
    return false;
}

using Samples = std::map<std::string, std::vector<float>>;

/// Some elements of what a step has computed, by the tensors' names.
void sample(const runtime::Context& context, const runtime::Observation& seen, Samples& samples) {
    const runtime::Engine& engine = context.engine();
    const plan::Step& step = *seen.launch.step;
    for (std::size_t i = 0; i < step.outputs.size(); ++i) {
        if (!seen.args.outputs[i] || step.region.nodes.empty()) continue;
        const auto desc = runtime::slot_desc(engine.target(), context.program().values, step.outputs[i]);
        Tensor plain(desc.dtype, desc.shape);
        backend::convert(desc, seen.args.outputs[i],
                         backend::TensorDesc::dense(desc.dtype, desc.shape, backend::Layout::plain), plain.raw());
        const auto all = plain.to_float();
        const std::size_t stride = std::max<std::size_t>(1, all.size() / kSamples);
        std::vector<float>& some = samples[engine.plan().graph.value(step.region.outputs[i]).name];
        for (std::size_t k = 0; k < all.size(); k += stride) some.push_back(all[k]);
    }
}

std::string number(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3g", value);
    return buffer;
}

class OutputCheck {
  public:
    OutputCheck(runtime::Context& plan, NetworkReference& reference)
        : reference_(reference), network_(reference.network()), rounding_(reference.rounding()), plan_(plan) {}

    void run(plan::Certificate& certificate) {
        for (std::size_t i = 0; i < network_.outputs.size(); ++i) certificate.outputs.push_back(judge(i));
    }

  private:
    /// The rounded run is only made where a plan loses more than the last rounding.
    plan::Evidence judge(std::size_t i) {
        if (is_random(network_, network_.outputs[i].value))
            return {network_.outputs[i].name, "nothing: it is random", 0, 200, 0};
        const Subject subject = describe(network_, rounding_, network_.outputs[i].value);
        const Tensor found = plan_.output(i), expected = reference_.exact().output(i);
        const Difference d = difference(found, expected, subject.labels);
        Bound bound = floor_of(subject, d);
        if (found.shape() != expected.shape() || !bound.holds(d)) {
            bound = bound_of(subject, difference(reference_.rounded().output(i), expected, subject.labels));
            if (!bound.holds(d)) refuse(i, d, bound);
        }
        plan::Evidence evidence = compare(found, expected);
        evidence.subject = network_.outputs[i].name;
        evidence.max_error = d.peak / std::max(d.height, kNegligible);
        evidence.tolerance = bound.peak / std::max(d.height, kNegligible);
        evidence.noise = d.noise / std::max(d.level, kNegligible);
        evidence.noise_tolerance = bound.noise / std::max(d.level, kNegligible);
        return evidence;
    }

    [[noreturn]] void refuse(std::size_t i, const Difference& d, const Bound& bound) {
        const bool everywhere = !(d.noise <= bound.noise);
        const std::string what = everywhere ? "in all (root mean square)" : "where it differs most";
        throw Error(ErrorCode::numerics, "the output differs from the same network in f32 by " +
                                             number(everywhere ? d.noise : d.peak) + " " + what + ", at most " +
                                             number(everywhere ? bound.noise : bound.peak) +
                                             " is what rounding explains; " + first_difference())
            .in("output " + network_.outputs[i].name);
    }

    /// Where the plan leaves the reference, for the message.
    std::string first_difference() {
        Samples exact, rounded;
        reference_.observe_exact([&](const auto& context, const auto& seen) { sample(context, seen, exact); });
        reference_.observe_rounded([&](const auto& context, const auto& seen) { sample(context, seen, rounded); });
        std::map<std::string, ir::ValueId> ids;
        for (ir::ValueId id = 0; id < network_.value_count(); ++id) ids[network_.value(id).name] = id;
        std::string found;
        plan_.run([&](const runtime::Observation& seen) {
            if (!found.empty()) return;
            Samples own;
            sample(plan_, seen, own);
            for (const auto& [name, values] : own) {
                if (!exact.contains(name)) continue;
                const Subject subject = describe(network_, rounding_, ids.at(name));
                const Bound bound = bound_of(subject, difference(rounded[name], exact[name], subject.labels));
                if (bound.holds(difference(values, exact[name], subject.labels))) continue;
                found = "the first tensor that differs is \"" + name + "\" of the nodes " +
                        node_names(plan_.engine().plan().graph, seen.launch.step->region);
                return;
            }
        });
        return found.empty() ? "no tensor before it differs" : found;
    }

    NetworkReference& reference_;
    const ir::Graph& network_;
    const Rounding& rounding_;
    runtime::Context& plan_;
};

}  // namespace

bool is_random(const ir::Graph& network, ir::ValueId id) {
    std::vector<ir::ValueId> open = {id};
    std::set<ir::NodeId> seen;
    while (!open.empty()) {
        const ir::ValueId value = open.back();
        open.pop_back();
        const ir::NodeId producer = value == ir::kNone ? ir::kNone : network.value(value).producer;
        if (producer == ir::kNone || !seen.insert(producer).second) continue;
        const ir::Node& node = network.node(producer);
        if (draws(node)) return true;
        open.insert(open.end(), node.inputs.begin(), node.inputs.end());
    }
    return false;
}

void check_outputs(runtime::Context& plan, NetworkReference& reference, plan::Certificate& certificate) {
    OutputCheck(plan, reference).run(certificate);
}

}  // namespace fovea::compiler
