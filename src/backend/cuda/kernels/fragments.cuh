// Operands of products on tensor cores out of tiles that lie in shared memory either way round. Needs In and mma.cuh.

constexpr int kElement = sizeof(In);

/// A 16x16 part of a half-precision tile or a 16x8 part of an f32 one; as a right operand, two neighbouring parts of
/// eight columns. `rest` holds what rounding f32 to TF32 lost.
struct Fragment {
    u32 bits[4], rest[4];
};

DEVICE void round(Fragment& x) {
    if constexpr (kElement == 4)
#pragma unroll
        for (int i = 0; i < 4; ++i) x.bits[i] = rounded(x.bits[i], x.rest[i]);
}

/// Adds the product with the first (`pair` = 0) or second part of `b`.
DEVICE void multiply(float (&sums)[4], const Fragment& a, const Fragment& b, int pair) {
    if constexpr (kElement == 4 && kPasses == 3) {
        multiply(sums, a.rest, b.bits[2 * pair], b.bits[2 * pair + 1], In());
        multiply(sums, a.bits, b.rest[2 * pair], b.rest[2 * pair + 1], In());
    }
    multiply(sums, a.bits, b.bits[2 * pair], b.bits[2 * pair + 1], In());
}

/// As `load_matrices`, of half-precision matrices that lie the other way round.
DEVICE void load_transposed(u32 (&r)[4], u32 address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

DEVICE u32 load_word(u32 address) {
    u32 value;
    asm volatile("ld.shared.b32 %0, [%1];" : "=r"(value) : "r"(address));
    return value;
}
