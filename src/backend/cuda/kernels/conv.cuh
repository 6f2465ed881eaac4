// Convolution as a matrix product on tensor cores, channels last. Rows of the product are output pixels, columns are
// output channels, the depth runs over taps and input channels. The input is read as the concatenation of up to two
// tensors, each enlarged by whole factors, then padded; tiles go to shared memory by asynchronous copies, several
// stages deep. The host writes the constants in front:
//   In, Out                        element types
//   kRows, kColumns, kDepthBytes   tile of one block; bytes of depth per stage: 64 or 128
//   kStages, kWarpRows, kWarpColumns
//   kSplit                         blocks of one cluster that share the depth of a tile
//   kPasses                        f32 only: 1 = TF32, whose weights the host has rounded, 3 = TF32 with the rounding
//                                  errors multiplied as well
//   kChannels0, kChannels          of the first source; of both
//   kUp0, kUp1                     enlargement of each source
//   kOutputs                       output channels
//   kTapRows, kTapColumns, kStrideY, kStrideX, kDilationY, kDilationX
//   kPad                           0 zeros, 1 reflection, 2 edge
//   kPiece                         bytes per asynchronous copy: 16, 8 or 4
//   what phases.cuh needs, and phases.cuh
//   kWidth                         output elements that one thread stores at once
//   epilogue(x, args, row, channel)

using Sum = typename SumOf<In>::type;
constexpr int kThreads = 32 * kWarpRows * kWarpColumns;
constexpr int kElement = sizeof(In);
constexpr int kDepthTile = kDepthBytes / kElement;
constexpr int kDepth = kTapRows * kTapColumns * kChannels;
constexpr int kDepthSteps = (kDepth + kDepthTile - 1) / kDepthTile;
constexpr int kStageBytes = (kRows + kColumns) * kDepthBytes;
constexpr int kFragmentRows = kRows / kWarpRows / 16;
constexpr int kFragmentColumns = kColumns / kWarpColumns / 8;
constexpr int kSumPitch = kColumns + 8;

/// Byte offset of 16-byte chunk `chunk` of row `row`: chunks are exchanged so that eight rows of one chunk lie in
/// different banks.
DEVICE int tile_offset(int row, int chunk) {
    if constexpr (kDepthBytes == 128)
        return row * 128 + ((chunk ^ (row & 7)) << 4);
    else
        return row * 64 + ((chunk ^ ((row >> 1) & 3)) << 4);
}

/// Copies one thread's share of the input tile into a stage.
struct InputLoader {
    static constexpr int kPieces = kDepthBytes / kPiece;     // per row
    static constexpr int kStep = kThreads / kPieces;         // rows between the thread's pieces
    static constexpr int kCount = (kRows + kStep - 1) / kStep;

    const ConvArgs& args;
    int piece, first_row;
    int image[kCount], y[kCount], x[kCount];

    DEVICE InputLoader(const ConvArgs& a, int tile) : args(a), piece(threadIdx.x % kPieces), first_row(threadIdx.x / kPieces) {
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
            const int pixel = tile * kRows + first_row + i * kStep;
            const int n = divide(pixel, args.pixels), rest = pixel - n * static_cast<int>(args.pixels.divisor);
            const int row = divide(rest, args.columns);
            image[i] = pixel < args.rows ? n : -1;
            y[i] = row * kStrideY - args.pad_y;
            x[i] = (rest - row * static_cast<int>(args.columns.divisor)) * kStrideX - args.pad_x;
        }
    }

    template <int kUp>
    DEVICE const In* place(const void* source, int n, int row, int column, int pitch, int channel) const {
        const int height = args.height / kUp, width = args.width / kUp;
        const int pixel = (n * height + row / kUp) * width + column / kUp;
        return static_cast<const In*>(source) + static_cast<long long>(pixel) * pitch + channel;
    }

    DEVICE void load(int step, u32 stage) const {
        const int depth = step * kDepthTile + piece * (kPiece / kElement);
        const int tap = depth / kChannels, channel = depth - tap * kChannels;
        const int tap_y = tap / kTapColumns, tap_x = tap - tap_y * kTapColumns;
#pragma unroll
        for (int i = 0; i < kCount; ++i) {
            const int row = first_row + i * kStep;
            if (kRows % kStep != 0 && row >= kRows) break;
            bool inside = depth < kDepth && image[i] >= 0;
            const int sy = source_place(y[i] + tap_y * kDilationY, args.height, inside);
            const int sx = source_place(x[i] + tap_x * kDilationX, args.width, inside);
            const In* source = static_cast<const In*>(args.input0);
            if (inside) {
                if (kChannels0 == kChannels || channel < kChannels0)
                    source = place<kUp0>(args.input0, image[i], sy, sx, args.pitch0, channel);
                else
                    source = place<kUp1>(args.input1, image[i], sy, sx, args.pitch1, channel - kChannels0);
            }
            const int byte = piece * kPiece;
            copy_async<kPiece>(stage + tile_offset(row, byte / 16) + byte % 16, source, inside);
        }
    }
};

/// Copies the block's columns of the weights into a stage; the host has padded them to whole tiles.
DEVICE void load_weights(const ConvArgs& args, int tile, int step, u32 stage) {
    constexpr int kChunks = kDepthBytes / 16;
    const char* source = static_cast<const char*>(args.weights) +
                         (static_cast<long long>(tile) * kColumns * kDepthSteps + static_cast<long long>(step) * kColumns) *
                             kDepthBytes;
#pragma unroll
    for (int i = threadIdx.x; i < kColumns * kChunks; i += kThreads) {
        const int row = i / kChunks, chunk = i % kChunks;
        copy_async<16>(stage + tile_offset(row, chunk), source + i * 16, true);
    }
}

