// The largest or smallest elements along an axis, in order: a block or a cluster of blocks takes one line. Every element becomes a number of 64
// bits that no other has, its order above and its place below. Long lines are searched for the kTake-th largest such
// number, byte by byte; what stands from there on is sorted. The host writes in front:
//   In                               type in memory, at most 32 bits
//   kLength, kTake                   elements of a line and of its result
//   kLargest
//   kSorted                          numbers to sort: a power of two
//   kSearch                          lines are searched first
//   kKept                            elements that a thread keeps in registers meanwhile; 0: it reads them again
//   kSplit                           blocks of a cluster, which share the search; the first one sorts
//   kThreads
//   CLUSTER(n)

DEVICE u32 order(float x) {
    if (x != x) return 0xffffffffu;
    const u32 bits = __float_as_uint(x + 0.0f);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}
DEVICE u32 order(f16 x) { return order(to_float(x)); }
DEVICE u32 order(bf16 x) { return order(to_float(x)); }
template <class Whole>
DEVICE u32 order(Whole x) {
    return static_cast<Whole>(-1) < static_cast<Whole>(0) ? static_cast<u32>(x) ^ 0x80000000u : static_cast<u32>(x);
}

DEVICE u32 order_at(const In* line, int place, int inner) {
    const u32 of = order(line[static_cast<long long>(place) * inner]);
    return kLargest ? of : ~of;
}
DEVICE u64 ranked(u32 order, int place) { return static_cast<u64>(order) << 32 | ~static_cast<u32>(place); }

/// A thread's elements stand kStep places apart.
constexpr int kStep = kThreads * kSplit;
DEVICE int first_place() { return blockIdx.x % kSplit * kThreads + threadIdx.x; }

/// Calls visit(order, place) for this thread's elements. `kept`: their orders, where they are kept.
template <class Visit>
DEVICE void each(const u32 (&kept)[kKept ? kKept : 1], const In* line, int inner, const Visit& visit) {
    if constexpr (kKept > 0) {
#pragma unroll
        for (int k = 0; k < kKept; ++k)
            if (const int i = first_place() + k * kStep; i < kLength) visit(kept[k], i);
    } else {
        constexpr int kBatch = 8;
        for (int start = first_place(); start < kLength; start += kStep * kBatch) {
            u32 orders[kBatch];
#pragma unroll
            for (int k = 0; k < kBatch; ++k)
                if (const int i = start + k * kStep; i < kLength) orders[k] = order_at(line, i, inner);
#pragma unroll
            for (int k = 0; k < kBatch; ++k)
                if (const int i = start + k * kStep; i < kLength) visit(orders[k], i);
        }
    }
}

/// A number such that the kTake largest ones, and at most kSorted, are not below it.
template <class Each>
DEVICE u64 search(const Each& each_number) {
    // By turns: other blocks may still read the last byte's.
    __shared__ u32 counted[2][256], all[256];
    __shared__ u32 found, left, inside;
    u64 prefix = 0, mask = 0;
    u32 wanted = kTake;
    for (int shift = 56; shift >= 0; shift -= 8) {
        u32* counts = counted[shift / 8 % 2];
        for (int i = threadIdx.x; i < 256; i += kThreads) counts[i] = 0;
        __syncthreads();
        if (shift >= 32) {
            const u32 high_mask = static_cast<u32>(mask >> 32), high = static_cast<u32>(prefix >> 32);
            each_number([&](u32 order, int) {
                if ((order & high_mask) == high) atomicAdd(&counts[order >> (shift - 32) & 255u], 1u);
            });
        } else {
            each_number([&](u32 order, int place) {
                const u64 number = ranked(order, place);
                if ((number & mask) == prefix) atomicAdd(&counts[static_cast<u32>(number >> shift) & 255u], 1u);
            });
        }
        __syncthreads();
        if constexpr (kSplit > 1) {
            cluster_barrier();
            if (threadIdx.x < 256) {
                u32 sum = 0;
#pragma unroll
                for (int block = 0; block < kSplit; ++block) sum += *in_block(counts + threadIdx.x, block);
                all[threadIdx.x] = sum;
            }
            counts = all;
            __syncthreads();
        }
        if (threadIdx.x < 32) {
            u32 own[8], sum = 0;
#pragma unroll
            for (int i = 0; i < 8; ++i) sum += own[i] = counts[255 - (threadIdx.x * 8 + i)];
            u32 upto = sum;
#pragma unroll
            for (int step = 1; step < 32; step *= 2) {
                const u32 other = __shfl_up_sync(0xffffffffu, upto, step);
                if (threadIdx.x >= step) upto += other;
            }
            u32 above = upto - sum;
            if (above < wanted && wanted <= upto) {
                int i = 0;
                while (above + own[i] < wanted) above += own[i++];
                found = 255 - (threadIdx.x * 8 + i);
                left = wanted - above;
                inside = own[i];
            }
        }
        __syncthreads();
        prefix |= static_cast<u64>(found) << shift;
        mask |= static_cast<u64>(255) << shift;
        wanted = left;
        if (kTake - left + inside <= kSorted) break;
    }
    return prefix;
}

