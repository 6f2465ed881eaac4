// The place of the largest or smallest element of short rows that lie one behind the other: a block brings its rows into
// shared memory at once, then each of its threads looks through one. The host writes in front, besides what place.cuh
// needs: Out, kLength.

/// 0, or NaN of NaN and infinities: rows without these need no look at every element for them.
DEVICE float times_zero(float x) { return x * 0.0f; }
template <class Whole>
DEVICE float times_zero(Whole) {
    return 0.0f;
}

extern "C" __global__ void __launch_bounds__(256) arg_reduce(const ArgReduceArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kElements = 16 / sizeof(In);
    __shared__ __align__(16) In rows[256 * kLength];
    const int first = blockIdx.x * 256, count = min(256, args.rows - first) * kLength;
    const In* source = static_cast<const In*>(args.input) + static_cast<long long>(first) * kLength;
    if (count == 256 * kLength) {
        constexpr int kVectors = 256 * kLength / kElements, kLoads = (kVectors + 255) / 256;
        uint4 loaded[kLoads];
#pragma unroll
        for (int k = 0; k < kLoads; ++k)
            if (const int i = threadIdx.x + k * 256; i < kVectors) loaded[k] = reinterpret_cast<const uint4*>(source)[i];
#pragma unroll
        for (int k = 0; k < kLoads; ++k)
            if (const int i = threadIdx.x + k * 256; i < kVectors) reinterpret_cast<uint4*>(rows)[i] = loaded[k];
    } else {
        for (int i = threadIdx.x; i < count; i += 256) rows[i] = source[i];
    }
    __syncthreads();
    if (first + static_cast<int>(threadIdx.x) >= args.rows) return;
    const In* row = rows + threadIdx.x * kLength;
    Place best{number(row[0]), 0};
    float strange = times_zero(best.value);
#pragma unroll 32
    for (int i = 1; i < kLength; ++i) {
        const Number value = number(row[i]);
        strange += times_zero(value);
        const bool better = kLargest ? (kLast ? value >= best.value : value > best.value)
                                     : (kLast ? value <= best.value : value < best.value);
        if (better) best = {value, i};
    }
    if (strange != 0.0f) {
        best = {number(row[0]), 0};
        for (int i = 1; i < kLength; ++i) best = First().next(best, {number(row[i]), i});
    }
    store_place(static_cast<Out*>(args.output)[first + threadIdx.x], best.at);
}
