#include <algorithm>
#include <array>
#include <cmath>

#include "base/checked.hpp"
#include "ops/elements.hpp"
#include "ops/expect.hpp"
#include "ops/registry.hpp"

namespace fovea::ops {
namespace {

void infer(InferContext& c) {
    expect_real(c, 0);
    expect_real(c, 1);
    const std::string mode = c.text("mode", "avg"),
                      transformation = c.text("coordinate_transformation_mode", "half_pixel");
    c.require(mode == "avg" || mode == "max", "attribute \"mode\": expected avg or max, found " + mode);
    c.require(transformation == "half_pixel" || transformation == "output_half_pixel",
              "attribute \"coordinate_transformation_mode\": expected half_pixel or output_half_pixel, found " +
                  transformation);
    const std::int64_t ratio = c.integer("sampling_ratio", 0);
    c.require(ratio >= 0 && ratio <= 1024,
              "attribute \"sampling_ratio\": expected 0 to 1024, found " + std::to_string(ratio));
    ir::Dims y(4);
    if (expect_rank(c, 0, 4, 4)) y[1] = (*c.dims(0))[1];
    if (expect_rank(c, 1, 2, 2)) {
        y[0] = (*c.dims(1))[0];
        expect_same(c, (*c.dims(1))[1], 4, "coordinates of a region");
    }
    if (expect_rank(c, 2, 1, 1)) y[0] = expect_same(c, y[0], (*c.dims(2))[0], "regions and batch indices");
    y[2] = expect_positive(c, "output_height", 1);
    y[3] = expect_positive(c, "output_width", 1);
    c.set_output(0, c.dtype(0), std::move(y));
}

/// One axis of a region: where it starts, the size of a bin and the number of samples in each.
struct Extent {
    double start, bin;
    std::int64_t samples;
};

Extent extent_of(const NodeView& node, double low, double high, std::int64_t bins) {
    const double scale = node.number("spatial_scale", 1);
    const bool half_pixel = node.text("coordinate_transformation_mode", "half_pixel") == "half_pixel";
    const double start = low * scale - (half_pixel ? 0.5 : 0);
    double size = (high - low) * scale;
    if (!half_pixel) size = std::fmax(size, 1);
    const double bin = size / static_cast<double>(bins);
    const std::int64_t ratio = node.integer("sampling_ratio", 0);
    node.require(std::fabs(bin) < 4096, "a region of interest spans " + std::to_string(size) + " places");
    return {start, bin, ratio > 0 ? ratio : static_cast<std::int64_t>(std::ceil(std::fmax(bin, 0)))};
}

/// The two neighbours of a coordinate along an axis of `size` and the weight of the upper one. Nothing where the
/// coordinate lies more than one place outside.
struct Neighbours {
    std::int64_t low, high;
    double fraction;
};

std::optional<Neighbours> neighbours(double x, std::int64_t size) {
    if (size == 0 || !(x >= -1 && x <= static_cast<double>(size))) return std::nullopt;
    x = std::fmax(x, 0);
    const auto low = static_cast<std::int64_t>(x);
    if (low >= size - 1) return Neighbours{size - 1, size - 1, 0};
    return Neighbours{low, low + 1, x - static_cast<double>(low)};
}

/// Adds the samples of one bin: their mean, or the largest of the weighted neighbours of any sample.
class Bin {
  public:
    explicit Bin(bool maximum) : maximum_(maximum) {}

    void add(const std::array<double, 4>& weighted) {
        ++count_;
        sum_ += weighted[0] + weighted[1] + weighted[2] + weighted[3];
        const double largest = *std::max_element(weighted.begin(), weighted.end());
        best_ = count_ == 1 ? largest : std::fmax(best_, largest);
    }
    [[nodiscard]] double value() const {
        if (count_ == 0) return 0;
        return maximum_ ? best_ : sum_ / static_cast<double>(count_);
    }

