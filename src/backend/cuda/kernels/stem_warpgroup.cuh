// First convolution by warpgroups (compute capability 9.0), 16-bit products: at most 4 planes of an image, whose patch
// lies in shared memory as in stem.cuh, goes through registers into the tensor cores; the weights stay in shared
// memory. A block walks down strips of the image, a tile a step, and loads the next step's patch meanwhile. With kPool
// it computes a 3x3 maximum of stride 2 behind, padded by 1, for which it keeps the last row of the step before; strips
// overlap by two columns. The host writes in front:
//   In, T                            type of the image; to multiply in and of the result (f16, bf16)
//   kGroups                          warpgroups of a block; each multiplies 64 or 128 pixels
//   kTileRows, kTileColumns          pixels of the convolution that a block computes at once; columns: a multiple of 16
//   kResident                        blocks that a processor should hold
//   kColumns                         output channels, rounded up to a multiple of 8
//   kPiece                           neighbours in the image that are loaded at once, a multiple of 2 unless 1
//   kShift                           columns of a patch in front of the first one that is read
//   kChannels, kOutputs, kTapRows, kTapPad, kStrideY, kStrideX, kPool, kWidth, kHalf (whether T is f16)
//   multiply(sums, a, b, add)        the product of 64 x 16, in registers, and 16 x kColumns, given by a descriptor
//   epilogue(x, args, row, channel)

constexpr int kThreads = 128 * kGroups;
constexpr int kBlocks = kTileRows * kTileColumns / (64 * kGroups);
constexpr int kLines = kChannels * kTapRows;
constexpr int kSteps = (kLines * kTapPad + 15) / 16;
constexpr int kChunks = (kSteps + 3) / 4;  // of 128 bytes of depth
constexpr int kWeightBytes = kChunks * kColumns * 128;
constexpr int kPatchRows = (kTileRows - 1) * kStrideY + kTapRows;
constexpr int kPatchColumns = (kShift + (kTileColumns - 1) * kStrideX + kTapPad + 7) / 8 * 8;
constexpr int kPatch = kChannels * kPatchRows * kPatchColumns;
constexpr int kLinePieces = kPatchColumns / kPiece, kPieces = kPatch / kPiece;
constexpr int kOwnPieces = (kPieces + kThreads - 1) / kThreads;  // of a thread
constexpr int kRing = kTileRows + (kPool ? 1 : 0);               // rows of results in shared memory
constexpr int kPixelPitch = kColumns + 8;

/// Where element `depth` of the product's depth lies in the patch, seen from the output pixel's corner. Past the end
/// the weights are zero.
DEVICE int patch_offset(int depth) {
    const int line = depth / kTapPad, column = depth % kTapPad;
    if (line >= kLines) return 0;
    return (line / kTapRows * kPatchRows + line % kTapRows) * kPatchColumns + column;
}

/// Matrices whose rows of 128 bytes follow each other, exchanged by the 128-byte swizzle.
DEVICE u64 descriptor(u32 address) {
    return 1ull << 62 | static_cast<u64>(1024 / 16) << 32 | 1 << 16 | (address & 0x3ffff) / 16;
}

/// Place of a step: image, strip and first row of the convolution.
struct Step {
    int image, strip, row;
    DEVICE Step(const StemWarpgroupArgs& args, int index) {
        const int column = divide(index, args.strip);
        row = (index - column * static_cast<int>(args.strip.divisor)) * kTileRows;
        image = divide(column, args.strips);
        strip = column - image * static_cast<int>(args.strips.divisor);
    }
    /// Column of the convolution that the tile begins at.
    DEVICE int column() const { return strip * (kTileColumns - 2 * kPool) - kPool; }
};

/// One thread's share of a patch, on its way from the image to shared memory.
struct Pieces {
    Vector<In, kPiece> values[kOwnPieces];

