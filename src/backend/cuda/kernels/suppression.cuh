// NonMaxSuppression in three or four launches: candidates of every line (a class of a batch entry) are sorted; kMasks:
// pairs that overlap are found by the whole device; the best of the rest is kept again and again; rows of the result
// are written. The host writes in front: Element, kCentred, kMasks and kThreads. Everything that decides is
// calculated as the reference does it, in f64.

constexpr int kWords = kThreads / 32;

/// Two numbers of a key: what orders scores, and which box comes first among equal ones; 0: no candidate.
DEVICE u64 key_of(float score, int box) {
    const u32 bits = __float_as_uint(score + 0.0f);
    const u32 order = score != score ? 0u : bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    return static_cast<u64>(order) << 32 | ~static_cast<u32>(box);
}
DEVICE int box_of(u64 key) { return static_cast<int>(~static_cast<u32>(key)); }

/// A place in shared memory: one number in 17 stays free, so that threads that each take 16 meet different banks.
DEVICE int spread(int i) { return i + (i >> 4); }

DEVICE void exchange(u64& a, u64& b, bool descending) {
    const u64 low = a < b ? a : b, high = a < b ? b : a;
    a = descending ? high : low;
    b = descending ? low : high;
}

/// kSteps steps of bitonic sorting at distances from 2^(kSteps - 1 + shift) down to 2^shift, in registers. `first`: the
/// place of numbers[0] in the line.
template <int kSteps>
DEVICE void sort_steps(u64* numbers, int count, int first, int size, int shift) {
    constexpr int kEach = 1 << kSteps;
    for (int item = threadIdx.x; item < count >> kSteps; item += kThreads) {
        const int base = (item >> shift) << (shift + kSteps) | (item & ((1 << shift) - 1));
        const bool descending = ((first + base) & size) == 0;
        u64 x[kEach];
#pragma unroll
        for (int i = 0; i < kEach; ++i) x[i] = numbers[spread(base + (i << shift))];
#pragma unroll
        for (int step = kEach / 2; step > 0; step /= 2)
#pragma unroll
            for (int i = 0; i < kEach; ++i)
                if (!(i & step)) exchange(x[i], x[i | step], descending);
#pragma unroll
        for (int i = 0; i < kEach; ++i) numbers[spread(base + (i << shift))] = x[i];
    }
    __syncthreads();
}

/// The steps of `size` at distances below 2^bits, among `count` numbers in shared memory.
DEVICE void merge_shared(u64* numbers, int count, int first, int size, int bits) {
    while (bits > 0) {
        const int steps = bits % 4 ? bits % 4 : 4;
        bits -= steps;
        if (steps == 4)
            sort_steps<4>(numbers, count, first, size, bits);
        else if (steps == 3)
            sort_steps<3>(numbers, count, first, size, bits);
        else if (steps == 2)
            sort_steps<2>(numbers, count, first, size, bits);
        else
            sort_steps<1>(numbers, count, first, size, bits);
    }
}

DEVICE int bits_of(int power) { return 31 - __clz(power); }

/// Sorts `count` numbers (a power of two) in global memory, the largest first, by pieces of at most `most`.
DEVICE void sort_line(u64* line, u64* shared, int count, int most) {
    const int piece = count < most ? count : most;
    for (int size = piece; size <= count; size *= 2) {
        for (int step = size / 2; step >= piece; step /= 2) {
            for (int i = threadIdx.x; i < count / 2; i += kThreads) {
                const int low = 2 * i - (i & (step - 1));
                exchange(line[low], line[low + step], (low & size) == 0);
            }
            __syncthreads();
        }
        for (int first = 0; first < count; first += piece) {
            for (int i = threadIdx.x; i < piece; i += kThreads) shared[spread(i)] = line[first + i];
            __syncthreads();
            if (size == piece)
                for (int small = 2; small <= piece; small *= 2)
                    merge_shared(shared, piece, first, small, bits_of(small));
            else
                merge_shared(shared, piece, first, size, bits_of(piece));
            for (int i = threadIdx.x; i < piece; i += kThreads) line[first + i] = shared[spread(i)];
            __syncthreads();
        }
    }
}

