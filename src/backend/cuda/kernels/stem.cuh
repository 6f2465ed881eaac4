// First convolution: few input channels (at most 4), in either layout and any float type. A block loads the patch of
// the image under its tile of output pixels once, as T, and multiplies straight from there: the depth runs over
// channels, tap rows and tap columns, tap columns rounded up to a power of two. The host writes in front:
//   In, T, Out                       types in memory, to multiply in (f16, bf16, f32 as TF32), of the result
//   kTileRows, kTileColumns          output pixels of one block; kTileColumns is 8, 16 or 32
//   kFragmentRows                    times 16 pixels of one warp
//   kColumns                         output channels of one block
//   kPasses                          f32: 1 = TF32, whose weights the host has rounded, 3 = with the rounding errors
//   kChannels, kOutputs, kTapRows, kTapColumns, kTapPad, kStrideY, kStrideX, kPad, kWidth
//   epilogue(x, args, row, channel)

constexpr int kElement = sizeof(T);
constexpr int kPixels = kTileRows * kTileColumns;
constexpr int kThreads = kPixels / (16 * kFragmentRows) * 32;
constexpr int kFragmentColumns = kColumns / 8;
constexpr int kStepDepth = 32 / kElement;
constexpr int kLines = kChannels * kTapRows;
constexpr int kSteps = (kLines * kTapPad + kStepDepth - 1) / kStepDepth;
constexpr int kDepth = kSteps * kStepDepth;
constexpr int kWeightPitch = kDepth + 16 / kElement;
constexpr int kPatchRows = (kTileRows - 1) * kStrideY + kTapRows;
constexpr int kPatchColumns = ((kTileColumns - 1) * kStrideX + kTapPad + 1) / 2 * 2;
constexpr int kPatch = kChannels * kPatchRows * kPatchColumns;
constexpr int kPatchBytes = (kPatch * kElement + 15) / 16 * 16;
constexpr int kSumPitch = kColumns + 8;

/// Where element `depth` of the product's depth lies in the patch, seen from the output pixel's corner. Past the end
/// the weights are zero.
DEVICE int patch_offset(int depth) {
    const int line = depth / kTapPad, column = depth % kTapPad;
    if (line >= kLines) return 0;
    return (line / kTapRows * kPatchRows + line % kTapRows) * kPatchColumns + column;
}

/// One register of a fragment: a pair of 16-bit elements or a single f32.
DEVICE u32 fragment(const T* place) {
    if constexpr (kElement == 4 || kStrideX % 2 == 0) return *reinterpret_cast<const u32*>(place);
    const u16* halves = reinterpret_cast<const u16*>(place);
    return halves[0] | static_cast<u32>(halves[1]) << 16;
}

DEVICE void load_patch(const StemArgs& args, T* patch, int n, int top, int left) {
    const In* image = static_cast<const In*>(args.input) + n * args.image_stride;
    // A warp loads one line at a time.
#pragma unroll 4
    for (int line = threadIdx.x / 32; line < kChannels * kPatchRows; line += kThreads / 32) {
        const int row = line % kPatchRows, channel = line / kPatchRows;
        bool row_inside = true;
        const int y = source_place(top + row, args.height, row_inside);
        row_inside = row_inside && static_cast<u32>(y) < static_cast<u32>(args.height);
        const In* source = image + channel * args.channel_stride + static_cast<long long>(y) * args.row_stride;
#pragma unroll
        for (int first = 0; first < kPatchColumns; first += 32) {
            const int column = first + threadIdx.x % 32;
            bool inside = row_inside;
            const int x = source_place(left + column, args.width, inside);
            // Reflection may leave the image in columns that only zero weights read.
            inside = inside && static_cast<u32>(x) < static_cast<u32>(args.width);
            if (column < kPatchColumns)
                store(patch[line * kPatchColumns + column], inside ? to_float(source[x * args.column_stride]) : 0.0f);
        }
    }
}