  private:
    bool maximum_;
    std::int64_t count_ = 0;
    double sum_ = 0, best_ = 0;
};

/// The four weighted neighbours of a sample; zeros outside the image.
std::array<double, 4> sample(const Reals& image, std::int64_t batch, std::int64_t channel, const Shape& x, double row,
                             double column) {
    const auto v = neighbours(row, x[2]), h = neighbours(column, x[3]);
    if (!v || !h) return {};
    const double f = v->fraction, g = h->fraction;
    return {(1 - f) * (1 - g) * image[Shape{batch, channel, v->low, h->low}],
            (1 - f) * g * image[Shape{batch, channel, v->low, h->high}],
            f * (1 - g) * image[Shape{batch, channel, v->high, h->low}],
            f * g * image[Shape{batch, channel, v->high, h->high}]};
}

void evaluate(EvalContext& c) {
    const Shape& x = c.input(0).shape();
    const Reals image(Window::whole(c.input(0))), regions(Window::whole(c.input(1)));
    const std::vector<std::int64_t> batches = c.input(2).to_int64();
    const std::int64_t rows = c.integer("output_height", 1), columns = c.integer("output_width", 1);
    const bool maximum = c.text("mode", "avg") == "max";
    Tensor& y = c.make_output(0, c.input(0).dtype(), {static_cast<std::int64_t>(batches.size()), x[1], rows, columns});
    Results<double> output(y);
    std::size_t element = 0;
    for (std::int64_t r = 0; r < y.shape()[0]; ++r) {
        const std::int64_t batch = batches[static_cast<std::size_t>(r)];
        c.require(batch >= 0 && batch < x[0], "input \"batch_indices\": expected numbers below " +
                                                  std::to_string(x[0]) + ", found " + std::to_string(batch));
        const Extent h = extent_of(c, regions[Shape{r, 0}], regions[Shape{r, 2}], columns);
        const Extent v = extent_of(c, regions[Shape{r, 1}], regions[Shape{r, 3}], rows);
        for_each_index(Box::whole({x[1], rows, columns}), [&](const Shape& at) {
            Bin bin(maximum);
            for_each_index(Box::whole({v.samples, h.samples}), [&](const Shape& s) {
                const auto place = [](const Extent& e, std::int64_t number, std::int64_t i) {
                    return e.start + e.bin * (static_cast<double>(number) +
                                              (static_cast<double>(i) + 0.5) / static_cast<double>(e.samples));
                };
                bin.add(sample(image, batch, at[0], x, place(v, at[1], s[0]), place(h, at[2], s[1])));
            });
            output[element++] = bin.value();
        });
    }
    output.store();
}

/// Interpolates between four places a sample. Regions that are not known are taken to need 2 × 2 samples a bin.
std::int64_t flops(const ShapeContext& c) {
    const std::int64_t ratio = c.integer("sampling_ratio", 0), rows = c.integer("output_height", 1),
                       columns = c.integer("output_width", 1);
    std::int64_t samples = ratio > 0 ? ratio * ratio : 4;
    if (ratio == 0 && c.constants.size() > 1 && c.constants[1]) {
        const Reals regions(Window::whole(c.constants[1]));
        for (std::int64_t r = 0; r < c.inputs[1][0]; ++r)
            samples = std::max(samples, extent_of(c, regions[Shape{r, 0}], regions[Shape{r, 2}], columns).samples *
                                            extent_of(c, regions[Shape{r, 1}], regions[Shape{r, 3}], rows).samples);
    }
    return base::checked_mul(8 * samples, base::element_count(c.outputs[0]));
}

const Op kOperators[] = {{
    .name = "RoiAlign",
    .inputs = {3, 3},
    .attributes = {{"coordinate_transformation_mode", AttributeKind::text},
                   {"mode", AttributeKind::text},
                   {"output_height", AttributeKind::integer},
                   {"output_width", AttributeKind::integer},
                   {"sampling_ratio", AttributeKind::integer},
                   {"spatial_scale", AttributeKind::number}},
    .infer = infer,
    .evaluate = evaluate,
    .flops = flops,
}};

}  // namespace

std::span<const Op> roi_align_operators() { return kOperators; }

}  // namespace fovea::ops