extern "C" __global__ void __launch_bounds__(kThreads) candidates(const __grid_constant__ SuppressionArgs args) {
    await_predecessors();
    release_successors();
    extern __shared__ __align__(16) u64 numbers[];
    __shared__ int found;
    const int line = blockIdx.x;
    const Element* scores = static_cast<const Element*>(args.scores) + static_cast<long long>(line) * args.boxes_given;
    const int boxes = args.boxes_found && *args.boxes_found < args.boxes_given ? static_cast<int>(*args.boxes_found)
                                                                               : args.boxes_given;
    u64* keys = args.keys + static_cast<long long>(line) * args.pitch;
    if (threadIdx.x == 0) found = 0;
    __syncthreads();
    const float threshold = args.threshold_at ? *args.threshold_at : args.threshold;
    for (int first = 0; first < boxes; first += kThreads) {
        const int box = first + threadIdx.x;
        const float score = box < boxes ? to_float(scores[box]) : 0.0f;
        const bool takes = box < boxes && (!args.has_threshold || score > threshold);
        const u32 taking = __ballot_sync(~0u, takes), lane = threadIdx.x & 31;
        int place = 0;
        if (lane == 0) place = atomicAdd(&found, __popc(taking));
        place = __shfl_sync(~0u, place, 0) + __popc(taking & ((1u << lane) - 1));
        if (takes) keys[place] = key_of(score, box);
    }
    __syncthreads();
    const int count = found;
    int padded = 2;
    while (padded < count) padded *= 2;
    for (int i = count + threadIdx.x; i < padded; i += kThreads) keys[i] = 0;
    __syncthreads();
    if (count > 1) sort_line(keys, numbers, padded, args.sorted);
    if (threadIdx.x == 0) args.candidates[line] = count;
}

struct Corners {
    double low[2], high[2];
};

/// Corners in the order of the axes; where boxes are given by their centres, the smallest ones in f32 that hold them,
/// and centre and extent as they are.
template <bool centred>
struct BoxOf {
    float low[2], high[2];
};
template <>
struct BoxOf<true> {
    float low[2], high[2], given[4];
};
using Box = BoxOf<kCentred != 0>;
static_assert(sizeof(Box) == (kCentred ? 32 : 16), "as the host allots memory");

DEVICE Corners corners(const BoxOf<false>& box) { return {{box.low[0], box.low[1]}, {box.high[0], box.high[1]}}; }

DEVICE Corners corners(const BoxOf<true>& box) {
    Corners result;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        const double half = __dmul_rn(box.given[i + 2], 0.5), centre = box.given[i];
        const double a = __dsub_rn(centre, half), b = __dadd_rn(centre, half);
        result.low[i] = fmin(a, b);
        result.high[i] = fmax(a, b);
    }
    return result;
}

DEVICE void set(BoxOf<false>& box, const float (&numbers)[4]) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        box.low[i] = fminf(numbers[i], numbers[i + 2]);
        box.high[i] = fmaxf(numbers[i], numbers[i + 2]);
    }
}

DEVICE void set(BoxOf<true>& box, const float (&numbers)[4]) {
#pragma unroll
    for (int i = 0; i < 4; ++i) box.given[i] = numbers[i];
    const Corners exact = corners(box);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        box.low[i] = __double2float_rd(exact.low[i]);
        box.high[i] = __double2float_ru(exact.high[i]);
    }
}

DEVICE Box load_box(const SuppressionArgs& args, int line, u64 key) {
    const Element* source = static_cast<const Element*>(args.boxes) +
                            (static_cast<long long>(line / args.classes) * args.boxes_given + box_of(key)) * 4;
    float numbers[4];
#pragma unroll
    for (int i = 0; i < 4; ++i) numbers[i] = to_float(source[i]);
    Box box;
    set(box, numbers);
    return box;
}

DEVICE double area(const Corners& box) {
    return __dmul_rn(__dsub_rn(box.high[0], box.low[0]), __dsub_rn(box.high[1], box.low[1]));
}

/// Whether the intersection of two boxes is not empty, for certain where the answer is no.
DEVICE bool touch(const Box& a, const Box& b) {
    return fminf(a.high[0], b.high[0]) > fmaxf(a.low[0], b.low[0]) &&
           fminf(a.high[1], b.high[1]) > fmaxf(a.low[1], b.low[1]);
}

