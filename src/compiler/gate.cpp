#include "compiler/gate.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <random>

#include "base/dispatch.hpp"
#include "base/parallel.hpp"
#include "compiler/comparison.hpp"
#include "compiler/e4m3.hpp"
#include "compiler/magnitude.hpp"
#include "compiler/places.hpp"
#include "compiler/region_reference.hpp"
#include "ops/counted.hpp"

namespace fovea::compiler {
namespace {

/// Reference operations per millisecond; an order of magnitude, it only sizes the sample.
constexpr double kReferencePerMillisecond = 40'000;
/// What more boxes of one kernel would hardly add to.
constexpr double kMillisecondsPerKernel = 25;

/// How many tolerances two right kernels may lie apart: each may be off by one.
constexpr double kApart = 2;
/// Places that are looked at where they lie further apart.
constexpr std::size_t kPlaces = 4;

/// The boxes of `value`, before it is rounded to e4m3 or as it is stored, shared out among the threads.
std::vector<Tensor> reference_boxes(RegionReference& reference, ir::ValueId value, const std::vector<ops::Box>& boxes,
                                    bool unrounded) {
    reference.prepare(value);
    std::vector<Tensor> results(boxes.size());
    const auto parts = std::min<std::int64_t>(base::thread_count(), static_cast<std::int64_t>(boxes.size()));
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(parts));
    base::parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto part = static_cast<std::size_t>(begin); part < static_cast<std::size_t>(end); ++part) try {
                RegionReference own = reference;
                for (std::size_t i = part; i < boxes.size(); i += errors.size())
                    results[i] = unrounded ? own.unrounded(value, boxes[i]) : own.box(value, boxes[i]);
            } catch (...) {
                errors[part] = std::current_exception();
            }
    });
    for (const std::exception_ptr& error : errors)
        if (error) std::rethrow_exception(error);
    return results;
}

/// Reference kernels are what others are held against; conversions belong to no node.
bool is_checked(const runtime::Launch& launch) {
    return launch.kernel && launch.step->region.pattern != "reference" && !launch.step->region.nodes.empty();
}

class KernelCheck {
  public:
    KernelCheck(const runtime::Engine& engine, const runtime::Program& program, const GateOptions& options)
        : engine_(engine),
          program_(program),
          options_(options),
          random_(options.seed),
          rivals_(engine, program, options.mode == GateMode::full ? nullptr : options.rivals) {
        const auto kernels = std::count_if(program.launches.begin(), program.launches.end(), is_checked);
        milliseconds_ = std::min(kMillisecondsPerKernel, options.milliseconds / static_cast<double>(kernels));
    }

    plan::Evidence operator()(const runtime::Observation& seen) {
        const plan::Step& step = *seen.launch.step;
        const auto reader = [&](ir::ValueId id, const ops::Box& box) {
            const auto at = static_cast<std::size_t>(
                std::find(step.region.inputs.begin(), step.region.inputs.end(), id) - step.region.inputs.begin());
            return crop(desc(step.inputs[at]), seen.args.inputs[at], box);
        };
        RegionReference reference(engine_.plan().graph, program_.values, step.region, reader);
        in_run_.clear();
        const auto counted = [&](ir::ValueId id) { return info(id).counted.has_value(); };
        const bool in_run = std::any_of(step.region.inputs.begin(), step.region.inputs.end(), counted) ||
                            std::any_of(step.region.outputs.begin(), step.region.outputs.end(), counted);
        if (in_run) evaluate_in_run(seen);
        std::vector<Found> outputs;
        for (std::size_t i = 0; i < step.region.outputs.size(); ++i)
            outputs.push_back(check_output(seen, i, reference));
        bool agreed = false;
        if (!in_run && runs_on_backend(seen.launch)) {
            agreed = ask_rivals(seen, reference, outputs);
            repeat(seen, outputs);
        }
        plan::Evidence evidence{node_names(engine_.plan().graph, step.region), {}, 0, 200, 0};
        std::int64_t boxes = 0;
        for (const Found& found : outputs) {
            evidence.max_error = std::max(evidence.max_error, found.error());
            evidence.tolerance = std::max(evidence.tolerance, found.tolerance);
            evidence.snr_db = std::min(evidence.snr_db, decibel(found.comparison.signal(), found.comparison.noise));
            boxes += found.boxes;
        }
        evidence.checked = options_.mode == GateMode::full ? "all elements" : std::to_string(boxes) + " boxes";
        if (agreed) evidence.checked += ", all elements beside another kernel";
        if (!(evidence.max_error <= evidence.tolerance))
            report(step, step.tactic, {evidence.max_error, evidence.tolerance});
        return evidence;
    }

