// Attention, softmax(scale · Q Kᵀ + mask) V: one head and one tile of queries a block, on tensor cores. Keys and values
// come in steps, by asynchronous copies several stages deep; the warps share them out, each with a running maximum, sum
// and result of its own, and so do the blocks of a cluster; at the end the parts are added up in a fixed order. The
// host writes the constants in front:
//   In                     element type
//   kRowWarps, kFragments  queries of a block: kRowWarps warps of 16 · kFragments
//   kKeyWarps, kWarpKeys   keys of a step: kKeyWarps warps of kWarpKeys
//   kStages                steps in shared memory
//   kBlocks                blocks that a processor's registers should suffice for
//   kSplit                 blocks of one cluster that share the keys
//   kSize, kValueSize      head sizes of queries and keys, and of values
//   kPieceQ, kPieceK, kPieceV  bytes per asynchronous copy: 16, 8, 4 or 2
//   kPasses                f32 only: 1 = TF32, 3 = TF32 with the rounding errors multiplied as well
//   kMask, Mask            whether there is a mask; its element type
//   kWindow, kCap          whether args.left and args.right, and args.cap, count
//   kEarly                 whether scores are scaled before their maximum is taken; else args.scale is positive
//   kWidth                 output elements that one thread stores at once

DEVICE Fragment load_queries(u32 queries, int f, int k) {
    Fragment q;
    load_matrices(q.bits, queries + (f * 16 + threadIdx.x % 16) * kDepthPitch + (2 * k + threadIdx.x % 32 / 16) * 16);
    round(q);
    return q;
}

/// One warp's queries: their part of Q, and what they have seen of keys and values.
struct Queries {
    float results[kFragments][kColumnTiles][4] = {};
    float sums[kFragments][4] = {};  // of the weights as the products with the values round them; elements 0 and 2
    // By fragment and its upper and lower rows.
    float maximum[kFragments][2], base[kFragments][2] = {};
    float unit;  // of a score, in powers of two

    DEVICE explicit Queries(float scale) : unit(scale) {
#pragma unroll
        for (int f = 0; f < kFragments; ++f)
            for (int h = 0; h < 2; ++h) maximum[f][h] = minus_infinity();
    }

    /// Takes the larger maximum: what was summed up shrinks by the difference.
    DEVICE void raise(int f, int h, float larger) {
        larger = fmaxf(larger, __shfl_xor_sync(0xffffffff, larger, 1));
        larger = fmaxf(larger, __shfl_xor_sync(0xffffffff, larger, 2));
        larger = fmaxf(larger, maximum[f][h]);
        const float next = larger == minus_infinity() ? 0 : larger * unit;
        const float factor = maximum[f][h] == minus_infinity() ? 0 : exp2_fast(base[f][h] - next);
        base[f][h] = next;
        maximum[f][h] = larger;
        sums[f][2 * h] *= factor;
#pragma unroll
        for (int n = 0; n < kColumnTiles; ++n) {
            results[f][n][2 * h] *= factor;
            results[f][n][2 * h + 1] *= factor;
        }
    }

    /// Turns scores into weights.
    DEVICE void weigh(float (&scores)[kFragments][kKeyTiles][4]) {
        float largest[kFragments][2];
        bool above = false;
#pragma unroll
        for (int f = 0; f < kFragments; ++f)
#pragma unroll
            for (int h = 0; h < 2; ++h) {
                largest[f][h] = fmaxf(scores[f][0][2 * h], scores[f][0][2 * h + 1]);
#pragma unroll
                for (int n = 1; n < kKeyTiles; ++n)
                    largest[f][h] = fmaxf(largest[f][h], fmaxf(scores[f][n][2 * h], scores[f][n][2 * h + 1]));
                const float slack = maximum[f][h] == minus_infinity() ? minus_infinity() : kSlack;
                above = above || fmaf(largest[f][h], unit, -base[f][h]) > slack;
            }
        if (__any_sync(0xffffffff, above))
#pragma unroll
            for (int f = 0; f < kFragments; ++f)
#pragma unroll
                for (int h = 0; h < 2; ++h) raise(f, h, largest[f][h]);
#pragma unroll
        for (int f = 0; f < kFragments; ++f)
#pragma unroll
            for (int n = 0; n < kKeyTiles; ++n)
#pragma unroll
                for (int e = 0; e < 4; ++e) scores[f][n][e] = exp2_fast(fmaf(scores[f][n][e], unit, -base[f][e / 2]));
    }

