// Products of two tensors' matrices on tensor cores, many at once: alpha · A · B + beta · C, then an epilogue. Tiles go
// to shared memory by asynchronous copies, several stages deep. The host writes the constants in front:
//   In, Out                     element types
//   kRows, kColumns             tile of one block
//   kDepthBytes, kStages        bytes of depth per stage; stages
//   kWarpRows, kWarpColumns
//   kPasses                     f32 only: 1 = TF32, 3 = TF32 with the rounding errors multiplied as well
//   kLeftTurned, kRightTurned   whether neighbours in memory are rows of A; columns of B: else steps of the depth
//   kPieceA, kPieceB            bytes per asynchronous copy: 16, 8, 4 or 2
//   kAddend, Addend             whether there is a C; its element type
//   kAlpha, kBeta
//   kWidth                      output elements that one thread stores at once
//   epilogue(x, args, row, channel)

constexpr int kThreads = 32 * kWarpRows * kWarpColumns;
constexpr int kDepthTile = kDepthBytes / kElement;
constexpr int kFragmentRows = kRows / kWarpRows / 16, kFragmentColumns = kColumns / kWarpColumns / 8;
constexpr int kSumPitch = kColumns + 8;

/// Bytes from one line of a tile in shared memory to the next: neighbouring lines start in different banks.
constexpr int pitch_of(bool turned, int length) {
    return (turned ? length : kDepthTile) * kElement + (turned && kElement == 4 ? 32 : 16);
}
constexpr int kLeftPitch = pitch_of(kLeftTurned, kRows), kRightPitch = pitch_of(kRightTurned, kColumns);
constexpr int kLeftBytes = (kLeftTurned ? kDepthTile : kRows) * kLeftPitch;
constexpr int kRightBytes = (kRightTurned ? kDepthTile : kColumns) * kRightPitch;
constexpr int kStageBytes = kLeftBytes + kRightBytes;

/// Copies kLines lines of kLength elements from (`line`, `place`) on; zeros beyond `lines` and `length`.
template <int kLines, int kLength, int kPitch, int kPiece>
DEVICE void load_tile(u32 target, const In* source, int step, int line, int lines, int place, int length) {
    constexpr int kPieces = kLength * kElement / kPiece;
#pragma unroll
    for (int i = 0; i < (kLines * kPieces + kThreads - 1) / kThreads; ++i) {
        const int at = threadIdx.x + i * kThreads, row = at / kPieces, piece = at % kPieces;
        const int column = place + piece * (kPiece / kElement);
        if (kLines * kPieces % kThreads != 0 && row >= kLines) break;
        const bool valid = line + row < lines && column < length;
        const long long element = static_cast<long long>(line + row) * step + column;
        copy_async<kPiece>(target + row * kPitch + piece * kPiece, source + (valid ? element : 0), valid);
    }
}

/// Loads one stage's part of an operand of `extent` rows or columns, from `first` on.
template <int kExtent, bool kTurned, int kPitch, int kPiece>
DEVICE void load_operand(u32 target, const In* source, int step, int first, int extent, int depth, int end) {
    if constexpr (kTurned)
        load_tile<kDepthTile, kExtent, kPitch, kPiece>(target, source, step, depth, end, first, extent);
    else
        load_tile<kExtent, kDepthTile, kPitch, kPiece>(target, source, step, first, extent, depth, end);
}

/// Rows `row` to `row` + 15 of A at depth step `k`.
DEVICE Fragment load_left(u32 tile, int row, int k) {
    const int lane = threadIdx.x % 32, within = lane % 8, matrix = lane / 8;
    Fragment a;
    if constexpr (!kLeftTurned)
        load_matrices(a.bits, tile + (row + within + (matrix & 1) * 8) * kLeftPitch + (2 * k + (matrix >> 1)) * 16);
    else if constexpr (kElement == 2)
        load_transposed(a.bits,
                        tile + (16 * k + within + (matrix >> 1) * 8) * kLeftPitch + (row + (matrix & 1) * 8) * 2);
    else
#pragma unroll
        for (int i = 0; i < 4; ++i)
            a.bits[i] =
                load_word(tile + (8 * k + lane % 4 + (i >> 1) * 4) * kLeftPitch + (row + lane / 4 + (i & 1) * 8) * 4);
    round(a);
    return a;
}