    std::vector<WrongKernel> wrong;  ///< so far

  private:
    [[nodiscard]] backend::TensorDesc desc(std::int32_t slot) const {
        return runtime::slot_desc(engine_.target(), program_.values, slot);
    }

    [[nodiscard]] const ops::ValueInfo& info(ir::ValueId id) const {
        return program_.values[static_cast<std::size_t>(id)];
    }

    [[nodiscard]] Shape in_run_shape(const runtime::Observation& seen, ir::ValueId id) const {
        return ops::shape_in_run(info(id), {seen.args.counts, program_.counts});
    }

    /// The region's results at the sizes that the run found.
    void evaluate_in_run(const runtime::Observation& seen) {
        const plan::Step& step = *seen.launch.step;
        for (std::size_t i = 0; i < step.inputs.size(); ++i) {
            const ir::ValueId id = step.region.inputs[i];
            in_run_[id] = info(id).constant ? info(id).constant
                                            : crop(desc(step.inputs[i]), seen.args.inputs[i],
                                                   ops::Box::whole(in_run_shape(seen, id)));
        }
        for (const ir::NodeId id : step.region.nodes) {
            const ir::Node& node = engine_.plan().graph.node(id);
            std::vector<Tensor> inputs;
            for (const ir::ValueId input : node.inputs)
                inputs.push_back(input == ir::kNone ? Tensor() : in_run_.at(input));
            const auto results = ops::evaluate(node, std::move(inputs));
            for (std::size_t i = 0; i < node.outputs.size(); ++i)
                if (node.outputs[i] != ir::kNone) in_run_[node.outputs[i]] = results[i];
        }
    }

    /// What is known of one output.
    struct Found {
        Comparison comparison;
        double largest = 0;  ///< magnitude that errors are a part of, beside those compared
        bool fixed = false;  ///< of `largest` alone
        double tolerance = 0;
        bool unrounded = false;  ///< compared with what the reference has not rounded yet
        std::int64_t boxes = 0;
        bool whole = true;  ///< all elements were compared

        [[nodiscard]] double scale() const { return fixed ? largest : std::max(comparison.max_value, largest); }
        [[nodiscard]] double error() const { return relative(comparison, scale()); }
    };

    Found check_output(const runtime::Observation& seen, std::size_t i, RegionReference& reference) {
        const plan::Step& step = *seen.launch.step;
        const backend::TensorDesc target = desc(step.outputs[i]);
        const std::int64_t total = base::element_count(target.shape);
        Found found;
        if (total == 0) return found;
        const ir::ValueId value = step.region.outputs[i];
        const bool counted = info(value).counted.has_value();
        const double cost = reference.cost_per_element(step.region.outputs[i]);
        const auto elements =
            static_cast<std::int64_t>(std::clamp(milliseconds_ * kReferencePerMillisecond / cost, 24.0, 600.0));
        found.whole = counted || options_.mode == GateMode::full || total <= elements;
        const auto boxes = counted       ? std::vector{ops::Box::whole(in_run_shape(seen, value))}
                           : found.whole ? std::vector{ops::Box::whole(target.shape)}
                                         : sample_boxes(target.shape, elements, rivals_.of(step).empty(), random_);
        found.tolerance = tolerance(step, target.dtype);
        // Of a step that may be an eighth of the value, the last bit of a sum decides: the bound is on the sum.
        found.unrounded = !counted && found.tolerance > 0 && reference.rounds_to_e4m3(value);
        const auto references =
            counted ? std::vector{in_run_.at(value)} : reference_boxes(reference, value, boxes, found.unrounded);
        for (std::size_t b = 0; b < boxes.size(); ++b)
            add(found, crop(target, seen.args.outputs[i], boxes[b]), references[b]);
        found.boxes = static_cast<std::int64_t>(boxes.size());
        // Steps of a quantised type are whole numbers, however small the results are.
        found.fixed = target.dtype == DType::i8 || target.dtype == DType::u8;
        found.largest = found.fixed ? 127 : counted ? 0 : largest_magnitude(target, seen.args.outputs[i]);
        return found;
    }

