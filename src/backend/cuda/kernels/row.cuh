// Rows that kRowThreads threads work on together: a power of two up to 32, or the whole block. The host writes in
// front: kThreads, kRowThreads.

constexpr int kRowsOfBlock = kThreads / kRowThreads;

DEVICE float shuffle(float value, int step) { return __shfl_xor_sync(0xffffffffu, value, step); }

struct Sum {
    DEVICE float operator()(float a, float b) const { return a + b; }
};
/// Ignores NaN.
struct Maximum {
    DEVICE float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// `join` of the values of all threads of a row, for each of them. Calls that may overlap need slots of their own.
template <int kSlot, class Value, class Join>
DEVICE Value of_row(Value value, const Join& join) {
    constexpr int kNear = kRowThreads < 32 ? kRowThreads : 32;
#pragma unroll
    for (int step = kNear / 2; step > 0; step /= 2) value = join(value, shuffle(value, step));
    if constexpr (kRowThreads > 32) {
        constexpr int kWarps = kThreads / 32;
        __shared__ Value parts[kWarps];
        if (threadIdx.x % 32 == 0) parts[threadIdx.x / 32] = value;
        __syncthreads();
        value = parts[threadIdx.x % kWarps];
#pragma unroll
        for (int step = kWarps / 2; step > 0; step /= 2) value = join(value, shuffle(value, step));
    }
    return value;
}
