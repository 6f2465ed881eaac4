// Convolution as a matrix product on the tensor cores of whole warpgroups (compute capability 9.0), 16-bit types and
// TF32, channels last. A tile's patch of the input, halo included, lies in shared memory once for all taps: a tap is the same
// patch, read from another first pixel. One warpgroup loads patches and weights, the others multiply. The input is read
// as in conv.cuh. The host writes the constants in front:
//   In, Out                 element types
//   kGroups, kBlocks        warpgroups that multiply; times 64 rows of each
//   kColumns                output channels of one block, the width of multiply()
//   kDepthBytes             bytes of channels of one pixel per step: 128, 64 or 32
//   kPatches, kStages       patches and steps' weights in flight
//   kPartRows               rows of the product that one patch serves
//   kRowPitch, kSlotPitch   rows of the product, pixels of the patch between neighbouring rows of the image
//   kTileRows, kTileColumns output pixels of one part
//   kSplit                  blocks of one cluster that share the depth of a tile
//   kResident               blocks that a processor should hold
//   kRepeats                whether a block is expected to compute several tiles
//   kChannels0, kChannels, kUp0, kUp1, kOutputs, kTapRows, kTapColumns, kDilationY, kDilationX, kPad, kWidth
//   kStrideY, kStrideX, what phases.cuh needs, and phases.cuh
//   multiply(sums, a, b, add)  the product of 64 rows and kColumns columns, 32 bytes deep, added or not; by descriptors
//   epilogue(x, args, row, channel)

/// As the tensor cores look for it: 16-byte pieces are exchanged within eight rows by bits of the address.
DEVICE u32 swizzled(u32 offset) { return offset ^ (offset >> 3 & (kDepthBytes - 16)); }

/// A matrix in shared memory whose groups of eight rows are `pitch` bytes apart.
DEVICE u64 descriptor(u32 address, int pitch) {
    constexpr u64 kSwizzle = kDepthBytes == 128 ? 1 : kDepthBytes == 64 ? 2 : 3;
    return kSwizzle << 62 | static_cast<u64>(pitch / 16) << 32 | 1 << 16 | address / 16;
}

/// One thread's share of loading patches. Which pixels a tile's patch reads lies in shared memory, negative where zeros
/// are read; the threads that load a pixel's pieces are of one warp.
struct PatchLoader {
    static constexpr int kPieces = kDepthBytes / 16;  // of a pixel
    static constexpr int kStep = kLoaders / kPieces;  // pixels between the thread's pieces

    const WarpgroupArgs& args;
    int* pixels;
    int piece, first;

    DEVICE PatchLoader(const WarpgroupArgs& a, int* p, int thread)
        : args(a), pixels(p), piece(thread % kPieces), first(thread / kPieces) {}

    DEVICE void find_pixels(int tile) {
        __syncwarp();
        for (int slot = first + piece * kStep; slot < kSlots; slot += kPieces * kStep) {
            const int part = slot % kPartSlots, plane = part / kPlane, within = part % kPlane;
            const Place place(args, tile * kParts + slot / kPartSlots);
            bool inside = place.image >= 0 && part < kFilled;
            const int y = (place.y + within / kSlotPitch) * kStrideY + plane / kPlanesX - args.pad_y;
            const int x = (place.x + within % kSlotPitch) * kStrideX + plane % kPlanesX - args.pad_x;
            // The patches of the last tiles reach beyond what any output reads.
            const int sy = max(min(source_place(y, args.height, inside), args.height - 1), 0);
            const int sx = max(min(source_place(x, args.width, inside), args.width - 1), 0);
            pixels[slot] = inside ? pixel<kUp0>(place.image, sy, sx) : -1;
            if constexpr (kApart) pixels[kSlots + slot] = inside ? pixel<kUp1>(place.image, sy, sx) : -1;
        }
        __syncwarp();
    }

    template <int kUp>
    DEVICE int pixel(int image, int y, int x) const {
        return (image * (args.height / kUp) + y / kUp) * (args.width / kUp) + x / kUp;
    }