/// Whether the intersection of two boxes is more than `overlap` of their union.
DEVICE bool exceeds(const Box& a, const Box& b, double overlap) {
    const Corners x = corners(a), y = corners(b);
    double side[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) side[i] = fmax(0.0, __dsub_rn(fmin(x.high[i], y.high[i]), fmax(x.low[i], y.low[i])));
    const double intersection = __dmul_rn(side[0], side[1]);
    const double total = __dsub_rn(__dadd_rn(area(x), area(y)), intersection);
    return (intersection > 0 && total > 0 ? __ddiv_rn(intersection, total) : 0.0) > overlap;
}
DEVICE bool overlaps(const Box& a, const Box& b, double overlap) {
    return (touch(a, b) || overlap < 0) && exceeds(a, b, overlap);
}

/// Whether one of so many boxes overlaps `box`.
DEVICE bool any_overlaps(const Box& box, const Box* others, int count, double overlap) {
    constexpr int kAtOnce = 4;
    for (int first = 0; first < count; first += kAtOnce) {
        u32 worth = 0;
#pragma unroll
        for (int i = 0; i < kAtOnce; ++i)
            if (first + i < count && (touch(box, others[first + i]) || overlap < 0)) worth |= 1u << i;
        for (; worth; worth &= worth - 1)
            if (exceeds(box, others[first + __ffs(worth) - 1], overlap)) return true;
    }
    return false;
}

DEVICE double overlap_of(const SuppressionArgs& args) { return args.overlap_at ? *args.overlap_at : args.overlap; }

/// A thread's word of the masks: blockIdx.x numbers tiles of kThreads candidates, .y words, .z lines.
extern "C" __global__ void __launch_bounds__(kThreads) masks(const __grid_constant__ SuppressionArgs args) {
    await_predecessors();
    release_successors();
    __shared__ Box others[32];
    const int line = blockIdx.z, word = blockIdx.y, count = args.candidates[line];
    const int candidate = blockIdx.x * kThreads + threadIdx.x;
    if (blockIdx.x * kThreads >= count || word * 32 >= (blockIdx.x + 1) * kThreads || word * 32 >= count) return;
    const u64* keys = args.keys + static_cast<long long>(line) * args.pitch;
    if (threadIdx.x < 32 && word * 32 + threadIdx.x < count)
        others[threadIdx.x] = load_box(args, line, keys[word * 32 + threadIdx.x]);
    __syncthreads();
    const double overlap = overlap_of(args);
    if (candidate >= count || candidate < word * 32) return;
    const Box box = load_box(args, line, keys[candidate]);
    const int last = candidate - word * 32 < 32 ? candidate - word * 32 : 32;
    u32 bits = 0;
    for (int i = 0; i < last; ++i)
        if (overlaps(box, others[i], overlap)) bits |= 1u << i;
    args.masks[(static_cast<long long>(line) * args.mask_words + word) * args.boxes_given + candidate] = bits;
}