/// Columns `column` to `column` + 15 of B at depth step `k`.
DEVICE Fragment load_right(u32 tile, int column, int k) {
    const int lane = threadIdx.x % 32, within = lane % 8, matrix = lane / 8;
    Fragment b;
    if constexpr (!kRightTurned)
        load_matrices(b.bits, tile + (column + within + (matrix >> 1) * 8) * kRightPitch + (2 * k + (matrix & 1)) * 16);
    else if constexpr (kElement == 2)
        load_transposed(b.bits,
                        tile + (16 * k + within + (matrix & 1) * 8) * kRightPitch + (column + (matrix >> 1) * 8) * 2);
    else
#pragma unroll
        for (int i = 0; i < 4; ++i)
            b.bits[i] = load_word(tile + (8 * k + lane % 4 + (i & 1) * 4) * kRightPitch +
                                  (column + lane / 4 + (i >> 1) * 8) * 4);
    round(b);
    return b;
}

DEVICE void multiply_stage(float (&sums)[kFragmentRows][kFragmentColumns][4], u32 left, u32 right, int row,
                           int column) {
#pragma unroll
    for (int k = 0; k < kDepthBytes / 32; ++k) {
        Fragment a[kFragmentRows];
#pragma unroll
        for (int i = 0; i < kFragmentRows; ++i) a[i] = load_left(left, row + i * 16, k);
#pragma unroll
        for (int j = 0; j < kFragmentColumns; j += 2) {
            const Fragment b = load_right(right, column + j * 8, k);
#pragma unroll
            for (int i = 0; i < kFragmentRows; ++i) {
                multiply(sums[i][j], a[i], b, 0);
                multiply(sums[i][j + 1], a[i], b, 1);
            }
        }
    }
}

extern "C" __global__ void __launch_bounds__(kThreads) matmul(const MatmulArgs args) {
    await_predecessors();
    release_successors();
    extern __shared__ __align__(128) char memory[];
    const int warp = threadIdx.x / 32;
    const int warp_row = warp / kWarpColumns * kFragmentRows * 16,
              warp_column = warp % kWarpColumns * kFragmentColumns * 8;
    const int product = divide(blockIdx.x, args.row_tiles);
    const int first_row = (blockIdx.x - product * static_cast<int>(args.row_tiles.divisor)) * kRows;
    const int first_column = blockIdx.y * kColumns;
    const In* left = static_cast<const In*>(args.left);
    const In* right = static_cast<const In*>(args.right);
    int rest = product;
#pragma unroll
    for (int axis = 3; axis >= 0; --axis) {
        const int above = divide(rest, args.axes[axis]),
                  place = rest - above * static_cast<int>(args.axes[axis].divisor);
        left += place * args.left_batch[axis];
        right += place * args.right_batch[axis];
        rest = above;
    }
    const u32 stages = shared_address(memory);
    const int steps = (args.depth + kDepthTile - 1) / kDepthTile;
    const auto load = [&](int step) {
        if (step < steps) {
            const u32 stage = stages + step % kStages * kStageBytes;
            load_operand<kRows, kLeftTurned, kLeftPitch, kPieceA>(stage, left, args.left_step, first_row, args.rows,
                                                                  step * kDepthTile, args.depth);
            load_operand<kColumns, kRightTurned, kRightPitch, kPieceB>(
                stage + kLeftBytes, right, args.right_step, first_column, args.columns, step * kDepthTile, args.depth);
        }
        commit();
    };
    float sums[kFragmentRows][kFragmentColumns][4] = {};
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) load(i);
    for (int step = 0; step < steps; ++step) {
        wait_for_copies<kStages - 2>();
        __syncthreads();
        load(step + kStages - 1);
        const u32 stage = stages + step % kStages * kStageBytes;
        multiply_stage(sums, stage, stage + kLeftBytes, warp_row, warp_column);
    }
    wait_for_copies<0>();
    __syncthreads();

    float* tile = reinterpret_cast<float*>(memory);
#pragma unroll
    for (int i = 0; i < kFragmentRows; ++i)
        put_sums<kFragmentColumns>(tile + (warp_row + i * 16) * kSumPitch + warp_column, kSumPitch, sums[i][0]);
    __syncthreads();
    constexpr int kVectors = kColumns / kWidth;
    for (int i = threadIdx.x; i < kRows * kVectors; i += kThreads) {
        const int row = first_row + i / kVectors, channel = first_column + i % kVectors * kWidth;
        if (row >= args.rows || channel >= args.columns) continue;
        float x[kWidth];
        load_vector(x, tile + i / kVectors * kSumPitch + i % kVectors * kWidth);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
            x[k] *= kAlpha;
            if constexpr (kAddend)
                x[k] += kBeta *
                        to_float(static_cast<const Addend*>(args.addend)[static_cast<long long>(row) * args.addend_row +
                                                                         (channel + k) * args.addend_column]);
        }
        const int line = product * args.rows + row;
        epilogue(x, args.epilogue, line, channel);
        store_vector(static_cast<Out*>(args.output) + static_cast<long long>(line) * args.output_pitch + channel, x);
    }
}
