// The place of the largest or smallest element along an axis that is not innermost in memory. Each of kColumns threads
// takes kWidth neighbouring lines; kParts threads share a line. The host writes in front, besides what place.cuh needs:
// Out, kLength, kInner (elements from one step along the axis to the next), kWidth, kColumns, kParts.

extern "C" __global__ void __launch_bounds__(kColumns * kParts) arg_reduce(const ArgReduceArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kInnerVectors = kInner / kWidth;
    const int part = threadIdx.x / kColumns, place = threadIdx.x % kColumns;
    const int column = blockIdx.x * kColumns + place;
    const bool live = column < args.rows;
    const int outer = divide(column, args.inner), inside = (column - outer * kInnerVectors) * kWidth;
    Place best[kWidth];
#pragma unroll
    for (int i = 0; i < kWidth; ++i) best[i] = {Number(), -1};
    if (live) {
        const In* source = static_cast<const In*>(args.input) + outer * (static_cast<long long>(kLength) * kInner) + inside;
#pragma unroll 4
        for (int k = part; k < kLength; k += kParts) {
            const auto values = *reinterpret_cast<const Vector<In, kWidth>*>(source + static_cast<long long>(k) * kInner);
#pragma unroll
            for (int i = 0; i < kWidth; ++i) best[i] = First().next(best[i], {number(values.v[i]), k});
        }
    }
    if constexpr (kParts > 1) {
        __shared__ Place parts[kParts][kColumns][kWidth];
#pragma unroll
        for (int i = 0; i < kWidth; ++i) parts[part][place][i] = best[i];
        for (int step = kParts / 2; step > 0; step /= 2) {
            __syncthreads();
            if (part < step)
#pragma unroll
                for (int i = 0; i < kWidth; ++i)
                    parts[part][place][i] = First()(parts[part][place][i], parts[part + step][place][i]);
        }
        if (part == 0)
#pragma unroll
            for (int i = 0; i < kWidth; ++i) best[i] = parts[0][place][i];
    }
    if (part != 0 || !live) return;
    Out* target = static_cast<Out*>(args.output) + static_cast<long long>(outer) * kInner + inside;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) store_place(target[i], best[i].at);
}