/// Puts this thread's numbers from `least` on among the first block's `numbers`, of which there are `count`.
template <class Each>
DEVICE void collect(const Each& each_number, u64 least, u64* numbers, u32* count) {
    u64* target = numbers;
    u32* place = count;
    __shared__ u32 own, before;
    if constexpr (kSplit > 1) {  // one request for all of a block's numbers
        if (threadIdx.x == 0) own = 0;
        __syncthreads();
        each_number([&](u32 order, int at) {
            if (ranked(order, at) >= least) atomicAdd(&own, 1u);
        });
        __syncthreads();
        if (threadIdx.x == 0) before = atomicAdd(in_block(count, 0), own);
        __syncthreads();
        target = in_block(numbers, 0);
        place = &before;
    }
    each_number([&](u32 order, int at) {
        const u64 number = ranked(order, at);
        if (number >= least) target[atomicAdd(place, 1u)] = number;
    });
}

extern "C" __global__ void CLUSTER(kSplit) __launch_bounds__(kThreads) top_k(const TopKArgs args) {
    await_predecessors();
    release_successors();
    extern __shared__ __align__(16) char memory[];
    u64* numbers = reinterpret_cast<u64*>(memory);
    const int inner = static_cast<int>(args.inner.divisor);
    const int index = blockIdx.x / kSplit, outer = divide(index, args.inner), inside = index - outer * inner;
    const In* line = static_cast<const In*>(args.input) + outer * (static_cast<long long>(kLength) * inner) + inside;
    if constexpr (kSearch) {
        __shared__ u32 count;
        u32 kept[kKept ? kKept : 1];
        if constexpr (kKept > 0)
#pragma unroll
            for (int k = 0; k < kKept; ++k)
                if (const int i = first_place() + k * kStep; i < kLength) kept[k] = order_at(line, i, inner);
        if (threadIdx.x == 0) count = 0;
        for (int i = threadIdx.x; i < kSorted; i += kThreads) numbers[i] = 0;
        const auto each_number = [&](const auto& visit) { each(kept, line, inner, visit); };
        const u64 least = search(each_number);
        collect(each_number, least, numbers, &count);
        if constexpr (kSplit > 1) {
            cluster_barrier();
            if (blockIdx.x % kSplit != 0) return;
        }
    } else {
        for (int i = threadIdx.x; i < kSorted; i += kThreads)
            numbers[i] = i < kLength ? ranked(order_at(line, i, inner), i) : 0;
    }
    // Bitonic sorting, the largest number first. A warp has 64 neighbours to itself.
    __syncthreads();
    for (int size = 2; size <= kSorted; size *= 2)
        for (int step = size / 2; step > 0; step /= 2) {
            if (step >= 64)
                __syncthreads();
            else
                __syncwarp();
            for (int i = threadIdx.x; i < kSorted / 2; i += kThreads) {
                const int low = 2 * i - (i & (step - 1)), high = low + step;
                const u64 a = numbers[low], b = numbers[high];
                if ((a < b) == ((low & size) == 0)) {
                    numbers[low] = b;
                    numbers[high] = a;
                }
            }
            if (step == 64) __syncthreads();
        }
    __syncthreads();
    const long long first = outer * (static_cast<long long>(kTake) * inner) + inside;
    for (int i = threadIdx.x; i < kTake; i += kThreads) {
        const int place = static_cast<int>(~static_cast<u32>(numbers[i]));
        const long long target = first + static_cast<long long>(i) * inner;
        if (args.values) static_cast<In*>(args.values)[target] = line[static_cast<long long>(place) * inner];
        if (args.places) static_cast<long long*>(args.places)[target] = place;
    }
}
