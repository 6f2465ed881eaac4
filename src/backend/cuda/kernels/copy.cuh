// Copies between layouts, pitches and float types: a tensor as [outer][rows][columns] whose elements lie at three
// strides on either side. Tiles of 32 x 32 pass through shared memory, so that both sides are read and written along
// their neighbours. The host writes in front: In, Out, kTurned (the target's neighbours run along the rows).

template <class Source, class Target>
DEVICE void move(Target& target, Source source) {
    store(target, to_float(source));
}
template <class Same>
DEVICE void move(Same& target, Same source) {
    target = source;
}

extern "C" __global__ void __launch_bounds__(256) copy(const CopyArgs args) {
    __shared__ In tile[32][33];
    const int lane = threadIdx.x % 32, line = threadIdx.x / 32;
    const int left = blockIdx.x * 32, top = blockIdx.y * 32;
    for (int n = blockIdx.z; n < args.outer; n += gridDim.z) {
        const In* source = static_cast<const In*>(args.input) + n * args.source_outer;
        Out* target = static_cast<Out*>(args.output) + n * args.target_outer;
        if constexpr (!kTurned) {
            for (int row = top + line; row < min(top + 32, args.rows); row += 8)
                if (left + lane < args.columns)
                    move(target[row * args.target_row + (left + lane) * args.target_column],
                         source[row * args.source_row + (left + lane) * args.source_column]);
        } else {
            for (int i = line; i < 32; i += 8)
                if (top + i < args.rows && left + lane < args.columns)
                    tile[i][lane] = source[(top + i) * args.source_row + (left + lane) * args.source_column];
            __syncthreads();
            for (int i = line; i < 32; i += 8)
                if (left + i < args.columns && top + lane < args.rows)
                    move(target[(top + lane) * args.target_row + (left + i) * args.target_column], tile[lane][i]);
            __syncthreads();
        }
    }
}