    DEVICE void load(int chunk, u32 patch) const {
        const int channel = chunk * kDepthTile + piece * (16 / static_cast<int>(sizeof(In)));
        const bool second = kChannels0 != kChannels && channel >= kChannels0;
        const In* source = second ? static_cast<const In*>(args.input1) + (channel - kChannels0)
                                  : static_cast<const In*>(args.input0) + channel;
        const int pitch = second ? args.pitch1 : args.pitch0;
        const int* places = kApart && second ? pixels + kSlots : pixels;
#pragma unroll 8
        for (int slot = first; slot < kSlots; slot += kStep) {
            const int pixel = places[slot];
            const bool valid = pixel >= 0 && channel < kChannels;
            const In* from = source + static_cast<long long>(pixel) * pitch;
            asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(
                             patch + swizzled(slot * kDepthBytes + piece * 16)),
                         "l"(valid ? from : args.input0), "r"(valid ? 16 : 0)
                         : "memory");
        }
    }

    /// Rounds to TF32 what this thread has loaded.
    DEVICE void round(char* patch) const {
        constexpr int kAtOnce = 4;
        const auto place = [&](int slot) {
            return reinterpret_cast<float4*>(patch + swizzled(slot * kDepthBytes + piece * 16));
        };
        for (int begin = first; begin < kSlots; begin += kAtOnce * kStep) {
            float4 x[kAtOnce];
#pragma unroll
            for (int i = 0; i < kAtOnce; ++i)
                if (begin + i * kStep < kSlots) x[i] = *place(begin + i * kStep);
#pragma unroll
            for (int i = 0; i < kAtOnce; ++i)
                if (begin + i * kStep < kSlots) *place(begin + i * kStep) = to_tf32(x[i]);
        }
    }
};

/// Fills the ring of patches, which lies at the beginning of the shared memory, with those of this block's tiles.
DEVICE void load_patches(const WarpgroupArgs& args, Ring<kPatches> ring, char* memory, int begin, int end) {
    PatchLoader loader(args, reinterpret_cast<int*>(memory + kPixelsAt), threadIdx.x - kMultipliers);
    const u32 patches = shared_address(memory);
    Ring<kPatches> arrived = ring;
    int copies = 0;
    const auto hand_over = [&] {
        loader.round(memory + arrived.at * kPatchBytes);
        // Those who multiply have the fence between proxies, which here would wait for all copies under way.
        barrier_arrive(arrived.full());
        arrived.next();
        --copies;
    };
    for (int tile = blockIdx.x; tile < args.tiles; tile += gridDim.x) {
        loader.find_pixels(tile);
        for (int chunk = begin / kTaps; chunk * kTaps < end; ++chunk, ring.next()) {
            barrier_wait(ring.empty(), ring.parity ^ 1);
            loader.load(chunk, patches + ring.at * kPatchBytes);
            if constexpr (kRounds) {
                commit();
                wait_for_copies<kAhead>();
                if (++copies > kAhead) hand_over();
            } else {
                asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(ring.full()) : "memory");
            }
        }
    }
    if constexpr (kRounds) {
        wait_for_copies<0>();
        while (copies > 0) hand_over();
    }
}

/// Fills the ring of weights, by one thread: once where all steps' weights have room, else for every tile.
DEVICE void load_weights(const WarpgroupArgs& args, Ring<kStages> ring, u32 stages, int begin, int end) {
    for (int tile = blockIdx.x; tile < args.tiles; tile += gridDim.x) {
        const char* source = static_cast<const char*>(args.weights) +
                             (static_cast<long long>(blockIdx.y) * kSteps + begin) * kStageBytes;
        for (int step = begin; step < end; ++step, ring.next(), source += kStageBytes) {
            barrier_wait(ring.empty(), ring.parity ^ 1);
            asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(ring.full()), "r"(kStageBytes));
            asm volatile(
                "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(
                    stages + ring.at * kStageBytes),
                "l"(source), "r"(kStageBytes), "r"(ring.full())
                : "memory");
        }
        if (kKeepWeights) return;
    }
}