    DEVICE void load(const StemWarpgroupArgs& args, int index) {
        const Step step(args, index);
        const int top = step.row * kStrideY - args.pad_y;
        const int left = step.strip * (kTileColumns - 2 * kPool) * kStrideX + args.first_x;
        const In* image = static_cast<const In*>(args.input) + step.image * args.image_stride;
#pragma unroll
        for (int i = 0; i < kOwnPieces; ++i) {
            const int place = threadIdx.x + i * kThreads, line = place / kLinePieces;
            const int y = top + line % kPatchRows, x = left + place % kLinePieces * kPiece;
            const bool inside = place < kPieces && static_cast<u32>(y) < static_cast<u32>(args.height) &&
                                static_cast<u32>(x) < static_cast<u32>(args.width);
            values[i] = {};
            if (inside)
                values[i] = *reinterpret_cast<const Vector<In, kPiece>*>(
                    image + line / kPatchRows * args.channel_stride + static_cast<long long>(y) * args.row_stride + x);
        }
    }

    DEVICE void put(T* patch) const {
#pragma unroll
        for (int i = 0; i < kOwnPieces; ++i) {
            const int place = threadIdx.x + i * kThreads;
            float x[kPiece];
#pragma unroll
            for (int k = 0; k < kPiece; ++k) x[k] = to_float(values[i].v[k]);
            if (place < kPieces) store_vector(patch + place * kPiece, x);
        }
    }
};

/// Multiplies one warp's 16 pixels of every 64.
DEVICE void multiply_block(float (&sums)[kColumns / 2], const T* patch, u32 weights, int first_pixel) {
    const int lane = threadIdx.x % 32;
    int corners[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int pixel = first_pixel + lane / 4 + half * 8;
        corners[half] = pixel / kTileColumns * kStrideY * kPatchColumns + pixel % kTileColumns * kStrideX + kShift;
    }
    u32 a[kSteps][4];
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
#pragma unroll
        for (int i = 0; i < 4; ++i)
            a[step][i] = *reinterpret_cast<const u32*>(patch + corners[i % 2] +
                                                       patch_offset(step * 16 + lane % 4 * 2 + i / 2 * 8));
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
    for (int step = 0; step < kSteps; ++step)
        multiply(sums, a[step], descriptor(weights + step / 4 * kColumns * 128 + step % 4 * 32), step > 0);
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
}

/// Waits until all products but the last `kLeft` blocks' have been added up.
template <int kLeft>
DEVICE void wait_for_products(float (&sums)[kColumns / 2]) {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLeft) : "memory");
#pragma unroll
    for (int i = 0; i < kColumns / 2; ++i) asm volatile("" : "+f"(sums[i])::"memory");
}

/// Puts one warp's results into the ring of rows.
DEVICE void put_results(const StemWarpgroupArgs& args, const Step& step, T* ring, const float (&sums)[kColumns / 2],
                        int first_pixel) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int pixel = first_pixel + lane / 4 + half * 8;
        const int y = step.row + pixel / kTileColumns, x = step.column() + pixel % kTileColumns;
        const bool inside = y < args.conv_height && static_cast<u32>(x) < static_cast<u32>(args.conv_width);
        const int row = inside ? (step.image * args.conv_height + y) * args.conv_width + x : 0;
        T* target = ring + (y % kRing * kTileColumns + pixel % kTileColumns) * kPixelPitch;
#pragma unroll
        for (int j = 0; j < kColumns / 8; ++j) {
            const int channel = j * 8 + lane % 4 * 2;
            float pair[2] = {sums[4 * j + 2 * half], sums[4 * j + 2 * half + 1]};
            if (channel < kOutputs) epilogue(pair, args.epilogue, row, channel);
            store_vector(target + channel, pair);
        }
    }
}

