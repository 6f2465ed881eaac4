// The end of a convolution with one output channel behind a resizing: the product of the small image with the weights
// of every tap has been computed; this resizes each tap's part, shifts it to its place and adds the parts up. One
// thread an output pixel. The host writes in front: In, Out, kTaps (of the resizing), kTapRows, kTapColumns,
// kDilationY, kDilationX, kPitch (of the parts), epilogue(x, args, row, channel).

/// Where a resized row or column comes from; weights of 0 outside the image.
struct Line {
    int place[kTaps];
    float weight[kTaps];
    DEVICE Line() {}
    DEVICE Line(const void* taps, int at, int extent) {
        const bool inside = static_cast<u32>(at) < static_cast<u32>(extent);
        const ResizeTap* list = static_cast<const ResizeTap*>(taps) + (inside ? at : 0) * kTaps;
#pragma unroll
        for (int i = 0; i < kTaps; ++i) {
            place[i] = list[i].place;
            weight[i] = inside ? list[i].weight : 0;
        }
    }
};

extern "C" __global__ void __launch_bounds__(256) resized_conv(const ResizedConvArgs args) {
    await_predecessors();
    release_successors();
    const int pixel = blockIdx.x * 256 + threadIdx.x;
    if (pixel >= args.rows) return;
    const int n = divide(pixel, args.pixels), rest = pixel - n * static_cast<int>(args.pixels.divisor);
    const int row = divide(rest, args.columns), column = rest - row * static_cast<int>(args.columns.divisor);
    const In* parts =
        static_cast<const In*>(args.parts) + static_cast<long long>(n) * args.height * args.width * kPitch;
    Line columns[kTapColumns];
#pragma unroll
    for (int x = 0; x < kTapColumns; ++x)
        columns[x] = Line(args.column_taps, column + x * kDilationX - args.pad_x, args.full_width);
    float sum[1] = {};
#pragma unroll
    for (int y = 0; y < kTapRows; ++y) {
        const Line line(args.row_taps, row + y * kDilationY - args.pad_y, args.full_height);
#pragma unroll
        for (int i = 0; i < kTaps; ++i) {
            const In* source = parts + line.place[i] * args.width * kPitch;
            float part = 0;
#pragma unroll
            for (int x = 0; x < kTapColumns; ++x)
#pragma unroll
                for (int j = 0; j < kTaps; ++j)
                    part += columns[x].weight[j] * to_float(source[columns[x].place[j] * kPitch + y * kTapColumns + x]);
            sum[0] += line.weight[i] * part;
        }
    }
    epilogue(sum, args.epilogue, pixel, 0);
    store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch, sum);
}
