// Normalisation of rows by their mean and deviation, in one pass over memory: a row stays in the registers of the
// threads that share it. The host writes in front, besides what row.cuh needs:
//   In, Out, Parameter               types in memory, of scale and shift last
//   kLength, kWidth                  elements of a row, and of one load
//   kVectors                         loads of one thread in a row
//   kRepeat                          rows of one thread
//   kCentred, kShift                 mean taken out; shift added
//   kAdd, kSum                       another tensor added first; that sum stored
//   kFirst, kSecond                  result stored; result plus a constant stored
//   kStatistics                      mean (1) and inverse deviation (2) stored
//   kEpsilon
//   epilogue(x, args, row, channel)

extern "C" __global__ void __launch_bounds__(kThreads) layer_norm(const LayerNormArgs args) {
    constexpr int kRowVectors = kLength / kWidth;
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
    float mean[kRepeat] = {}, inverse[kRepeat];
#pragma unroll
    for (int r = 0; r < kRepeat; ++r) {
        if constexpr (kCentred) {
            float sum = 0.0f;
#pragma unroll
            for (int v = 0; v < kVectors; ++v)
#pragma unroll
                for (int i = 0; i < kWidth; ++i) sum += x[r][v][i];
            mean[r] = of_row<0>(sum, Sum()) * (1.0f / kLength);
        }
        float squares = 0.0f;
#pragma unroll
        for (int v = 0; v < kVectors; ++v)
            if (lane + v * kRowThreads < kRowVectors)
#pragma unroll
                for (int i = 0; i < kWidth; ++i) {
                    const float distance = x[r][v][i] - mean[r];
                    squares += distance * distance;
                }
        inverse[r] = rsqrtf(of_row<1>(squares, Sum()) * (1.0f / kLength) + kEpsilon);
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
            if (row >= args.rows) continue;
            float y[kWidth];
#pragma unroll
            for (int i = 0; i < kWidth; ++i) y[i] = (x[r][v][i] - mean[r]) * inverse[r] * scale[i] + shift[i];
            epilogue(y, args.epilogue, row, column);
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
}
