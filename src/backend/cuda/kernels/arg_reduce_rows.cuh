// The place of the largest or smallest element of rows. The host writes in front, besides what row.cuh and place.cuh
// need: Out, kLength, kWidth.

extern "C" __global__ void __launch_bounds__(kThreads) arg_reduce(const ArgReduceArgs args) {
    await_predecessors();
    release_successors();
    const int lane = threadIdx.x % kRowThreads, row = blockIdx.x * kRowsOfBlock + threadIdx.x / kRowThreads;
    Place best{Number(), -1};
    if (row < args.rows) {
        const In* source = static_cast<const In*>(args.input) + row * static_cast<long long>(args.pitch);
#pragma unroll 4
        for (int i = lane * kWidth; i < kLength; i += kRowThreads * kWidth) {
            const auto values = *reinterpret_cast<const Vector<In, kWidth>*>(source + i);
#pragma unroll
            for (int k = 0; k < kWidth; ++k) best = First().next(best, {number(values.v[k]), i + k});
        }
    }
    best = of_row<0>(best, First());
    if (lane == 0 && row < args.rows) store_place(static_cast<Out*>(args.output)[row], best.at);
}