    static void add(Found& found, const Tensor& result, const Tensor& expected) {
        const auto a = result.to_float(), b = expected.to_float();
        for (std::size_t k = 0; k < b.size() && k < a.size(); ++k)
            if (found.unrounded)
                add_stored(found.comparison, a[k], b[k]);
            else
                found.comparison.add(a[k], b[k]);
    }

    [[nodiscard]] double tolerance(const plan::Step& step, DType type) const {
        double result = kernel_tolerance(type);
        // TF32 keeps as many digits of a factor as f16.
        if (engine_.target().tf32 && type == DType::f32) result = std::max(result, kernel_tolerance(DType::f16));
        // The reference rounds between the region's nodes, the kernel does not.
        for (const ir::NodeId id : step.region.nodes)
            for (const ir::ValueId inner : engine_.plan().graph.node(id).outputs)
                if (inner != ir::kNone && base::is_float(type) &&
                    base::is_float(engine_.plan().graph.value(inner).dtype))
                    result = std::max(result, kernel_tolerance(engine_.plan().graph.value(inner).dtype));
        return result;
    }

    /// Behind a wrong kernel, infinities and what is no number say nothing about those that they reach.
    void report(const plan::Step& step, const backend::Tactic& tactic, const tune::Fault& fault) {
        if (wrong.empty() || std::isfinite(fault.error)) wrong.push_back({step.region.nodes[0], tactic, fault});
    }

    [[nodiscard]] bool runs_on_backend(const runtime::Launch& launch) const {
        return !launch.step->tactic.alias && launch.on_host == !engine_.device();
    }

    /// Compares the whole results with those of others until one of them is close. Where they lie apart, the reference
    /// says which one is wrong. Returns whether one is, now or in an earlier build.
    bool ask_rivals(const runtime::Observation& seen, RegionReference& reference, std::vector<Found>& outputs) {
        const plan::Step& step = *seen.launch.step;
        const auto judged = [](const Found& found) { return !found.whole && found.tolerance > 0; };
        if (std::none_of(outputs.begin(), outputs.end(), judged)) return false;
        if (rivals_.agreed(step)) return true;
        for (const backend::Tactic& tactic : rivals_.of(step)) {
            const auto results = rivals_.run(seen, tactic);
            if (results.empty()) continue;
            double apart = 0;
            tune::Fault fault;
            bool own = false;
            for (std::size_t i = 0; i < outputs.size(); ++i) {
                if (!judged(outputs[i])) continue;
                Found other{{}, outputs[i].largest, outputs[i].fixed, outputs[i].tolerance, outputs[i].unrounded};
                apart = std::max(apart, decide(seen, reference, i, results[i], outputs[i], other));
                own = own || !(outputs[i].error() <= outputs[i].tolerance);
                if (!(other.error() <= other.tolerance)) fault = {other.error(), other.tolerance};
            }
            if (fault.error > 0) report(step, tactic, fault);
            if (own) break;
            if (fault.error > 0) continue;
            if (apart <= kApart) rivals_.agree(step, apart);
            return apart <= kApart;
        }
        return false;
    }

    /// Has the reference decide at the places where output `i` and another kernel's results lie furthest apart. Returns
    /// how far, in tolerances.
    double decide(const runtime::Observation& seen, RegionReference& reference, std::size_t i, const std::byte* result,
                  Found& own, Found& other) {
        const plan::Step& step = *seen.launch.step;
        const backend::TensorDesc mine = desc(step.outputs[i]), dense = rivals_.dense(step.outputs[i]);
        const auto places = largest_distances(mine, seen.args.outputs[i], dense, result, kPlaces);
        if (places.empty()) return 0;
        const double apart = places[0].size / (own.tolerance * std::max(own.scale(), kNegligible));
        if (apart <= kApart) return apart;
        std::vector<ops::Box> boxes;
        for (const Distance& place : places) boxes.push_back({place.index, Shape(place.index.size(), 1)});
        const auto references = reference_boxes(reference, step.region.outputs[i], boxes, own.unrounded);
        for (std::size_t b = 0; b < boxes.size(); ++b) {
            add(own, crop(mine, seen.args.outputs[i], boxes[b]), references[b]);
            add(other, crop(dense, result, boxes[b]), references[b]);
        }
        own.boxes += static_cast<std::int64_t>(boxes.size());
        return apart;
    }