    /// Adds the values by their weights. In f32 the keys stand in another order within groups of eight, the one in
    /// which the products leave them: 0, 2, 4, 6, 1, 3, 5, 7.
    DEVICE void multiply_values(const float (&weights)[kFragments][kKeyTiles][4], u32 values) {
        const int lane = threadIdx.x % 32, within = lane % 8, matrix = lane / 8;
        constexpr int kTilesPerStep = kElement == 4 ? 1 : 2;
#pragma unroll
        for (int k = 0; k < kKeyTiles; k += kTilesPerStep) {
            Fragment a[kFragments];
#pragma unroll
            for (int f = 0; f < kFragments; ++f) {
#pragma unroll
                for (int i = 0; i < 4; ++i) {
                    const float(&w)[4] = weights[f][k + (kElement == 4 ? 0 : i >> 1)];
                    if constexpr (kElement == 4)
                        a[f].bits[i] = __float_as_uint(w[(i & 1) * 2 + (i >> 1)]);
                    else
                        a[f].bits[i] = packed(w[(i & 1) * 2], w[(i & 1) * 2 + 1], In());
                }
                round(a[f]);
                const u32 one = packed(1, 1, In());
                multiply(sums[f], a[f].bits, one, one, In());
                if constexpr (kElement == 4 && kPasses == 3) multiply(sums[f], a[f].rest, one, one, In());
            }
#pragma unroll
            for (int n = 0; n < kColumnTiles; n += kTilesPerStep) {
                Fragment b;
                if constexpr (kElement == 4) {
#pragma unroll
                    for (int i = 0; i < 2; ++i)
                        b.bits[i] =
                            load_word(values + (k * 8 + lane % 4 * 2 + i) * kValuePitch + (n * 8 + lane / 4) * 4);
                    b.bits[2] = b.bits[3] = 0;
                } else {
                    load_transposed(
                        b.bits, values + (k * 8 + within + (matrix & 1) * 8) * kValuePitch + (n + (matrix >> 1)) * 16);
                }
                round(b);
#pragma unroll
                for (int f = 0; f < kFragments; ++f)
#pragma unroll
                    for (int i = 0; i < kTilesPerStep; ++i) multiply(results[f][n + i], a[f], b, i);
            }
        }
    }
};

using QueryFragments = Fragment[kKeepQueries ? kDepthSteps : 1][kFragments];

/// Scores of the warp's queries with kWarpKeys keys.
DEVICE void multiply_keys(float (&scores)[kFragments][kKeyTiles][4], QueryFragments& kept, u32 queries, u32 keys) {
    const int lane = threadIdx.x % 32, within = lane % 8, matrix = lane / 8;
#pragma unroll
    for (int k = 0; k < kDepthSteps; ++k) {
        Fragment(&q)[kFragments] = kept[kKeepQueries ? k : 0];
        if constexpr (!kKeepQueries)
#pragma unroll
            for (int f = 0; f < kFragments; ++f) q[f] = load_queries(queries, f, k);
#pragma unroll
        for (int n = 0; n < kKeyTiles; n += 2) {
            Fragment b;
            load_matrices(b.bits,
                          keys + (n * 8 + within + (matrix >> 1) * 8) * kDepthPitch + (2 * k + (matrix & 1)) * 16);
            round(b);
#pragma unroll
            for (int f = 0; f < kFragments; ++f) {
                multiply(scores[f][n], q[f], b, 0);
                multiply(scores[f][n + 1], q[f], b, 1);
            }
        }
    }
}

/// What an element of the mask adds to a score. Finite numbers stay finite in powers of two.
template <class M>
DEVICE float bias(M mask) {
    const float added = to_float(mask);
    return added == minus_infinity() ? added : fmaxf(added, -1e38f);
}
DEVICE float bias(unsigned char mask) { return mask ? 0 : minus_infinity(); }

