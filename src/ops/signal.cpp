#include <cmath>
#include <complex>
#include <numbers>

#include "base/checked.hpp"
#include "base/limits.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"
#include "ops/size_arithmetic.hpp"
#include "ops/types.hpp"

namespace fovea::ops {
namespace {

constexpr std::int64_t kLongest = 1LL << 24;

/// The one number in an integer input, within [low, 2^24].
std::int64_t single(const NodeView& node, const Tensor& tensor, const char* name, std::int64_t low) {
    const auto values = tensor.to_int64();
    node.require(values.size() == 1 && values[0] >= low && values[0] <= kLongest,
                 "input \"" + std::string(name) + "\": expected one number from " + std::to_string(low) + " to 2^24");
    return values[0];
}

double as_double(const NodeView& node, const Tensor& tensor) {
    node.require(tensor.size() == 1, "expected one number, found the shape " + base::to_string(tensor.shape()));
    return tensor.cast(DType::f64).as<double>()[0];
}

// ---- Hann, Hamming and Blackman windows

void infer_window(InferContext& c) {
    c.require(base::is_integer(c.dtype(0)),
              "input 0: expected an integer, found " + std::string(to_string(c.dtype(0))));
    ir::Dim size;
    if (const Tensor* constant = c.constant(0))
        size = single(c, *constant, "size", 0);
    else if (const auto content = small_content(c, 0); content && content->size() == 1)
        size = (*content)[0];
    c.set_output(0, type_attribute(c, "output_datatype", DType::f32), ir::Dims{size});
}

Box whole_input(const ShapeContext& c, int input, const Box&) {
    return Box::whole(c.inputs[static_cast<std::size_t>(input)]);
}

/// Sets place n of `size` to `value` of the angle 2·π·n / (size or size - 1).
template <class Value>
void fill_window(BoxContext& c, const Value& value) {
    const std::int64_t size = c.output_shape[0], period = c.integer("periodic", 1) != 0 ? size : size - 1;
    Tensor result(DType::f64, c.box.size);
    const auto elements = result.as<double>();
    for (std::size_t i = 0; i < elements.size(); ++i) {
        const auto place = static_cast<double>(c.box.start[0] + static_cast<std::int64_t>(i));
        elements[i] = period == 0 ? 1 : value(2 * std::numbers::pi * place / static_cast<double>(period));
    }
    c.output = result.cast(c.output.dtype());
}

void hann(BoxContext& c) {
    fill_window(c, [](double angle) { return 0.5 - 0.5 * std::cos(angle); });
}

void hamming(BoxContext& c) {
    constexpr double kAlpha = 25.0 / 46.0;
    fill_window(c, [](double angle) { return kAlpha - (1 - kAlpha) * std::cos(angle); });
}

void blackman(BoxContext& c) {
    fill_window(c, [](double angle) { return 0.42 - 0.5 * std::cos(angle) + 0.08 * std::cos(2 * angle); });
}

// ---- MelWeightMatrix

enum MelInput : std::size_t { kBins, kDftLength, kSampleRate, kLowerEdge, kUpperEdge };

void infer_mel(InferContext& c) {
    ir::Dims y(2);
    if (const Tensor* length = c.constant(kDftLength)) y[0] = single(c, *length, "dft_length", 1) / 2 + 1;
    if (const Tensor* bins = c.constant(kBins)) y[1] = single(c, *bins, "num_mel_bins", 1);
    c.set_output(0, type_attribute(c, "output_datatype", DType::f32), std::move(y));
}

/// Spectrogram bins at equal steps on the mel scale: the corners of the triangles.
std::vector<std::int64_t> mel_corners(const EvalContext& c, std::int64_t bins, std::int64_t length) {
    const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
    const double low = mel(as_double(c, c.input(kLowerEdge))), high = mel(as_double(c, c.input(kUpperEdge)));
    const std::int64_t rate = single(c, c.input(kSampleRate), "sample_rate", 1);
    std::vector<std::int64_t> corners;
    for (std::int64_t i = 0; i < bins + 2; ++i) {
        const double at = low + static_cast<double>(i) * (high - low) / static_cast<double>(bins + 2);
        const double hertz = 700 * (std::pow(10, at / 2595) - 1);
        const double corner = std::floor(static_cast<double>(length + 1) * hertz / static_cast<double>(rate));
        c.require(corner >= 0 && corner <= static_cast<double>(length / 2),
                  "the band edges lie outside of the spectrum");
        corners.push_back(static_cast<std::int64_t>(corner));
    }
    return corners;
}

void evaluate_mel(EvalContext& c) {
    const std::int64_t bins = single(c, c.input(kBins), "num_mel_bins", 1);
    const std::int64_t length = single(c, c.input(kDftLength), "dft_length", 1);
    const auto corners = mel_corners(c, bins, length);
    c.require(base::checked_mul(bins, length / 2 + 1) <= base::limits::kMaxElements,
              "the matrix exceeds the limit of 2^36 elements");
    Tensor result = Tensor::zeros(DType::f64, {length / 2 + 1, bins});
    const auto weights = result.as<double>();
    for (std::int64_t bin = 0; bin < bins; ++bin) {
        const auto left = corners[static_cast<std::size_t>(bin)], peak = corners[static_cast<std::size_t>(bin + 1)],
                   right = corners[static_cast<std::size_t>(bin + 2)];
        const auto weight = [&](std::int64_t place) -> double& {
            return weights[static_cast<std::size_t>(place * bins + bin)];
        };
        for (std::int64_t i = left; i < peak; ++i)
            weight(i) = static_cast<double>(i - left) / static_cast<double>(peak - left);
        weight(peak) = 1;
        for (std::int64_t i = peak + 1; i < right; ++i)
            weight(i) = static_cast<double>(right - i) / static_cast<double>(right - peak);
    }
    c.set_output(0, result.cast(type_attribute(c, "output_datatype", DType::f32)));
}

// ---- STFT

enum StftInput : std::size_t { kSignal, kStep, kWindow, kFrame };

bool one_sided(const NodeView& node) { return node.integer("onesided", 1) != 0; }

std::int64_t frame_count(const NodeView& node, std::int64_t signal, std::int64_t frame, std::int64_t step) {
    node.require(frame <= signal,
                 "a frame of " + std::to_string(frame) + " exceeds the signal of " + std::to_string(signal));
    return (signal - frame) / step + 1;
}

ir::Dim frame_length(const InferContext& c, const ir::Dim& signal) {
    ir::Dim frame;
    if (const Tensor* given = c.constant(kFrame)) frame = single(c, *given, "frame_length", 1);
    if (expect_rank(c, kWindow, 1, 1)) frame = expect_same(c, frame, (*c.dims(kWindow))[0], "window and frame length");
    return c.has(kFrame) || c.has(kWindow) ? frame : signal;
}

void infer_stft(InferContext& c) {
    expect_real(c, kSignal);
    ir::Dims y = {ir::Dim(), ir::Dim(), ir::Dim(), ir::Dim(2)};
    ir::Dim signal;
    if (expect_rank(c, kSignal, 3, 3)) {
        const ir::Dims& x = *c.dims(kSignal);
        y[0] = x[0];
        signal = x[1];
        c.require(
            !x[2].known() || x[2].value == 1 || (x[2].value == 2 && !one_sided(c)),
            "expected a real signal, or a complex one where attribute \"onesided\" is 0, found " + ir::to_string(x));
    }
    const ir::Dim frame = frame_length(c, signal);
    if (frame.known()) y[2] = one_sided(c) ? frame.value / 2 + 1 : frame.value;
    const Tensor* step = c.constant(kStep);
    if (step && frame.known() && signal.known())
        y[1] = frame_count(c, signal.value, frame.value, single(c, *step, "frame_step", 1));
    c.set_output(0, c.dtype(kSignal), std::move(y));
}

void evaluate_stft(EvalContext& c) {
    const Reals signal(Window::whole(c.input(kSignal)));
    const Shape& x = c.input(kSignal).shape();
    const std::int64_t step = single(c, c.input(kStep), "frame_step", 1);
    const std::int64_t frame = c.has(kFrame)    ? single(c, c.input(kFrame), "frame_length", 1)
                               : c.has(kWindow) ? c.input(kWindow).size()
                                                : x[1];
    const Tensor window = c.has(kWindow) ? c.input(kWindow).cast(DType::f64) : Tensor();
    Tensor& y = c.make_output(0, c.input(kSignal).dtype(),
                              {x[0], frame_count(c, x[1], frame, step), one_sided(c) ? frame / 2 + 1 : frame, 2});
    Results<double> result(y);
    std::size_t element = 0;
    for_each_index(Box::whole({y.shape()[0], y.shape()[1], y.shape()[2]}), [&](const Shape& at) {
        std::complex<double> sum = 0;
        for (std::int64_t n = 0; n < frame; ++n) {
            const std::int64_t place = at[1] * step + n;
            const std::complex<double> value(signal[{at[0], place, 0}], x[2] == 2 ? signal[{at[0], place, 1}] : 0);
            const double weight = window ? window.as<double>()[static_cast<std::size_t>(n)] : 1;
            sum += weight * value *
                   std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(at[2] * n % frame) /
                                       static_cast<double>(frame));
        }
        result[element++] = sum.real();
        result[element++] = sum.imag();
    });
    result.store();
}

const std::initializer_list<AttributeSpec> kWindowAttributes = {{"output_datatype", AttributeKind::integer},
                                                                {"periodic", AttributeKind::integer}};

Op window(std::string_view name, void (*evaluate_box)(BoxContext&)) {
    return {.name = name,
            .attributes = kWindowAttributes,
            .infer = infer_window,
            .evaluate_box = evaluate_box,
            .required_input = whole_input};
}

const Op kOperators[] = {
    window("BlackmanWindow", blackman),
    window("HammingWindow", hamming),
    window("HannWindow", hann),
    {.name = "MelWeightMatrix",
     .inputs = {5, 5},
     .attributes = {{"output_datatype", AttributeKind::integer}},
     .infer = infer_mel,
     .evaluate = evaluate_mel},
    {.name = "STFT",
     .inputs = {2, 4},
     .attributes = {{"onesided", AttributeKind::integer}},
     .infer = infer_stft,
     .evaluate = evaluate_stft},
};

}  // namespace

std::span<const Op> signal_operators() { return kOperators; }

}  // namespace fovea::ops