    /// Runs the kernel once more on the same inputs: it must give the same results to the last bit.
    void repeat(const runtime::Observation& seen, const std::vector<Found>& outputs) {
        const plan::Step& step = *seen.launch.step;
        std::vector<const std::byte*> first;
        const auto again = rivals_.repeat(seen, first);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
            const auto target = desc(step.outputs[i]);
            if (equal_bits(target, first[i], again[i])) continue;
            const auto places = largest_distances(target, first[i], target, again[i], 1);
            const double distance = places.empty() ? 0 : places[0].size;
            report(step, step.tactic, {distance / std::max(outputs[i].scale(), kNegligible), 0, true});
            return;
        }
    }

    const runtime::Engine& engine_;
    const runtime::Program& program_;
    const GateOptions& options_;
    double milliseconds_;  ///< reference time per kernel
    std::mt19937 random_;
    std::map<ir::ValueId, Tensor> in_run_;  ///< around a region with sizes that the run found
    Rivals rivals_;
};

}  // namespace

std::string node_names(const ir::Graph& graph, const backend::Region& region) {
    std::string text;
    for (const ir::NodeId id : region.nodes)
        for (const std::string& origin : graph.node(id).origins) text += (text.empty() ? "" : ", ") + origin;
    if (text.empty() && !region.nodes.empty()) text = graph.node(region.nodes[0]).name;
    return text.empty() && !region.outputs.empty() ? graph.value(region.outputs[0]).name : text;
}

double kernel_tolerance(DType type) {
    switch (type) {
        case DType::f64: return 1e-10;
        case DType::f32: return 1e-4;
        case DType::f16: return 4e-3;
        case DType::bf16: return 1.5e-2;
        case DType::i8:
        case DType::u8: return 1.01 / 127;  // one quantisation step at full range
        default: return 0;
    }
}

std::vector<Tensor> random_inputs(const ir::Graph& graph, const std::vector<Shape>& shapes, std::uint32_t seed) {
    std::mt19937 random(seed);
    std::vector<Tensor> inputs;
    for (std::size_t i = 0; i < shapes.size(); ++i) {
        const DType type = graph.value(graph.inputs[i]).dtype;
        Tensor tensor = Tensor::zeros(base::is_float(type) ? DType::f32 : type, shapes[i]);
        if (base::is_float(type))
            for (float& element : tensor.as<float>()) element = static_cast<float>(random() >> 8) * 0x1p-24f;
        else if (type == DType::u8 || type == DType::i8)
            for (std::int64_t k = 0; k < tensor.size(); ++k) tensor.raw()[k] = static_cast<std::byte>(random());
        inputs.push_back(tensor.cast(type));
    }
    return inputs;
}

void bind_inputs(runtime::Context& context, const std::vector<Tensor>& inputs) {
    for (std::size_t i = 0; i < inputs.size(); ++i)
        context.bind_input(i, inputs[i].dtype(), inputs[i].shape(), inputs[i].raw());
}

std::vector<WrongKernel> check_kernels(runtime::Context& context, const std::vector<Tensor>& inputs,
                                       const GateOptions& options, plan::Certificate& certificate) {
    bind_inputs(context, inputs);
    std::unique_ptr<KernelCheck> check;
    context.run([&](const runtime::Observation& seen) {
        if (!is_checked(seen.launch)) return;
        if (!check) check = std::make_unique<KernelCheck>(context.engine(), context.program(), options);
        certificate.kernels.push_back((*check)(seen));
    });
    return check ? std::move(check->wrong) : std::vector<WrongKernel>();
}

}  // namespace fovea::compiler
