#include "compiler/gate.hpp"

#include <algorithm>
#include <cmath>
#include <exception>
#include <random>
#include <span>

#include "base/dispatch.hpp"
#include "base/parallel_sum.hpp"
#include "compiler/magnitude.hpp"
#include "compiler/region_reference.hpp"
#include "fovea/error.hpp"
#include "ops/counted.hpp"

namespace fovea::compiler {
namespace {

/// Reference operations per millisecond; an order of magnitude, it only sizes the sample.
constexpr double kReferencePerMillisecond = 40'000;
/// What more boxes of one kernel would hardly add to.
constexpr double kMillisecondsPerKernel = 25;

/// Results below this differ by what they lose near the smallest numbers that f32 holds.
constexpr double kNegligible = 1e-30;

/// Sums over pairs of results, from which error and signal-to-noise follow.
struct Comparison {
    double max_difference = 0, max_value = 0, noise = 0, sum = 0, sum_of_squares = 0;
    std::int64_t count = 0;
    bool finite = true;

    void add(double a, double b) {
        if (std::isfinite(a) != std::isfinite(b)) finite = false;
        if (!std::isfinite(a) || !std::isfinite(b)) return;
        max_difference = std::max(max_difference, std::fabs(a - b));
        max_value = std::max(max_value, std::fabs(b));
        noise += (a - b) * (a - b);
        sum += b;
        sum_of_squares += b * b;
        ++count;
    }
    void join(const Comparison& other) {
        max_difference = std::max(max_difference, other.max_difference);
        max_value = std::max(max_value, other.max_value);
        noise += other.noise;
        sum += other.sum;
        sum_of_squares += other.sum_of_squares;
        count += other.count;
        finite = finite && other.finite;
    }
    [[nodiscard]] double signal() const {
        return count ? std::max(0.0, sum_of_squares - sum * sum / static_cast<double>(count)) : 0;
    }
};

/// The largest difference as a part of `scale`; as it is where there is nothing to compare it with.
double relative(const Comparison& comparison, double scale) {
    if (!comparison.finite) return INFINITY;
    return scale > kNegligible ? comparison.max_difference / scale : comparison.max_difference;
}

double decibel(double signal, double noise) {
    if (noise <= 0) return 200;
    return std::min(200.0, 10 * std::log10(std::max(signal, 1e-300) / noise));
}

/// Places worth looking at in a tensor. Half of the elements go into lines through all channels (axis 1), one of them
/// at the very end; the rest into small boxes: both corners, and boxes that straddle multiples of usual tile sizes.
std::vector<ops::Box> sample_boxes(const Shape& shape, std::int64_t elements, std::mt19937& random) {
    constexpr std::int64_t kTiles[] = {4, 6, 8, 16, 32, 64}, kPiece = 32;
    std::vector<ops::Box> boxes;
    const auto somewhere = [&](std::int64_t room) {
        return room > 0 ? static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(room + 1)) : 0;
    };
    if (shape.size() >= 3)
        for (std::int64_t left = elements / 2, i = 0; left > 0 && i < 4; ++i) {
            ops::Box line{Shape(shape.size()), Shape(shape.size(), 1)};
            line.size[1] = std::min(shape[1], left);
            left -= line.size[1];
            for (std::size_t axis = 0; axis < shape.size(); ++axis) {
                const std::int64_t room = shape[axis] - line.size[axis];
                line.start[axis] = i == 0 ? room : somewhere(room);
            }
            // In pieces, which threads can share.
            for (std::int64_t end = line.start[1] + line.size[1]; line.start[1] < end; line.start[1] += kPiece) {
                boxes.push_back(line);
                boxes.back().size[1] = std::min(kPiece, end - line.start[1]);
            }
        }
    const std::int64_t rest = shape.size() >= 3 ? elements / 2 : elements;
    const auto count = std::clamp<std::int64_t>(rest / 6, 3, 10);
    for (std::int64_t i = 0; i < count; ++i) {
        ops::Box box = ops::Box::whole(shape);
        std::int64_t left = std::max<std::int64_t>(1, rest / count);
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            const std::int64_t want = axis + 1 == shape.size() ? 4 : 3;
            box.size[axis] = std::min({shape[axis], want, left});
            left = std::max<std::int64_t>(1, left / box.size[axis]);
            const std::int64_t room = shape[axis] - box.size[axis];
            const std::int64_t tile = kTiles[random() % std::size(kTiles)];
            box.start[axis] = i == 0   ? 0
                              : i == 1 ? room
                                       : std::clamp<std::int64_t>(somewhere(room) / tile * tile - 1, 0, room);
        }
        boxes.push_back(std::move(box));
    }
    return boxes;
}

