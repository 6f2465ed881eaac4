// Normalisation of rows by their mean and deviation, in one pass over memory: a row stays in the registers of the
// threads that share it. The host writes in front, besides what row.cuh needs:
//   In, Out, Parameter               types in memory, of scale and shift last
//   kLength, kWidth                  elements of a row, and of one load
//   kVectors                         loads of one thread in a row
//   kRepeat                          rows of one thread
//   kCentred, kShift                 mean taken out; shift added
//   kAdd, kSum                       another tensor added first; that sum stored
//   kFirst, kSecond                  result stored; result plus a constant stored
//   kNext, kNextShift                the result normalised once more, by its own mean and deviation
//   kStatistics                      mean (1) and inverse deviation (2) stored
//   kEpsilon, kNextEpsilon
//   epilogue(x, args, row, channel)

constexpr int kRowVectors = kLength / kWidth;

/// Mean and inverse deviation of a row, of which each thread holds some elements; zeros beyond its end.
template <int kSlot>
DEVICE void measure(const float (&x)[kVectors][kWidth], int lane, float epsilon, float& mean, float& inverse) {
    mean = 0.0f;
    if constexpr (kCentred) {
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
#pragma unroll
            for (int i = 0; i < kWidth; ++i) mean += x[v][i];
        mean = of_row<kSlot>(mean, Sum()) * (1.0f / kLength);
    }
    float squares = 0.0f;
#pragma unroll
    for (int v = 0; v < kVectors; ++v)
        if (lane + v * kRowThreads < kRowVectors)
#pragma unroll
            for (int i = 0; i < kWidth; ++i) {
                const float distance = x[v][i] - mean;
                squares += distance * distance;
            }
    inverse = rsqrtf(of_row<kSlot + 1>(squares, Sum()) * (1.0f / kLength) + epsilon);
}

extern "C" __global__ void __launch_bounds__(kThreads) layer_norm(const LayerNormArgs args) {
    await_predecessors();
    release_successors();
    const int lane = threadIdx.x % kRowThreads;
    const int first = blockIdx.x * (kRepeat * kRowsOfBlock) + threadIdx.x / kRowThreads;
    float x[kRepeat][kVectors][kWidth];
#pragma unroll
    for (int r = 0; r < kRepeat; ++r)
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int row = first + r * kRowsOfBlock, vector = lane + v * kRowThreads;
            const long long column = vector * kWidth;
#pragma unroll
            for (int i = 0; i < kWidth; ++i) x[r][v][i] = 0.0f;
            if (row >= args.rows || vector >= kRowVectors) continue;
            load_vector(x[r][v], static_cast<const In*>(args.input) + row * static_cast<long long>(args.pitch) + column);
            if constexpr (kAdd) {
                float more[kWidth];
                load_vector(more, static_cast<const In*>(args.addend) +
                                      row * static_cast<long long>(args.addend_pitch) + column);
#pragma unroll
                for (int i = 0; i < kWidth; ++i) x[r][v][i] += more[i];
                if constexpr (kSum)
                    store_vector(static_cast<In*>(args.sum) + row * static_cast<long long>(args.sum_pitch) + column,
                                 x[r][v]);
            }
        }
    float mean[kRepeat], inverse[kRepeat];
#pragma unroll
    for (int r = 0; r < kRepeat; ++r) {
        measure<0>(x[r], lane, kEpsilon, mean[r], inverse[r]);
        const int row = first + r * kRowsOfBlock;
        if (kStatistics != 0 && lane == 0 && row < args.rows) {
            if (kStatistics & 1) static_cast<float*>(args.mean)[row] = mean[r];
            if (kStatistics & 2) static_cast<float*>(args.inverse)[row] = inverse[r];
        }
    }
#pragma unroll
    for (int v = 0; v < kVectors; ++v) {
        const int vector = lane + v * kRowThreads, column = vector * kWidth;
        if (vector >= kRowVectors) continue;
        float scale[kWidth], shift[kWidth] = {};
        load_vector(scale, static_cast<const Parameter*>(args.scale) + column);
        if constexpr (kShift) load_vector(shift, static_cast<const Parameter*>(args.shift) + column);
#pragma unroll
        for (int r = 0; r < kRepeat; ++r) {
            const int row = first + r * kRowsOfBlock;
            float(&y)[kWidth] = x[r][v];
#pragma unroll
            for (int i = 0; i < kWidth; ++i) y[i] = (y[i] - mean[r]) * inverse[r] * scale[i] + shift[i];
            if (row >= args.rows) continue;
            if constexpr (!kNext) epilogue(y, args.epilogue, row, column);
            if constexpr (kFirst)
                store_vector(static_cast<Out*>(args.output) + row * static_cast<long long>(args.output_pitch) + column,
                             y);
            if constexpr (kSecond) {
                float more[kWidth];
                const int line = row - divide(row, args.constant_rows) * static_cast<int>(args.constant_rows.divisor);
                load_vector(more,
                            static_cast<const float*>(args.constant) + line * static_cast<long long>(kLength) + column);
#pragma unroll
                for (int i = 0; i < kWidth; ++i) y[i] += more[i];
                store_vector(static_cast<Out*>(args.second) + row * static_cast<long long>(args.second_pitch) + column,
                             y);
            }
        }
    }
    if constexpr (kNext) {
#pragma unroll
        for (int r = 0; r < kRepeat; ++r) measure<2>(x[r], lane, kNextEpsilon, mean[r], inverse[r]);
#pragma unroll
        for (int v = 0; v < kVectors; ++v) {
            const int vector = lane + v * kRowThreads, column = vector * kWidth;
            if (vector >= kRowVectors) continue;
            float scale[kWidth], shift[kWidth] = {};
            load_vector(scale, static_cast<const float*>(args.next_scale) + column);
            if constexpr (kNextShift) load_vector(shift, static_cast<const float*>(args.next_shift) + column);
#pragma unroll
            for (int r = 0; r < kRepeat; ++r) {
                const int row = first + r * kRowsOfBlock;
                if (row >= args.rows) continue;
                float(&y)[kWidth] = x[r][v];
#pragma unroll
                for (int i = 0; i < kWidth; ++i) y[i] = (y[i] - mean[r]) * inverse[r] * scale[i] + shift[i];
                epilogue(y, args.epilogue, row, column);
                store_vector(static_cast<Out*>(args.second) + row * static_cast<long long>(args.second_pitch) + column,
                             y);
            }
        }
    }
}
