// Resizing of the two spatial axes, channels last: every output row and column is a sum of kTaps input rows and columns
// with weights that the host has computed. One thread computes kWidth neighbouring channels of one pixel. The host
// writes in front: In, Out, kWidth, kChannels, kTaps, epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) resize(const ResizeArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kVectors = kChannels / kWidth;
    const long long index = static_cast<long long>(blockIdx.x) * 256 + threadIdx.x;
    const int pixel = static_cast<int>(index / kVectors), channel = static_cast<int>(index % kVectors) * kWidth;
    if (pixel >= args.rows) return;
    const Pixel place(pixel, args.pixels, args.columns);
    const ResizeTap* rows = static_cast<const ResizeTap*>(args.row_taps) + place.row * kTaps;
    const ResizeTap* columns = static_cast<const ResizeTap*>(args.column_taps) + place.column * kTaps;
    float sums[kWidth] = {};
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
        float line[kWidth] = {};
#pragma unroll
        for (int j = 0; j < kTaps; ++j) {
            float values[kWidth];
            load_vector(values, source_of(args, place.image, rows[i].place, columns[j].place, channel));
#pragma unroll
            for (int k = 0; k < kWidth; ++k) line[k] += columns[j].weight * values[k];
        }
#pragma unroll
        for (int k = 0; k < kWidth; ++k) sums[k] += rows[i].weight * line[k];
    }
    epilogue(sums, args.epilogue, pixel, channel);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, sums);
}