/// What masks, windows and the end of the keys make of the scores. `query` and `key` are the first ones of the warp.
DEVICE void adjust(float (&scores)[kFragments][kKeyTiles][4], const AttentionArgs& args, int query, int key, int end) {
    if (!kEarly && !kWindow && key + kWarpKeys <= end) return;
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int f = 0; f < kFragments; ++f)
#pragma unroll
        for (int n = 0; n < kKeyTiles; ++n)
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                const int q = query + f * 16 + lane / 4 + e / 2 * 8, k = key + n * 8 + lane % 4 * 2 + e % 2;
                float s = scores[f][n][e];
                if constexpr (kEarly) {
                    s *= args.scale;
                    if constexpr (kCap) s = args.cap * tanhf(s / args.cap);
                }
                bool seen = k < end;
                if constexpr (kWindow) seen = seen && k >= q - args.left && k <= q + args.right;
                if constexpr (kMask != 0) {
                    seen = seen && k < args.mask_keys;
                    const Mask* row = static_cast<const Mask*>(args.mask) +
                                      blockIdx.z / kSplit * args.mask_steps.batch + blockIdx.y * args.mask_steps.head +
                                      min(q, args.queries - 1) * args.mask_steps.row;
                    if (seen) s += bias(row[k]);
                }
                scores[f][n][e] = !seen ? minus_infinity() : kEarly ? s * kLog2e : s;
            }
}

/// Writes what one warp has seen to shared memory.
DEVICE void publish(const Queries& state, float* results, float2* seen, int first_row, int key_warp) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int f = 0; f < kFragments; ++f)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            const int row = key_warp * kRows + first_row + f * 16 + lane / 4 + h * 8;
#pragma unroll
            for (int n = 0; n < kColumnTiles; ++n)
                *reinterpret_cast<float2*>(results + row * kSumPitch + n * 8 + lane % 4 * 2) =
                    make_float2(state.results[f][n][2 * h], state.results[f][n][2 * h + 1]);
            if (lane % 4 == 0) seen[row] = make_float2(state.maximum[f][h] * state.unit, state.sums[f][2 * h]);
        }
}

/// Reads floats from address `local` of the shared memory of block `block` of the cluster.
template <int N>
DEVICE void load_from_block(float (&x)[N], u32 local, int block) {
#if __CUDA_ARCH__ >= 900
    u32 remote;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(remote) : "r"(local), "r"(block));
    if constexpr (N % 4 == 0) {
#pragma unroll
        for (int i = 0; i < N; i += 4)
            asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];"
                         : "=f"(x[i]), "=f"(x[i + 1]), "=f"(x[i + 2]), "=f"(x[i + 3])
                         : "r"(remote + 4 * i)
                         : "memory");
    } else {
#pragma unroll
        for (int i = 0; i < N; ++i)
            asm volatile("ld.shared::cluster.f32 %0, [%1];" : "=f"(x[i]) : "r"(remote + 4 * i) : "memory");
    }
#endif
}

/// Loads floats that lie at `place` in the shared memory of a block of the cluster.
template <int N>
DEVICE void load_part(float (&x)[N], const void* place, int block) {
    if constexpr (kSplit == 1)
        load_vector(x, static_cast<const float*>(place));
    else
        load_from_block(x, shared_address(place), block);
}

/// Adds the parts of one vector of the result: `results` and `seen` are this block's, kRows a warp of keys.
DEVICE void add_parts(float (&x)[kWidth], const float* results, const float2* seen, int row, int column) {
    float maxima[kParts], sums[kParts], maximum = minus_infinity(), total = 0;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
        float part_sum[2];
        load_part(part_sum, seen + part % kKeyWarps * kRows + row, part / kKeyWarps);
        maxima[part] = part_sum[0];
        sums[part] = part_sum[1];
        maximum = fmaxf(maximum, maxima[part]);
    }
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] = 0;
#pragma unroll
    for (int part = 0; part < kParts; ++part) {
        const float factor = maxima[part] == minus_infinity() ? 0 : exp2_fast(maxima[part] - maximum);
        total += factor * sums[part];
        float y[kWidth];
        load_part(y, results + (part % kKeyWarps * kRows + row) * kSumPitch + column, part / kKeyWarps);
#pragma unroll
        for (int i = 0; i < kWidth; ++i) x[i] += factor * y[i];
    }
    const float inverse = total == 0 ? 0 : 1 / total;
#pragma unroll
    for (int i = 0; i < kWidth; ++i) x[i] *= inverse;
}

/// Writes the block's share of the rows.
DEVICE void store_sums(const AttentionArgs& args, const float* results, const float2* seen) {
    constexpr int kVectors = kValueSize / kWidth, kOwnRows = kRows / kSplit;
    const int first = blockIdx.x * kRows;
    In* output = static_cast<In*>(args.output) + blockIdx.z / kSplit * args.output_steps.batch +
                 blockIdx.y * args.output_steps.head;
#pragma unroll
    for (int pass = 0; pass < (kOwnRows * kVectors + kThreads - 1) / kThreads; ++pass) {
        const int i = threadIdx.x + pass * kThreads;
        const int row = blockIdx.z % kSplit * kOwnRows + i / kVectors, column = i % kVectors * kWidth;
        if (i >= kOwnRows * kVectors || first + row >= args.queries) break;
        float x[kWidth];
        add_parts(x, results, seen, row, column);
        store_vector(output + (first + row) * args.output_steps.row + column, x);
    }
}

