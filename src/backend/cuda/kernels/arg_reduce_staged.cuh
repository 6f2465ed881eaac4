// The place of the largest or smallest element of short rows that lie one behind the other: a block brings its rows into
// shared memory at once, then each of its threads looks through one. The host writes in front, besides what place.cuh
// needs: Out, kLength.

extern "C" __global__ void __launch_bounds__(256) arg_reduce(const ArgReduceArgs args) {
    constexpr int kElements = 16 / sizeof(In);
    __shared__ __align__(16) In rows[256 * kLength];
    const int first = blockIdx.x * 256, count = min(256, args.rows - first) * kLength;
    const In* source = static_cast<const In*>(args.input) + static_cast<long long>(first) * kLength;
    const int whole = count / kElements;
    for (int i = threadIdx.x; i < whole; i += 256)
        reinterpret_cast<uint4*>(rows)[i] = reinterpret_cast<const uint4*>(source)[i];
    for (int i = whole * kElements + threadIdx.x; i < count; i += 256) rows[i] = source[i];
    __syncthreads();
    if (first + static_cast<int>(threadIdx.x) >= args.rows) return;
    const In* row = rows + threadIdx.x * kLength;
    Place best{number(row[0]), 0};
#pragma unroll 8
    for (int i = 1; i < kLength; ++i) best = First().next(best, {number(row[i]), i});
    store_place(static_cast<Out*>(args.output)[first + threadIdx.x], best.at);
}