std::string names(const ir::Graph& graph, const backend::Region& region) {
    std::string text;
    for (const ir::NodeId id : region.nodes)
        for (const std::string& origin : graph.node(id).origins) text += (text.empty() ? "" : ", ") + origin;
    if (text.empty() && !region.nodes.empty()) text = graph.node(region.nodes[0]).name;
    return text.empty() && !region.outputs.empty() ? graph.value(region.outputs[0]).name : text;
}

/// The boxes of `value`, shared out among the threads.
std::vector<Tensor> reference_boxes(const RegionReference& reference, ir::ValueId value,
                                    const std::vector<ops::Box>& boxes) {
    std::vector<Tensor> results(boxes.size());
    const auto parts = std::min<std::int64_t>(base::thread_count(), static_cast<std::int64_t>(boxes.size()));
    std::vector<std::exception_ptr> errors(static_cast<std::size_t>(parts));
    base::parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
        for (auto part = static_cast<std::size_t>(begin); part < static_cast<std::size_t>(end); ++part) try {
                RegionReference own = reference;
                for (std::size_t i = part; i < boxes.size(); i += errors.size()) results[i] = own.box(value, boxes[i]);
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
        : engine_(engine), program_(program), options_(options), random_(options.seed) {
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
        const RegionReference reference(engine_.plan().graph, program_.values, step.region, reader);
        in_run_.clear();
        const auto counted = [&](ir::ValueId id) { return info(id).counted.has_value(); };
        if (std::any_of(step.region.inputs.begin(), step.region.inputs.end(), counted) ||
            std::any_of(step.region.outputs.begin(), step.region.outputs.end(), counted))
            evaluate_in_run(seen);
        plan::Evidence evidence{names(engine_.plan().graph, step.region), {}, 0, 200, 0};
        std::int64_t boxes = 0;
        for (std::size_t i = 0; i < step.region.outputs.size(); ++i)
            boxes += check_output(seen, i, reference, evidence);
        evidence.checked = options_.mode == GateMode::full ? "all elements" : std::to_string(boxes) + " boxes";
        return evidence;
    }

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

    std::int64_t check_output(const runtime::Observation& seen, std::size_t i, const RegionReference& reference,
                              plan::Evidence& evidence) {
        const plan::Step& step = *seen.launch.step;
        const backend::TensorDesc target = desc(step.outputs[i]);
        const std::int64_t total = base::element_count(target.shape);
        if (total == 0) return 0;
        const ir::ValueId value = step.region.outputs[i];
        const bool counted = info(value).counted.has_value();
        const double cost = reference.cost_per_element(step.region.outputs[i]);
        const auto elements =
            static_cast<std::int64_t>(std::clamp(milliseconds_ * kReferencePerMillisecond / cost, 24.0, 600.0));
        const auto boxes = counted ? std::vector{ops::Box::whole(in_run_shape(seen, value))}
                           : options_.mode == GateMode::full || total <= elements
                               ? std::vector{ops::Box::whole(target.shape)}
                               : sample_boxes(target.shape, elements, random_);
        Comparison comparison;
        const auto references = counted ? std::vector{in_run_.at(value)} : reference_boxes(reference, value, boxes);
        if (references[0].shape() != boxes[0].size) comparison.finite = false;
        for (std::size_t b = 0; b < boxes.size(); ++b) {
            const auto expected = references[b].to_float();
            const auto found = crop(target, seen.args.outputs[i], boxes[b]).to_float();
            for (std::size_t k = 0; k < expected.size() && k < found.size(); ++k) comparison.add(found[k], expected[k]);
        }
        // Steps of a quantised type are whole numbers, however small the results are.
        const bool bytes = target.dtype == DType::i8 || target.dtype == DType::u8;
        const double scale = bytes ? 127
                             : counted
                                 ? comparison.max_value
                                 : std::max(comparison.max_value, largest_magnitude(target, seen.args.outputs[i]));
        const double error = relative(comparison, scale);
        evidence.tolerance = std::max(evidence.tolerance, kernel_tolerance(target.dtype));
        // TF32 keeps as many digits of a factor as f16.
        if (engine_.target().tf32 && target.dtype == DType::f32)
            evidence.tolerance = std::max(evidence.tolerance, kernel_tolerance(DType::f16));
        // The reference rounds between the region's nodes, the kernel does not.
        for (const ir::NodeId id : step.region.nodes)
            for (const ir::ValueId inner : engine_.plan().graph.node(id).outputs)
                if (inner != ir::kNone && base::is_float(target.dtype) &&
                    base::is_float(engine_.plan().graph.value(inner).dtype))
                    evidence.tolerance =
                        std::max(evidence.tolerance, kernel_tolerance(engine_.plan().graph.value(inner).dtype));
        evidence.max_error = std::max(evidence.max_error, error);
        evidence.snr_db = std::min(evidence.snr_db, decibel(comparison.signal(), comparison.noise));
        return static_cast<std::int64_t>(boxes.size());
    }

    const runtime::Engine& engine_;
    const runtime::Program& program_;
    const GateOptions& options_;
    double milliseconds_;  ///< reference time per kernel
    std::mt19937 random_;
    std::map<ir::ValueId, Tensor> in_run_;  ///< around a region with sizes that the run found
};

/// Elements that one thread compares at a time.
constexpr std::int64_t kPiece = 1 << 16;

/// Sums of every channel along an axis.
struct Channels {
    std::vector<Comparison> channels;

    void join(const Channels& other) {
        for (std::size_t i = 0; i < channels.size(); ++i) channels[i].join(other.channels[i]);
    }
};

/// Sum of squares once the mean of every channel, along `axis`, is removed.
double varying_power(std::span<const float> values, const Shape& shape, std::size_t axis) {
    std::int64_t inner = 1;
    for (std::size_t i = axis + 1; i < shape.size(); ++i) inner *= shape[i];
    const auto sums = base::parallel_sum<Channels>(
        static_cast<std::int64_t>(values.size()) / inner, std::max<std::int64_t>(1, kPiece / inner),
        [&](std::int64_t begin, std::int64_t end) {
            Channels part{std::vector<Comparison>(static_cast<std::size_t>(shape[axis]))};
            for (std::int64_t row = begin; row < end; ++row) {
                Comparison& channel = part.channels[static_cast<std::size_t>(row % shape[axis])];
                for (std::int64_t i = row * inner; i < (row + 1) * inner; ++i) {
                    const double value = values[static_cast<std::size_t>(i)];
                    channel.add(value, value);
                }
            }
            return part;
        });
    double power = 0;
    for (const Comparison& channel : sums.channels) power += channel.signal();
    return power;
}

std::string number(double value) {
    char buffer[32];
    std::snprintf(buffer, sizeof buffer, "%.3g", value);
    return buffer;
}

}  // namespace

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

