// Products of small matrices on tensor cores, and reading padded images; for conv.cuh and stem.cuh. Needs kPasses and
// kPad.

DEVICE u32 shared_address(const void* pointer) { return static_cast<u32>(__cvta_generic_to_shared(pointer)); }

DEVICE void load_matrices(u32 (&r)[4], u32 address) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address));
}

DEVICE void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, f16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, bf16) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
DEVICE void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, float) {
    asm("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

DEVICE void multiply(int (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, i8) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// The second factor is i8.
DEVICE void multiply(int (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, u8) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.u8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
/// Needs compute capability 8.9.
DEVICE void multiply(float (&c)[4], const u32 (&a)[4], u32 b0, u32 b1, e4m3) {
    asm("mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e4m3.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// What products of elements of a type are added in.
template <class T>
struct SumOf {
    using type = float;
};
template <>
struct SumOf<i8> {
    using type = int;
};
template <>
struct SumOf<u8> {
    using type = int;
};

/// Writes a warp's 16 rows of sums to shared memory, a row every `pitch` elements; four sums a part of eight columns.
template <int kParts, class Sum>
DEVICE void put_sums(float* target, int pitch, const Sum* sums) {
    const int lane = threadIdx.x % 32;
#pragma unroll
    for (int j = 0; j < kParts; ++j)
#pragma unroll
        for (int half = 0; half < 2; ++half)
            *reinterpret_cast<float2*>(target + (lane / 4 + half * 8) * pitch + j * 8 + lane % 4 * 2) =
                make_float2(static_cast<float>(sums[4 * j + 2 * half]), static_cast<float>(sums[4 * j + 2 * half + 1]));
}

/// The nearest TF32, by the rounding of ties that takes one instruction.
DEVICE u32 to_tf32(float x) {
    u32 bits;
#if __CUDA_ARCH__ >= 900
    asm("cvt.rn.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
#else
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(x));
#endif
    return bits;
}

DEVICE float4 to_tf32(float4 x) {
    return make_float4(__uint_as_float(to_tf32(x.x)), __uint_as_float(to_tf32(x.y)), __uint_as_float(to_tf32(x.z)),
                       __uint_as_float(to_tf32(x.w)));
}

/// Rounds an f32 to TF32; `rest` is what rounding lost, in TF32 as well.
DEVICE u32 rounded(u32 bits, u32& rest) {
    const u32 high = to_tf32(__uint_as_float(bits));
    if constexpr (kPasses == 3) rest = to_tf32(__uint_as_float(bits) - __uint_as_float(high));
    return high;
}

/// Adds a product of f32 factors, each given as TF32 and what that lost. Tensor cores cut off the digits that a sum has no
/// room for, always towards zero: they add up eight products, and the sums are added by rounding.
template <class Sum>
DEVICE void multiply_exactly(Sum (&c)[4], const u32 (&a)[4], const u32 (&a_rest)[4], u32 b0, u32 b1, u32 b_rest0,
                             u32 b_rest1) {
    float part[4] = {};
    multiply(part, a_rest, b0, b1, float());
    multiply(part, a, b_rest0, b_rest1, float());
    multiply(part, a, b0, b1, float());
#pragma unroll
    for (int i = 0; i < 4; ++i) c[i] += part[i];
}

/// The place of padded coordinate `i` in a source of `size` elements; `inside` turns false where zeros are read.
DEVICE int source_place(int i, int size, bool& inside) {
    if constexpr (kPad == 0) inside = inside && static_cast<u32>(i) < static_cast<u32>(size);
    if constexpr (kPad == 1) i = i < 0 ? -i : i >= size ? 2 * size - 2 - i : i;
    if constexpr (kPad == 2) i = min(max(i, 0), size - 1);
    return i;
}
