// NonZero and Compress: elements that are not zero are counted tile by tile, then each tile writes the places of its
// own behind those of the tiles before it; `take` moves the elements of these places. The host writes in front: Flag
// (an unsigned word of the flags' size), Word (of the elements taken), kValueBits (bits of a flag without a sign),
// kAxes, kWide (whether places are results, by axis and of 64 bits) and kTile.

constexpr int kThreads = 256, kWarps = kThreads / 32, kRounds = kTile / kThreads;

DEVICE bool holds(const SelectionArgs& args, int element) {
    return element < args.size && (static_cast<const Flag*>(args.flags)[element] & static_cast<Flag>(kValueBits)) != 0;
}

extern "C" __global__ void __launch_bounds__(kThreads) count(const __grid_constant__ SelectionArgs args) {
    await_predecessors();
    release_successors();
    __shared__ int found;
    if (threadIdx.x == 0) found = 0;
    __syncthreads();
    int own = 0;
    for (int round = 0; round < kRounds; ++round)
        own += holds(args, static_cast<int>(blockIdx.x) * kTile + round * kThreads + threadIdx.x);
    atomicAdd(&found, own);
    __syncthreads();
    if (threadIdx.x == 0) args.tile_counts[blockIdx.x] = found;
}

DEVICE void write(const SelectionArgs& args, long long place, int element) {
    if constexpr (kWide) {
        int rest = element;
#pragma unroll
        for (int axis = kAxes - 1; axis >= 0; --axis) {
            const int above = axis == 0 ? 0 : divide(rest, args.extents[axis]);
            static_cast<long long*>(args.output)[axis * static_cast<long long>(args.room) + place] =
                axis == 0 ? rest : rest - above * static_cast<int>(args.extents[axis].divisor);
            rest = above;
        }
    } else {
        args.places[place] = element;
    }
}

extern "C" __global__ void __launch_bounds__(kThreads) find(const __grid_constant__ SelectionArgs args) {
    await_predecessors();
    release_successors();
    __shared__ int before, all, starts[kRounds * kWarps];
    const int tile = blockIdx.x, warp = threadIdx.x / 32;
    const u32 lower = (1u << (threadIdx.x & 31)) - 1;
    if (threadIdx.x == 0) before = all = 0;
    __syncthreads();
    int sum = 0, whole = 0;
    for (int i = threadIdx.x; i < args.tiles; i += kThreads) {
        whole += args.tile_counts[i];
        if (i < tile) sum += args.tile_counts[i];
    }
    atomicAdd(&before, sum);
    atomicAdd(&all, whole);
    for (int round = 0; round < kRounds; ++round) {
        const u32 flags = __ballot_sync(~0u, holds(args, tile * kTile + round * kThreads + threadIdx.x));
        if (lower == 0) starts[round * kWarps + warp] = __popc(flags);
    }
    __syncthreads();
    if (threadIdx.x == 0)
        for (int i = 0, place = before; i < kRounds * kWarps; ++i) {
            const int own = starts[i];
            starts[i] = place;
            place += own;
        }
    __syncthreads();
    for (int round = 0; round < kRounds; ++round) {
        const int element = tile * kTile + round * kThreads + threadIdx.x;
        const bool found = holds(args, element);
        const u32 flags = __ballot_sync(~0u, found);
        if (found) write(args, starts[round * kWarps + warp] + __popc(flags & lower), element);
    }
    if constexpr (kWide)
        for (long long i = all + static_cast<long long>(tile) * kThreads + threadIdx.x; i < args.room;
             i += static_cast<long long>(args.tiles) * kThreads)
#pragma unroll
            for (int axis = 0; axis < kAxes; ++axis)
                static_cast<long long*>(args.output)[axis * static_cast<long long>(args.room) + i] = 0;
    if (tile == 0 && threadIdx.x == 0) *args.count = all;
}

extern "C" __global__ void __launch_bounds__(kThreads) take(const __grid_constant__ SelectionArgs args) {
    await_predecessors();
    release_successors();
    const int index = static_cast<int>(blockIdx.x) * kThreads + static_cast<int>(threadIdx.x);
    if (index >= args.outputs) return;
    const int row = divide(index, args.inner), inside = index - row * static_cast<int>(args.inner.divisor);
    const int outer = divide(row, args.by_room), place = row - outer * static_cast<int>(args.by_room.divisor);
    Word* target = static_cast<Word*>(args.output) + index;
    if (place < *args.count)
        *target =
            static_cast<const Word*>(args.input)[(static_cast<long long>(outer) * args.length + args.places[place]) *
                                                     static_cast<int>(args.inner.divisor) +
                                                 inside];
    else
        *target = Word();
}
