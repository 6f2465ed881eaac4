// As resize.cuh, with the result in planes: one thread computes all channels of one pixel, so that neighbouring threads
// write neighbouring places and read the same ones. The host writes in front: In, Out, kChannels, kTaps,
// epilogue(x, args, row, channel).

extern "C" __global__ void __launch_bounds__(256) resize_planes(const ResizeArgs args) {
    await_predecessors();
    release_successors();
    const int pixel = blockIdx.x * 256 + threadIdx.x;
    if (pixel >= args.rows) return;
    const Pixel place(pixel, args.pixels, args.columns);
    const int size = args.pixels.divisor;
    const ResizeTap* rows = static_cast<const ResizeTap*>(args.row_taps) + place.row * kTaps;
    const ResizeTap* columns = static_cast<const ResizeTap*>(args.column_taps) + place.column * kTaps;
    const In* sources[kTaps][kTaps];
    float row_weights[kTaps], column_weights[kTaps];
#pragma unroll
    for (int i = 0; i < kTaps; ++i) {
        row_weights[i] = rows[i].weight;
        column_weights[i] = columns[i].weight;
#pragma unroll
        for (int j = 0; j < kTaps; ++j)
            sources[i][j] = source_of(args, place.image, rows[i].place, columns[j].place, 0);
    }
    Out* target = static_cast<Out*>(args.output) + static_cast<long long>(place.image) * (kChannels - 1) * size + pixel;
#pragma unroll 8
    for (int channel = 0; channel < kChannels; ++channel) {
        float sum[1] = {};
#pragma unroll
        for (int i = 0; i < kTaps; ++i) {
            float line = 0;
#pragma unroll
            for (int j = 0; j < kTaps; ++j) line += column_weights[j] * to_float(sources[i][j][channel]);
            sum[0] += row_weights[i] * line;
        }
        epilogue(sum, args.epilogue, pixel, channel);
        store(target[static_cast<long long>(channel) * size], sum[0]);
    }
}