/// One line: groups of kThreads candidates, a thread for each. Those that a box kept before overlaps are out; of the
/// others, one is kept as soon as all that overlap it and come before are out, and out as soon as one of them is kept.
extern "C" __global__ void __launch_bounds__(kThreads) suppress(const __grid_constant__ SuppressionArgs args) {
    await_predecessors();
    release_successors();
    extern __shared__ __align__(16) u32 all_taken[];  // of kMasks
    __shared__ u32 open[kWords], taken[kWords], next_open[kWords], next_taken[kWords];
    __shared__ Box group[kMasks ? 1 : kThreads];
    const int line = blockIdx.x, count = args.candidates[line];
    const int word = threadIdx.x / 32;
    const u32 bit = 1u << (threadIdx.x & 31);
    const u64* keys = args.keys + static_cast<long long>(line) * args.pitch;
    int* kept = args.kept + static_cast<long long>(line) * args.most;
    Box* kept_boxes = reinterpret_cast<Box*>(args.kept_boxes) + static_cast<long long>(line) * args.most;
    const double overlap = overlap_of(args);
    const long long asked = args.limit_at ? *args.limit_at : args.limit;
    const int limit = asked < 0 ? 0 : asked < args.most ? static_cast<int>(asked) : args.most;
    int total = 0;
    for (int first = 0; first < count && total < limit; first += kThreads) {
        const int candidate = first + threadIdx.x;
        const bool here = candidate < count;
        if (threadIdx.x < kWords) {
            open[threadIdx.x] = taken[threadIdx.x] = 0;
            next_open[threadIdx.x] = next_taken[threadIdx.x] = 0;
        }
        Box box;
        if constexpr (!kMasks)
            if (here) group[threadIdx.x] = box = load_box(args, line, keys[candidate]);
        __syncthreads();
        bool alive = here;
        const u32* mask = args.masks + static_cast<long long>(line) * args.mask_words * args.boxes_given + candidate;
        if constexpr (kMasks) {
            for (int i = 0; alive && i < first / 32; i += kWords) {
                u32 hit = 0;
#pragma unroll
                for (int w = 0; w < kWords; ++w)
                    hit |= mask[static_cast<long long>(i + w) * args.boxes_given] & all_taken[i + w];
                alive = !hit;
            }
        } else {
            alive = here && !any_overlaps(box, kept_boxes, total, overlap);
        }
        if (alive) atomicOr(&open[word], bit);
        __syncthreads();
        u32 own[kWords];
#pragma unroll
        for (int w = 0; w < kWords; ++w) {
            own[w] = 0;
            if (!alive || w > word) continue;
            if constexpr (kMasks) {
                own[w] = mask[static_cast<long long>(first / 32 + w) * args.boxes_given];
            } else {
                const u32 worth = w == word ? open[w] & (bit - 1) : open[w];
                for (u32 rest = worth; rest; rest &= rest - 1) {
                    const int i = __ffs(rest) - 1;
                    if (overlaps(box, group[w * 32 + i], overlap)) own[w] |= 1u << i;
                }
            }
        }
        for (bool any = true; any;) {
            bool waits = false, hit = false;
            if (alive) {
#pragma unroll
                for (int w = 0; w < kWords; ++w) {
                    hit = hit || (own[w] & taken[w]);
                    waits = waits || (own[w] & open[w]);
                }
                if (hit)
                    alive = false;
                else if (!waits)
                    atomicOr(&next_taken[word], bit);
                else
                    atomicOr(&next_open[word], bit);
            }
            __syncthreads();
            any = false;
            for (int w = 0; w < kWords; ++w) any = any || next_open[w];
            if (threadIdx.x < kWords) {
                taken[threadIdx.x] |= next_taken[threadIdx.x];
                open[threadIdx.x] = next_open[threadIdx.x];
            }
            if (alive && !waits) alive = false;
            __syncthreads();
            if (threadIdx.x < kWords) next_open[threadIdx.x] = next_taken[threadIdx.x] = 0;
            __syncthreads();
        }
        int place = total, more = 0;
        for (int w = 0; w < kWords; ++w) {
            if (w < word) place += __popc(taken[w]);
            more += __popc(taken[w]);
        }
        place += __popc(taken[word] & (bit - 1));
        if ((taken[word] & bit) && place < limit) {
            kept[place] = box_of(keys[candidate]);
            if constexpr (!kMasks) kept_boxes[place] = box;
        }
        if constexpr (kMasks)
            if (threadIdx.x < kWords) all_taken[first / 32 + threadIdx.x] = taken[threadIdx.x];
        total = total + more < limit ? total + more : limit;
        __syncthreads();
    }
    if (threadIdx.x == 0) args.kept_count[line] = total;
}

/// A block writes the rows of its line, and its share of the zeros behind all rows.
extern "C" __global__ void __launch_bounds__(kThreads) rows(const __grid_constant__ SuppressionArgs args) {
    await_predecessors();
    release_successors();
    __shared__ int before, all;
    const int line = blockIdx.x;
    if (threadIdx.x == 0) before = all = 0;
    __syncthreads();
    int sum = 0, whole = 0;
    for (int i = threadIdx.x; i < args.lines; i += kThreads) {
        whole += args.kept_count[i];
        if (i < line) sum += args.kept_count[i];
    }
    atomicAdd(&before, sum);
    atomicAdd(&all, whole);
    __syncthreads();
    const int* kept = args.kept + static_cast<long long>(line) * args.most;
    for (int i = threadIdx.x; i < args.kept_count[line]; i += kThreads) {
        long long* row = args.output + 3ll * (before + i);
        row[0] = line / args.classes;
        row[1] = line % args.classes;
        row[2] = kept[i];
    }
    for (long long i = 3ll * all + static_cast<long long>(line) * kThreads + threadIdx.x; i < 3 * args.rows;
         i += static_cast<long long>(args.lines) * kThreads)
        args.output[i] = 0;
    if (line == 0 && threadIdx.x == 0) *args.count = all;
}
