// Softmax and its kin (softmax.cuh) along an axis that is not innermost in memory, or too long for registers. Each of
// kColumns threads takes kWidth neighbouring lines; kParts threads share a line. The host writes in front:
//   In, Out, kLength                 types in memory, elements of the axis
//   kInner                           elements from one step along the axis to the next
//   kWidth, kColumns, kParts
//   kLoads                           loads that one thread keeps in registers; 0: reads its lines again

constexpr int kThreads = kColumns * kParts;
constexpr int kSteps = kLoads ? kLoads : 1;

template <int kSlot, class Join>
DEVICE void of_line(float (&x)[kWidth], const Join& join) {
    if constexpr (kParts > 1) {
        __shared__ float parts[kParts][kColumns][kWidth];
        const int column = threadIdx.x % kColumns, part = threadIdx.x / kColumns;
#pragma unroll
        for (int i = 0; i < kWidth; ++i) parts[part][column][i] = x[i];
        for (int step = kParts / 2; step > 0; step /= 2) {
            __syncthreads();
            if (part < step)
#pragma unroll
                for (int i = 0; i < kWidth; ++i)
                    parts[part][column][i] = join(parts[part][column][i], parts[part + step][column][i]);
        }
        __syncthreads();
#pragma unroll
        for (int i = 0; i < kWidth; ++i) x[i] = parts[0][column][i];
    }
}

extern "C" __global__ void __launch_bounds__(kThreads) softmax(const SoftmaxArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kInnerVectors = kInner / kWidth;
    const int part = threadIdx.x / kColumns;
    const int column = blockIdx.x * kColumns + threadIdx.x % kColumns;
    const bool live = column < args.rows;
    const int outer = divide(column, args.inner);
    const long long base = outer * (static_cast<long long>(kLength) * kInner) +
                           static_cast<long long>(column - outer * kInnerVectors) * kWidth;
    const In* input = static_cast<const In*>(args.input) + base;
    Out* output = static_cast<Out*>(args.output) + base;
    float kept[kSteps][kWidth];
    if constexpr (kLoads > 0)
#pragma unroll
        for (int k = 0; k < kLoads; ++k) {
            const int place = part + k * kParts;
#pragma unroll
            for (int i = 0; i < kWidth; ++i) kept[k][i] = empty();
            if (live && place < kLength) load_vector(kept[k], input + static_cast<long long>(place) * kInner);
        }
    // Calls visit(x, place) with this thread's elements of the lines.
    const auto each = [&](const auto& visit) {
        if constexpr (kLoads > 0) {
#pragma unroll
            for (int k = 0; k < kLoads; ++k)
                if (live && part + k * kParts < kLength) visit(kept[k], part + k * kParts);
        } else if (live) {
#pragma unroll 4
            for (int place = part; place < kLength; place += kParts) {
                load_vector(kept[0], input + static_cast<long long>(place) * kInner);
                visit(kept[0], place);
            }
        }
    };
    float maximum[kWidth], sum[kWidth] = {};
#pragma unroll
    for (int i = 0; i < kWidth; ++i) maximum[i] = empty();
    if constexpr (kKind <= 1) {
        each([&](const float(&x)[kWidth], int) {
#pragma unroll
            for (int i = 0; i < kWidth; ++i) maximum[i] = fmaxf(maximum[i], x[i]);
        });
        of_line<0>(maximum, [](float a, float b) { return fmaxf(a, b); });
    }
    each([&](const float(&x)[kWidth], int) {
#pragma unroll
        for (int i = 0; i < kWidth; ++i) sum[i] += summand(x[i], maximum[i]);
    });
    of_line<1>(sum, [](float a, float b) { return a + b; });
#pragma unroll
    for (int i = 0; i < kWidth; ++i) sum[i] = of_sum(sum[i]);
    each([&](const float(&x)[kWidth], int place) {
        float y[kWidth];
#pragma unroll
        for (int i = 0; i < kWidth; ++i) y[i] = result(x[i], maximum[i], sum[i]);
        store_vector(output + static_cast<long long>(place) * kInner, y);
    });
}