extern "C" __global__ void __launch_bounds__(kThreads) stem(const StemArgs args) {
    extern __shared__ __align__(128) char memory[];
    T* patch = reinterpret_cast<T*>(memory);
    T* weights = reinterpret_cast<T*>(memory + kPatchBytes);
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const int n = blockIdx.z, column_tile = blockIdx.y;
    const int tile_row = divide(blockIdx.x, args.tiles), tile_column = blockIdx.x - tile_row * args.tiles.divisor;
    const int top = tile_row * kTileRows, left = tile_column * kTileColumns;

    const uint4* source = static_cast<const uint4*>(args.weights) + column_tile * (kColumns * kWeightPitch * kElement / 16);
    for (int i = threadIdx.x; i < kColumns * kWeightPitch * kElement / 16; i += kThreads)
        reinterpret_cast<uint4*>(weights)[i] = source[i];
    await_predecessors();
    load_patch(args, patch, n, top * kStrideY - args.pad_y, left * kStrideX - args.pad_x);
    __syncthreads();

    constexpr int kPair = 4 / kElement;  // elements of one register
    int corners[kFragmentRows][2];
#pragma unroll
    for (int i = 0; i < kFragmentRows; ++i)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int pixel = (warp * kFragmentRows + i) * 16 + lane / 4 + half * 8;
            corners[i][half] =
                pixel / kTileColumns * kStrideY * kPatchColumns + pixel % kTileColumns * kStrideX;
        }
    float sums[kFragmentRows][kFragmentColumns][4] = {};
#pragma unroll
    for (int step = 0; step < kSteps; ++step) {
        const int depth = step * kStepDepth + lane % 4 * kPair;
        const int near = patch_offset(depth), far = patch_offset(depth + kStepDepth / 2);
        u32 a[kFragmentRows][4], a_rest[kFragmentRows][4];
#pragma unroll
        for (int i = 0; i < kFragmentRows; ++i) {
            a[i][0] = fragment(patch + corners[i][0] + near);
            a[i][1] = fragment(patch + corners[i][1] + near);
            a[i][2] = fragment(patch + corners[i][0] + far);
            a[i][3] = fragment(patch + corners[i][1] + far);
            if constexpr (kElement == 4)
#pragma unroll
                for (int j = 0; j < 4; ++j) a[i][j] = rounded(a[i][j], a_rest[i][j]);
        }
#pragma unroll
        for (int j = 0; j < kFragmentColumns; j += 2) {
            // Two fragments, each of two halves of the step's depth.
            u32 b[4], rest[4];
            load_matrices(b, shared_address(weights + ((j + lane / 16) * 8 + lane % 8) * kWeightPitch + step * kStepDepth) +
                                 lane / 8 % 2 * 16);
            if constexpr (kElement == 4 && kPasses == 3)
#pragma unroll
                for (int k = 0; k < 4; ++k) b[k] = rounded(b[k], rest[k]);
#pragma unroll
            for (int i = 0; i < kFragmentRows; ++i)
#pragma unroll
                for (int k = 0; k < 2; ++k) {
                    if constexpr (kElement == 4 && kPasses == 3)
                        multiply_exactly(sums[i][j + k], a[i], a_rest[i], b[2 * k], b[2 * k + 1], rest[2 * k],
                                         rest[2 * k + 1]);
                    else
                        multiply(sums[i][j + k], a[i], b[2 * k], b[2 * k + 1], T());
                }
        }
    }
    release_successors();
    __syncthreads();

    float* tile = reinterpret_cast<float*>(memory);
#pragma unroll
    for (int i = 0; i < kFragmentRows; ++i)
        put_sums<kFragmentColumns>(tile + (warp * kFragmentRows + i) * 16 * kSumPitch, kSumPitch, sums[i][0]);
    __syncthreads();

    constexpr int kVectors = kColumns / kWidth;
    for (int i = threadIdx.x; i < kPixels * kVectors; i += kThreads) {
        const int pixel = i / kVectors, column = i % kVectors * kWidth, channel = column_tile * kColumns + column;
        const int y = top + pixel / kTileColumns, x_place = left + pixel % kTileColumns;
        if (y >= args.output_height || x_place >= args.output_width || channel >= kOutputs) continue;
        float x[kWidth];
        load_vector(x, tile + pixel * kSumPitch + column);
        const int row = (n * args.output_height + y) * args.output_width + x_place;
        epilogue(x, args.epilogue, row, channel);
        store_vector(static_cast<Out*>(args.output) + static_cast<long long>(row) * args.output_pitch + channel, x);
    }
}