DEVICE u32 larger(u32 a, u32 b, f16) {
    u32 result;
    asm("max.NaN.f16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
}
DEVICE u32 larger(u32 a, u32 b, bf16) {
    u32 result;
    asm("max.NaN.bf16x2 %0, %1, %2;" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

/// Writes the maxima of the tile's rows and the one before.
DEVICE void store_maxima(const StemWarpgroupArgs& args, const Step& step, const T* ring) {
    constexpr int kAcross = (kTileColumns - 2) / 2, kVectors = kOutputs / 8;
    for (int i = threadIdx.x; i < kTileRows / 2 * kAcross * kVectors; i += kThreads) {
        const int pixel = i / kVectors, channel = i % kVectors * 8, column = pixel % kAcross;
        const int y = step.row / 2 + pixel / kAcross, x = step.strip * kAcross + column;
        if (y >= args.output_height || x >= args.output_width) continue;
        uint4 best;
        best.x = best.y = best.z = best.w = kHalf ? 0xfc00fc00u : 0xff80ff80u;
#pragma unroll
        for (int dy = -1; dy < 2; ++dy) {
            const int row = 2 * y + dy;
            if (row < 0 || row >= args.conv_height) continue;
#pragma unroll
            for (int dx = 0; dx < 3; ++dx) {
                if (static_cast<u32>(2 * x + dx - 1) >= static_cast<u32>(args.conv_width)) continue;
                const uint4 one = *reinterpret_cast<const uint4*>(
                    ring + (row % kRing * kTileColumns + 2 * column + dx) * kPixelPitch + channel);
                best.x = larger(best.x, one.x, T());
                best.y = larger(best.y, one.y, T());
                best.z = larger(best.z, one.z, T());
                best.w = larger(best.w, one.w, T());
            }
        }
        const long long row = (static_cast<long long>(step.image) * args.output_height + y) * args.output_width + x;
        *reinterpret_cast<uint4*>(static_cast<T*>(args.output) + row * args.output_pitch + channel) = best;
    }
}

/// Writes the tile itself.
DEVICE void store_tile(const StemWarpgroupArgs& args, const Step& step, const T* ring) {
    constexpr int kVectors = kOutputs / kWidth;
    for (int i = threadIdx.x; i < kTileRows * kTileColumns * kVectors; i += kThreads) {
        const int pixel = i / kVectors, channel = i % kVectors * kWidth;
        const int y = step.row + pixel / kTileColumns, x = step.column() + pixel % kTileColumns;
        if (y >= args.output_height || x >= args.output_width) continue;
        const long long row = (static_cast<long long>(step.image) * args.output_height + y) * args.output_width + x;
        *reinterpret_cast<Vector<T, kWidth>*>(static_cast<T*>(args.output) + row * args.output_pitch + channel) =
            *reinterpret_cast<const Vector<T, kWidth>*>(
                ring + (y % kRing * kTileColumns + pixel % kTileColumns) * kPixelPitch + channel);
    }
}

extern "C" __global__ void __launch_bounds__(kThreads, kResident) stem_warpgroup(const StemWarpgroupArgs args) {
    extern __shared__ __align__(1024) char memory[];
    T* patches = reinterpret_cast<T*>(memory + kWeightBytes);
    T* ring = patches + 2 * kPatch;
    const int first_pixel = threadIdx.x / 128 * (64 * kBlocks) + threadIdx.x % 128 / 32 * 16;
    const int begin = static_cast<int>(static_cast<long long>(blockIdx.x) * args.steps / gridDim.x);
    const int end = static_cast<int>(static_cast<long long>(blockIdx.x + 1) * args.steps / gridDim.x);
    const uint4* source = static_cast<const uint4*>(args.weights);
    for (int i = threadIdx.x; i < kWeightBytes / 16; i += kThreads) reinterpret_cast<uint4*>(memory)[i] = source[i];
    // The row above the first tile comes from the tile above.
    const int warm = kPool && Step(args, begin).row > 0 ? begin - 1 : begin;
    await_predecessors();
    Pieces pieces;
    pieces.load(args, warm);
    pieces.put(patches);
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();

    for (int index = warm; index < end; ++index) {
        const Step step(args, index);
        const T* patch = patches + (index - warm) % 2 * kPatch;
        if (index + 1 < end) pieces.load(args, index + 1);
        float sums[kBlocks][kColumns / 2];
#pragma unroll
        for (int i = 0; i < kBlocks; ++i) multiply_block(sums[i], patch, shared_address(memory), first_pixel + 64 * i);
        __syncthreads();  // the step before has read the ring
        if constexpr (kBlocks == 2) {
            wait_for_products<1>(sums[0]);
            put_results(args, step, ring, sums[0], first_pixel);
        }
        wait_for_products<0>(sums[kBlocks - 1]);
        if (index + 1 == end) release_successors();
        put_results(args, step, ring, sums[kBlocks - 1], first_pixel + 64 * (kBlocks - 1));
        if (index + 1 < end) pieces.put(patches + (index + 1 - warm) % 2 * kPatch);
        __syncthreads();
        if constexpr (kPool) {
            if (index >= begin) store_maxima(args, step, ring);
        } else {
            store_tile(args, step, ring);
        }
    }
}