/// Adds the product of one stage's tiles to the thread's sums.
DEVICE void multiply_stage(Sum (&sums)[kFragmentRows][kFragmentColumns][4], u32 inputs, u32 weights, int warp_row,
                           int warp_column) {
    const int lane = threadIdx.x % 32, within = lane % 8, matrix = lane / 8;
#pragma unroll
    for (int k = 0; k < kDepthBytes / 32; ++k) {
        u32 a[kFragmentRows][4], a_rest[kFragmentRows][4];
#pragma unroll
        for (int i = 0; i < kFragmentRows; ++i) {
            const int row = (warp_row * kFragmentRows + i) * 16 + within + (matrix & 1) * 8;
            load_matrices(a[i], inputs + tile_offset(row, 2 * k + (matrix >> 1)));
            if constexpr (kElement == 4)
#pragma unroll
                for (int j = 0; j < 4; ++j) a[i][j] = rounded(a[i][j], a_rest[i][j]);
        }
#pragma unroll
        for (int j = 0; j < kFragmentColumns; j += 2) {
            u32 b[4], b_rest[4];
            const int row = (warp_column * kFragmentColumns + j) * 8 + within + (matrix >> 1) * 8;
            load_matrices(b, weights + tile_offset(row, 2 * k + (matrix & 1)));
            if constexpr (kElement == 4 && kPasses == 3)
#pragma unroll
                for (int m = 0; m < 4; ++m) b[m] = rounded(b[m], b_rest[m]);
#pragma unroll
            for (int i = 0; i < kFragmentRows; ++i) {
                if constexpr (kElement == 4 && kPasses == 3) {
                    multiply_exactly(sums[i][j], a[i], a_rest[i], b[0], b[1], b_rest[0], b_rest[1]);
                    multiply_exactly(sums[i][j + 1], a[i], a_rest[i], b[2], b[3], b_rest[2], b_rest[3]);
                } else {
                    multiply(sums[i][j], a[i], b[0], b[1], In());
                    multiply(sums[i][j + 1], a[i], b[2], b[3], In());
                }
            }
        }
    }
}

extern "C" __global__ void CLUSTER(kSplit) __launch_bounds__(kThreads) conv(const ConvArgs args) {
    extern __shared__ __align__(128) char memory[];
    const int warp = threadIdx.x / 32;
    const int warp_row = warp / kWarpColumns, warp_column = warp % kWarpColumns;
    const int row_tile = blockIdx.x, column_tile = blockIdx.y, part = blockIdx.z;
    const int begin = part * kDepthSteps / kSplit, end = (part + 1) * kDepthSteps / kSplit;
    const u32 stages = shared_address(memory);

    const InputLoader loader(args, row_tile);
    Sum sums[kFragmentRows][kFragmentColumns][4] = {};
    const auto stage_of = [&](int step) { return stages + (step - begin) % kStages * kStageBytes; };
    const auto load_columns = [&](int step) {
        if (step < end) load_weights(args, column_tile, step, stage_of(step) + kRows * kDepthBytes);
    };
    const auto load_rows = [&](int step) {
        if (step < end) loader.load(step, stage_of(step));
        commit();
    };
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) load_columns(begin + i);
    await_predecessors();
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) load_rows(begin + i);
    for (int step = begin; step < end; ++step) {
        wait_for_copies<kStages - 2>();
        __syncthreads();
        load_columns(step + kStages - 1);
        load_rows(step + kStages - 1);
        const u32 stage = stage_of(step);
        multiply_stage(sums, stage, stage + kRows * kDepthBytes, warp_row, warp_column);
    }
    wait_for_copies<0>();
    release_successors();
    __syncthreads();

    float* tile = reinterpret_cast<float*>(memory);
#pragma unroll
    for (int i = 0; i < kFragmentRows; ++i)
        put_sums<kFragmentColumns>(
            tile + (warp_row * kFragmentRows + i) * 16 * kSumPitch + warp_column * kFragmentColumns * 8, kSumPitch,
            sums[i][0]);
    if constexpr (kSplit > 1)
        cluster_barrier();
    else
        __syncthreads();

    constexpr int kVectors = (kOutputs < kColumns ? kOutputs : kColumns) / kWidth, kOwnRows = kRows / kSplit;
    for (int i = threadIdx.x; i < kOwnRows * kVectors; i += kThreads) {
        const int row = part * kOwnRows + i / kVectors, column = i % kVectors * kWidth;
        int pixel = row_tile * kRows + row, channel = column_tile * kColumns + column;
        if (pixel >= args.rows || channel >= kOutputs) continue;
        if constexpr (kPhased) {
            const Pixel place(pixel, args.pixels, args.columns);
            const int height = args.pixels.divisor / args.columns.divisor, width = args.columns.divisor;
            if (!find_phase(place.image, place.row, place.column, height, width, pixel, channel)) continue;
        }
        float x[kWidth];
        if constexpr (kSplit > 1) {
            add_cluster(x, tile + row * kSumPitch + column);
        } else {
            load_vector(x, tile + row * kSumPitch + column);
        }
        epilogue(x, args.epilogue, pixel, channel);
        store_vector(static_cast<Out*>(args.output) + static_cast<long long>(pixel) * args.output_pitch + channel, x);
    }
    if constexpr (kSplit > 1) cluster_barrier();
}