/// Adds one tap's product to the sums of a warpgroup: `patch` as the first row of the product reads it.
DEVICE void multiply_tap(float (&sums)[kBlocks][kColumns / 2], u32 patch, u32 weights, bool add) {
    const int group = threadIdx.x / 128;
    const u64 b = descriptor(weights, 8 * kDepthBytes);
#pragma unroll
    for (int i = 0; i < kBlocks; ++i) {
        const int row = (group * kBlocks + i) * 64;
        const int slot = row / kPartRows * kPartSlots + slot_of(row % kPartRows);
        const u64 a = descriptor(patch + slot * kDepthBytes, (kRowPitch == 8 ? kSlotPitch : 8) * kDepthBytes);
#pragma unroll
        for (int k = 0; k < kDepthBytes / 32; ++k) multiply(sums[i], a + 2 * k, b + 2 * k, k > 0 || add);
    }
}

extern "C" __global__ void CLUSTER(kSplit) __launch_bounds__(kThreads, kResident) warpgroup(const WarpgroupArgs args) {
    extern __shared__ __align__(1024) char memory[];
    const int begin = blockIdx.z * kSteps / kSplit, end = (blockIdx.z + 1) * kSteps / kSplit;
    const u32 patches = shared_address(memory), stages = patches + kPatches * kPatchBytes;
    Ring<kPatches> patch{stages + kStages * kStageBytes};
    Ring<kStages> stage{patch.barriers + 16 * kPatches};
    float* tile_sums = reinterpret_cast<float*>(memory);
    const int group = threadIdx.x / 128, warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    if (threadIdx.x == 0) {
        for (int i = 0; i < kPatches; ++i) {
            barrier_init(patch.barriers + 8 * i, kLoaders);
            barrier_init(patch.barriers + 8 * (kPatches + i), kMultipliers / 32);
        }
        for (int i = 0; i < kStages; ++i) {
            barrier_init(stage.barriers + 8 * i, 1);
            barrier_init(stage.barriers + 8 * (kStages + i), kMultipliers / 32);
        }
        asm volatile("fence.mbarrier_init.release.cluster;");
    }
    __syncthreads();
    // Weights are nobody's result.
    if (threadIdx.x != kMultipliers + kLoaders) await_predecessors();

    if (group == kGroups) {
        if (threadIdx.x < kMultipliers + kLoaders)
            load_patches(args, patch, memory, begin, end);
        else if (threadIdx.x == kMultipliers + kLoaders) {
            load_weights(args, stage, stages, begin, end);
            await_predecessors();
        }
    } else {
        for (int tile = blockIdx.x; tile < args.tiles; tile += gridDim.x) {
            float sums[kBlocks][kColumns / 2];  // written by the first product
            const int first_row = group * kBlocks * 64 + warp % 4 * 16;
            Line lines[kAddsEarly ? 2 : 1];
            if constexpr (kAddsEarly) lines[0].load(args, tile, first_row, 0);
            u32 release_patch = 0, release_stage = 0;  // what the step before has read
            const auto release = [&] {
                if (lane != 0) return;
                if (release_stage) barrier_arrive(release_stage);
                if (release_patch) barrier_arrive(release_patch);
            };
            if constexpr (kKeepWeights) {
                for (int chunk = 0; chunk < kSteps / kTaps; ++chunk) {
                    const u32 weights = stages + chunk * kTaps * kStageBytes;
                    if (tile == blockIdx.x)
                        for (int tap = 0; tap < kTaps; ++tap) barrier_wait(stage.barriers + 8 * (chunk * kTaps + tap), 0);
                    barrier_wait(patch.full(), patch.parity);
                    asm volatile("fence.proxy.async.shared::cta;\nwgmma.fence.sync.aligned;" ::: "memory");
#pragma unroll
                    for (int tap = 0; tap < kTaps; ++tap)
                        multiply_tap(sums,
                                     patches + patch.at * kPatchBytes +
                                         shift_of(tap / kTapColumns, tap % kTapColumns) * kDepthBytes,
                                     weights + tap * kStageBytes, tap > 0 || chunk > 0);
                    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 1;" ::: "memory");
                    release();
                    release_patch = patch.empty();
                    patch.next();
                }
            } else {
                int tap_y = begin % kTaps / kTapColumns, tap_x = begin % kTapColumns;
                bool fresh = true;
                for (int step = begin; step < end; ++step) {
                    if (fresh) {
                        barrier_wait(patch.full(), patch.parity);
                        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
                    }
                    barrier_wait(stage.full(), stage.parity);
                    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
                    multiply_tap(sums, patches + patch.at * kPatchBytes + shift_of(tap_y, tap_x) * kDepthBytes,
                                 stages + stage.at * kStageBytes, step > begin);
                    asm volatile("wgmma.commit_group.sync.aligned;\nwgmma.wait_group.sync.aligned 1;" ::: "memory");
                    release();
                    release_stage = stage.empty();
                    stage.next();
                    if (++tap_x == kTapColumns) {
                        tap_x = 0;
                        if (++tap_y == kTapRows) tap_y = 0;
                    }
                    fresh = (tap_x == 0 && tap_y == 0) || step + 1 == end;
                    release_patch = fresh ? patch.empty() : 0;
                    if (fresh) patch.next();
                }
            }
            asm volatile("wgmma.wait_group.sync.aligned 0;" ::: "memory");
            release();
            if (tile + gridDim.x >= args.tiles) release_successors();

            if constexpr (kSplit == 1) {
                float* own = reinterpret_cast<float*>(memory + kStagingAt) + warp * 16 * (kLine + 8);
                constexpr int kAcross = kColumns / kLine, kLines = kBlocks * kAcross;
#pragma unroll
                for (int i = 0; i < kLines; ++i) {
                    const int row = first_row + i / kAcross * 64, column = i % kAcross * kLine, next = i + 1;
                    if constexpr (kAddsEarly)
                        if (next < kLines)
                            lines[next % 2].load(args, tile, first_row + next / kAcross * 64, next % kAcross * kLine);
                    __syncwarp();
                    put_sums<kLine / 8>(own, kLine + 8, sums[i / kAcross] + column / 2);
                    __syncwarp();
                    if constexpr (kAddsEarly)
                        lines[i % 2].finish_sums(args, own);
                    else
                        finish_line(args, own, tile, row, column);
                }
            } else {
                // All that was loaded has been read: the sums take its place.
                asm volatile("bar.sync 1, %0;" ::"n"(kMultipliers) : "memory");
#pragma unroll
                for (int i = 0; i < kBlocks; ++i)
#pragma unroll
                    for (int first = 0; first < kColumns; first += kLine)
                        put_sums<kLine / 8>(
                            tile_sums + ((group * kBlocks + i) * 64 + warp % 4 * 16) * kSumPitch + first, kSumPitch,
                            sums[i] + first / 2);
            }
        }
    }
    if constexpr (kSplit > 1) {
        __syncthreads();
        cluster_barrier();
        constexpr int kVectors = (kOutputs < kColumns ? kOutputs : kColumns) / kWidth, kOwnRows = kRows / kSplit;
        for (int i = threadIdx.x; i < kOwnRows * kVectors; i += kThreads) {
            const int row = blockIdx.z * kOwnRows + i / kVectors, column = i % kVectors * kWidth;
            int channel;
            const int pixel = pixel_of(args, blockIdx.x, row, column, channel);
            if (pixel < 0) continue;
            Added<kWidth> added;
            load_added(added, args.epilogue, pixel, channel);
            float x[kWidth];
            add_cluster(x, tile_sums + row * kSumPitch + column);
            finish(args, pixel, channel, x, added);
        }
        cluster_barrier();
    }
}
