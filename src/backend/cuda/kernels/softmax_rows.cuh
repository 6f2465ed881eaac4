// Softmax and its kin (softmax.cuh) of rows that stay in the registers of the threads that share them. The host writes in
// front, besides what row.cuh needs: In, Out, kLength, kWidth (elements of one load), kVectors (loads of one thread in a
// row), kRepeat (rows of one thread).

extern "C" __global__ void __launch_bounds__(kThreads) softmax(const SoftmaxArgs args) {
    await_predecessors();
    release_successors();
    constexpr int kRowVectors = kLength / kWidth;
    const int lane = threadIdx.x % kRowThreads;
    const int first = blockIdx.x * (kRepeat * kRowsOfBlock) + threadIdx.x / kRowThreads;
    float x[kRepeat][kVectors][kWidth];
#pragma unroll
    for (int r = 0; r < kRepeat; ++r)
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int row = first + r * kRowsOfBlock, vector = lane + v * kRowThreads;
#pragma unroll
            for (int i = 0; i < kWidth; ++i) x[r][v][i] = empty();
            if (row < args.rows && vector < kRowVectors)
                load_vector(x[r][v], static_cast<const In*>(args.input) + row * static_cast<long long>(args.pitch) +
                                         vector * kWidth);
        }
#pragma unroll
    for (int r = 0; r < kRepeat; ++r) {
        float maximum = 0.0f, sum = 0.0f;
        if constexpr (kKind <= 1) {
            maximum = empty();
#pragma unroll
            for (int v = 0; v < kVectors; ++v)
#pragma unroll
                for (int i = 0; i < kWidth; ++i) maximum = fmaxf(maximum, x[r][v][i]);
            maximum = of_row<0>(maximum, Maximum());
        }
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            if (lane + v * kRowThreads < kRowVectors)
#pragma unroll
                for (int i = 0; i < kWidth; ++i) sum += summand(x[r][v][i], maximum);
        const float of = of_sum(of_row<1>(sum, Sum()));
        const int row = first + r * kRowsOfBlock;
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int vector = lane + v * kRowThreads;
            if (row >= args.rows || vector >= kRowVectors) continue;
#pragma unroll
            for (int i = 0; i < kWidth; ++i) x[r][v][i] = result(x[r][v][i], maximum, of);
            store_vector(static_cast<Out*>(args.output) + row * static_cast<long long>(args.output_pitch) +
                             vector * kWidth,
                         x[r][v]);
        }
    }
}