extern "C" __global__ void CLUSTER(kSplit) __launch_bounds__(kThreads, kBlocks) attention(const AttentionArgs args) {
    await_predecessors();
    extern __shared__ __align__(128) char memory[];
    const int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
    const int row_warp = warp % kRowWarps, key_warp = warp / kRowWarps;
    const int head = blockIdx.y, batch = blockIdx.z / kSplit, part = blockIdx.z % kSplit;
    const int first_query = blockIdx.x * kRows;
    const u32 shared = shared_address(memory);
    int first_key = 0, end_key = args.keys;
    if constexpr (kWindow) {
        first_key = max(first_query - args.left, 0) / kKeys * kKeys;
        end_key = min(end_key, first_query + kRows + args.right);
    }
    const int steps = max(end_key - first_key + kKeys - 1, 0) / kKeys;
    const int last_key = first_key + (part + 1) * steps / kSplit * kKeys;
    first_key += part * steps / kSplit * kKeys;
    RowLoader<kRows, kSize, kDepthPitch, kPieceQ> query(args.query, args.query_steps, batch, head, first_query);
    RowLoader<kKeys, kSize, kDepthPitch, kPieceK> key(args.key, args.key_steps, batch, head / args.sharing, first_key);
    RowLoader<kKeys, kValueSize, kValuePitch, kPieceV> value(args.value, args.value_steps, batch, head / args.sharing,
                                                             first_key);
    const u32 stages = shared + kQueryBytes;
    const auto next_stage = [&](u32 stage) {
        stage += kStageBytes;
        return stage == stages + kStages * kStageBytes ? stages : stage;
    };
    u32 filled = stages, stage = stages;
    const auto load = [&] {
        if (key.first < last_key) {
            key.load(filled, end_key);
            value.load(filled + kKeys * kDepthPitch, end_key);
        }
        commit();
        filled = next_stage(filled);
    };
    if constexpr (kDepth != kSize) {
        for (int i = threadIdx.x; i < (kQueryBytes + kStages * kStageBytes) / 16; i += kThreads)
            reinterpret_cast<uint4*>(memory)[i] = make_uint4(0, 0, 0, 0);
        __syncthreads();
    }
    query.load(shared, args.queries);
    commit();
#pragma unroll
    for (int i = 0; i < kStages - 1; ++i) load();
    wait_for_copies<kStages - 1>();
    __syncthreads();
    const u32 queries = shared + row_warp * kFragments * 16 * kDepthPitch;
    QueryFragments kept;
    if constexpr (kKeepQueries)
#pragma unroll
        for (int k = 0; k < kDepthSteps; ++k)
#pragma unroll
            for (int f = 0; f < kFragments; ++f) kept[k][f] = load_queries(queries, f, k);

    Queries state(kEarly ? 1.0f : args.scale * kLog2e);
    for (int first = first_key + key_warp * kWarpKeys; first_key < last_key; first_key += kKeys, first += kKeys) {
        wait_for_copies<kStages - 2>();
        __syncthreads();
        load();
        if (first < end_key) {
            float scores[kFragments][kKeyTiles][4] = {};
            multiply_keys(scores, kept, queries, stage + key_warp * kWarpKeys * kDepthPitch);
            adjust(scores, args, first_query + row_warp * kFragments * 16, first, end_key);
            state.weigh(scores);
            state.multiply_values(scores, stage + kKeys * kDepthPitch + key_warp * kWarpKeys * kValuePitch);
        }
        stage = next_stage(stage);
    }
    wait_for_copies<0>();
    release_successors();
    __syncthreads();

    float* results = reinterpret_cast<float*>(memory);
    float2* seen = reinterpret_cast<float2*>(results + kKeyWarps * kRows * kSumPitch);
    publish(state, results, seen, row_warp * kFragments * 16, key_warp);
    if constexpr (kSplit > 1)
        cluster_barrier();
    else
        __syncthreads();

    store_sums(args, results, seen);
    if constexpr (kSplit > 1) cluster_barrier();
}
