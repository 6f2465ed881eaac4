// Samples of images at positions that a tensor gives: one thread computes kWidth channels of a place. The host writes
// in front: In, Grid, kWidth, kChannelsFirst (threads of neighbouring places, not channels, follow each other), kTaps
// along either axis (1: nearest, 2: linear, 4: cubic), kPadding (0: zeros, 1: border, 2: reflection), kAlignCorners.

DEVICE double reflect(double x, double low, double high) {
    const double range = high - low;
    if (range <= 0) return low;
    const double folded = fmod(fabs(x - low), 2 * range);
    return low + (folded > range ? 2 * range - folded : folded);
}

/// Keys' kernel with a = -0.75.
DEVICE float cubic(float x) {
    constexpr float a = -0.75f;
    x = fabsf(x);
    if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

/// Where one axis of the input is read, and how much each place counts; -1: as zero.
struct Taps {
    int places[kTaps];
    float weights[kTaps];
};

DEVICE Taps taps_at(double normalised, int size) {
    const double length = size, low = kAlignCorners ? 0 : -0.5, high = kAlignCorners ? length - 1 : length - 0.5;
    double x = kAlignCorners ? (normalised + 1) / 2 * (length - 1) : ((normalised + 1) * length - 1) / 2;
    if (!(fabs(x) < 1e9)) x = x > 0 && kPadding != 0 ? length - 1 : -1e9;
    if (kPadding == 2 && (x < low || x > high)) x = reflect(x, low, high);
    const double first = kTaps == 1 ? rint(x) : floor(x) - (kTaps == 4 ? 1 : 0);
    Taps taps;
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
        const double at = first + i;
        const float distance = static_cast<float>(x - at);
        taps.weights[i] = kTaps == 1 ? 1.0f : kTaps == 2 ? 1.0f - fabsf(distance) : cubic(distance);
        int place = static_cast<int>(at);
        if (place < 0 || place >= size) {
            if (kPadding == 0)
                place = -1;
            else if (kPadding == 1)
                place = place < 0 ? 0 : size - 1;
            else
                place = min(size - 1, static_cast<int>(reflect(at, low, high)));
        }
        taps.places[i] = place;
    }
    return taps;
}

extern "C" __global__ void __launch_bounds__(256) grid_sample(const GridSampleArgs args) {
    await_predecessors();
    release_successors();
    const int index = static_cast<int>(blockIdx.x) * 256 + static_cast<int>(threadIdx.x);
    if (index >= args.count) return;
    // [image][pixel][channel], or [image][channel][pixel]
    const int above = divide(index, kChannelsFirst ? args.pixels : args.channels);
    const int inner = index - above * static_cast<int>(kChannelsFirst ? args.pixels.divisor : args.channels.divisor);
    const int image = divide(above, kChannelsFirst ? args.channels : args.pixels);
    const int outer = above - image * static_cast<int>(kChannelsFirst ? args.channels.divisor : args.pixels.divisor);
    const int pixel = kChannelsFirst ? inner : outer, channel = (kChannelsFirst ? outer : inner) * kWidth;
    const Grid* point =
        static_cast<const Grid*>(args.grid) + 2LL * (image * static_cast<int>(args.pixels.divisor) + pixel);
    const Taps across = taps_at(to_float(point[0]), args.width), down = taps_at(to_float(point[1]), args.height);
    const In* input = static_cast<const In*>(args.input) + static_cast<long long>(image) * args.image +
                      static_cast<long long>(channel) * args.channel;
    float sum[kWidth] = {};
#pragma unroll
    for (int i = 0; i < kTaps; ++i)
#pragma unroll
        for (int k = 0; k < kTaps; ++k) {
            if (down.places[i] < 0 || across.places[k] < 0) continue;
            float x[kWidth];
            load_vector(x, input + static_cast<long long>(down.places[i]) * args.row +
                               static_cast<long long>(across.places[k]) * args.column);
#pragma unroll
            for (int c = 0; c < kWidth; ++c) sum[c] += down.weights[i] * across.weights[k] * x[c];
        }
    store_vector(static_cast<In*>(args.output) + static_cast<long long>(image) * args.output_image +
                     static_cast<long long>(channel) * args.output_channel +
                     static_cast<long long>(pixel) * args.output_pixel,
                 sum);
}
