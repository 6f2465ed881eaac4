// Regions of images, resampled to one size: one thread computes kWidth channels of a bin. The host writes in front:
// In, Region, Index, kWidth, kChannelsFirst (threads of neighbouring bins follow each other), kMaximum, kHalfPixel.

/// One axis of a region: where it starts, the size of a bin and the number of samples in each.
struct Extent {
    double start, bin;
    int samples;
};

DEVICE Extent extent_of(float low, float high, int bins, const RoiAlignArgs& args) {
    const double scale = args.scale;
    double size = (static_cast<double>(high) - static_cast<double>(low)) * scale;
    if (!kHalfPixel) size = fmax(size, 1.0);
    const double bin = size / bins;
    return {low * scale - (kHalfPixel ? 0.5 : 0), bin,
            args.samples > 0 ? args.samples : static_cast<int>(ceil(fmin(fmax(bin, 0.0), 4096.0)))};
}

/// The two neighbours of a coordinate and the weight of the upper one; `low` < 0 more than one place outside.
struct Neighbours {
    int low, high;
    float fraction;
};

DEVICE Neighbours neighbours(const Extent& e, int bin, int sample, int size) {
    double x = e.start + e.bin * (bin + (sample + 0.5) / e.samples);
    if (size == 0 || !(x >= -1 && x <= size)) return {-1, -1, 0};
    x = fmax(x, 0.0);
    const int low = static_cast<int>(x);
    if (low >= size - 1) return {size - 1, size - 1, 0};
    return {low, low + 1, static_cast<float>(x - low)};
}

extern "C" __global__ void __launch_bounds__(256) roi_align(const RoiAlignArgs args) {
    await_predecessors();
    release_successors();
    const int index = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (index >= args.count) return;
    const int channels = static_cast<int>(args.channels.divisor), rows = static_cast<int>(args.rows.divisor),
              columns = static_cast<int>(args.columns.divisor);
    int rest = index, channel = 0;
    if (!kChannelsFirst) {
        rest = divide(index, args.channels);
        channel = index - rest * channels;
    }
    int above = divide(rest, args.columns);
    const int column = rest - above * columns;
    rest = divide(above, args.rows);
    const int row = above - rest * rows;
    int region = rest;
    if (kChannelsFirst) {
        region = divide(rest, args.channels);
        channel = rest - region * channels;
    }
    channel *= kWidth;
    const Region* corners = static_cast<const Region*>(args.regions) + 4LL * region;
    const Extent h = extent_of(to_float(corners[0]), to_float(corners[2]), columns, args);
    const Extent v = extent_of(to_float(corners[1]), to_float(corners[3]), rows, args);
    const int image = min(max(static_cast<int>(static_cast<const Index*>(args.images)[region]), 0), args.batch - 1);
    const In* input = static_cast<const In*>(args.input) + static_cast<long long>(image) * args.image +
                      static_cast<long long>(channel) * args.channel;
    float result[kWidth] = {};
    for (int i = 0; i < v.samples; ++i)
        for (int k = 0; k < h.samples; ++k) {
            const Neighbours y = neighbours(v, row, i, args.height), x = neighbours(h, column, k, args.width);
            float sum[kWidth] = {}, largest[kWidth] = {};
            for (int corner = 0; corner < 4 && y.low >= 0 && x.low >= 0; ++corner) {
                float pixel[kWidth];
                load_vector(pixel, input + static_cast<long long>(corner < 2 ? y.low : y.high) * args.row +
                                       static_cast<long long>(corner % 2 ? x.high : x.low) * args.column);
                const float weight = (corner < 2 ? 1 - y.fraction : y.fraction) * (corner % 2 ? x.fraction : 1 - x.fraction);
#pragma unroll
                for (int c = 0; c < kWidth; ++c) {
                    sum[c] += weight * pixel[c];
                    largest[c] = corner == 0 ? weight * pixel[c] : fmaxf(largest[c], weight * pixel[c]);
                }
            }
#pragma unroll
            for (int c = 0; c < kWidth; ++c) {
                if (kMaximum)
                    result[c] = i + k == 0 ? largest[c] : fmaxf(result[c], largest[c]);
                else
                    result[c] += sum[c];
            }
        }
    if (!kMaximum && v.samples * h.samples > 0)
#pragma unroll
        for (int c = 0; c < kWidth; ++c) result[c] /= static_cast<float>(v.samples * h.samples);
    store_vector(static_cast<In*>(args.output) + static_cast<long long>(region) * args.output_region +
                     static_cast<long long>(channel) * args.output_channel +
                     static_cast<long long>(row) * args.output_row + static_cast<long long>(column) * args.output_column,
                 result);
}
