// Sizes of a tile of attention.cuh, and the copies that fill it. Needs the constants listed there.

constexpr int kThreads = 32 * kRowWarps * kKeyWarps;
constexpr int kRows = 16 * kFragments * kRowWarps, kKeys = kKeyWarps * kWarpKeys;
constexpr int round_up(int n) { return (n + 32 / kElement - 1) / (32 / kElement) * (32 / kElement); }
constexpr int kDepth = round_up(kSize), kColumns = round_up(kValueSize);
// An odd number of 16-byte chunks: eight rows of one chunk lie in different banks.
constexpr int kDepthPitch = kDepth * kElement + 16, kValuePitch = kColumns * kElement + 16;
constexpr int kQueryBytes = kRows * kDepthPitch, kStageBytes = kKeys * (kDepthPitch + kValuePitch);
constexpr int kDepthSteps = kDepth * kElement / 32;
constexpr int kKeyTiles = kWarpKeys / 8, kColumnTiles = kColumns / 8;
constexpr int kSumPitch = kColumns + 8;
constexpr int kParts = kSplit * kKeyWarps;
// Few fragments of Q stay in registers.
constexpr bool kKeepQueries = kFragments * kDepthSteps * kPasses <= 8;
constexpr float kLog2e = 1.4426950408889634f;
constexpr float kSlack = 8;  // powers of two that a score may exceed the running maximum by

DEVICE float minus_infinity() { return __int_as_float(0xff800000); }
DEVICE float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

DEVICE u32 packed(float low, float high, f16) {
    u32 r;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
DEVICE u32 packed(float low, float high, bf16) {
    u32 r;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
    return r;
}
DEVICE u32 packed(float low, float, float) { return __float_as_uint(low); }

/// Copies rows of a sequence to shared memory, `kCount` at a time.
template <int kCount, int kLength, int kPitch, int kPiece>
struct RowLoader {
    static constexpr int kPieces = kLength * kElement / kPiece;  // per row
    static constexpr bool kEven = kThreads % kPieces == 0;       // each thread copies the same piece of its rows
    const char* source;
    long long step;  // bytes from row to row
    int first;       // row of the next tile

    DEVICE RowLoader(const void* tensor, const AttentionSteps& steps, int batch, int head, int row)
        : source(reinterpret_cast<const char*>(static_cast<const In*>(tensor) + batch * steps.batch +
                                               head * steps.head + row * steps.row)),
          step(steps.row * kElement),
          first(row) {
        if constexpr (kEven) source += threadIdx.x / kPieces * step + threadIdx.x % kPieces * kPiece;
    }

    /// The next tile; zeros from row `limit` on.
    DEVICE void load(u32 target, int limit) {
#pragma unroll
        for (int i = 0; i < (kCount * kPieces + kThreads - 1) / kThreads; ++i) {
            const int place = threadIdx.x + i * kThreads, row = place / kPieces, piece = place % kPieces;
            if (kCount * kPieces % kThreads != 0 && row >= kCount) break;
            const char* from = source + (kEven ? i * (kThreads / kPieces) * step : row * step + piece * kPiece);
            copy_async<kPiece>(target + row * kPitch + piece * kPiece, from, first + row < limit);
        }
        source += kCount * step;
        first += kCount;
    }
};