void check_kernels(runtime::Context& context, const std::vector<Tensor>& inputs, const GateOptions& options,
                   plan::Certificate& certificate) {
    for (std::size_t i = 0; i < inputs.size(); ++i)
        context.bind_input(i, inputs[i].dtype(), inputs[i].shape(), inputs[i].raw());
    std::unique_ptr<KernelCheck> check;
    context.run([&](const runtime::Observation& seen) {
        if (!is_checked(seen.launch)) return;
        const plan::Step& step = *seen.launch.step;
        if (!check) check = std::make_unique<KernelCheck>(context.engine(), context.program(), options);
        const plan::Evidence evidence = (*check)(seen);
        if (options.refuse && !(evidence.max_error <= evidence.tolerance))
            throw Error(ErrorCode::numerics, "the kernel \"" + step.region.pattern + " " + step.tactic.name +
                                                 "\" is wrong: error " + number(evidence.max_error) +
                                                 " of the largest value, at most " + number(evidence.tolerance) +
                                                 " allowed (" + evidence.checked +
                                                 " compared with the reference); build with another precision, or "
                                                 "report it with the output of `fovea extract`")
                .in("nodes " + evidence.subject);
        certificate.kernels.push_back(evidence);
    });
}

plan::Evidence compare(const Tensor& a, const Tensor& b) {
    plan::Evidence evidence{{}, "all elements", 0, 200, 0};
    if (a.shape() != b.shape()) {
        evidence.max_error = INFINITY;
        evidence.snr_db = -200;
        return evidence;
    }
    const Tensor wide_a = a.cast(DType::f32), wide_b = b.cast(DType::f32);
    const std::span<const float> x = wide_a.as<float>(), y = wide_b.as<float>();
    const auto all = base::parallel_sum<Comparison>(
        static_cast<std::int64_t>(x.size()), kPiece, [&](std::int64_t begin, std::int64_t end) {
            Comparison part;
            for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i) part.add(x[i], y[i]);
            return part;
        });
    const Shape& shape = b.shape();
    double signal = all.signal();
    for (const std::size_t axis : {std::size_t{1}, shape.size() - 1})
        if (axis < shape.size() && b.size() > shape[axis]) signal = std::min(signal, varying_power(y, shape, axis));
    evidence.max_error = relative(all, all.max_value);
    evidence.snr_db = decibel(signal, all.noise);
    return evidence;
}

}  // namespace fovea::compiler
