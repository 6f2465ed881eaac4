// Types and helpers that every kernel template begins with. No headers: NVRTC needs no toolkit on the user's machine.

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

struct f16 {
    u16 bits;
};
struct bf16 {
    u16 bits;
};

struct i8 {
    signed char bits;
};
struct u8 {
    unsigned char bits;
};
struct e4m3 {
    unsigned char bits;
};

#define DEVICE __device__ __forceinline__

/// Waits for the kernels in front, whose results this one reads and whose memory it writes to. Every kernel calls it, in
/// the threads that touch such memory: the host may have let it start before the kernel in front has ended.
DEVICE void await_predecessors() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}
/// Lets the kernel behind this one start, once all blocks got here.
DEVICE void release_successors() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

DEVICE float to_float(float value) { return value; }
DEVICE float to_float(f16 value) {
    float result;
    asm("cvt.f32.f16 %0, %1;" : "=f"(result) : "h"(value.bits));
    return result;
}
DEVICE float to_float(bf16 value) { return __uint_as_float(static_cast<u32>(value.bits) << 16); }

DEVICE void store(float& target, float value) { target = value; }
DEVICE void store(f16& target, float value) { asm("cvt.rn.f16.f32 %0, %1;" : "=h"(target.bits) : "f"(value)); }
DEVICE void store(bf16& target, float value) { asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(target.bits) : "f"(value)); }

DEVICE void store(i8& target, float value) { target.bits = max(-128, min(127, __float2int_rn(value))); }
DEVICE void store(u8& target, float value) { target.bits = max(0, min(255, __float2int_rn(value))); }
DEVICE void store(e4m3& target, float value) {
    u16 pair;
    asm("cvt.rn.satfinite.e4m3x2.f32 %0, %1, %2;" : "=h"(pair) : "f"(0.0f), "f"(value));
    target.bits = pair;
}

/// N neighbouring elements, loaded and stored at once.
template <class T, int N>
struct alignas(sizeof(T) * N) Vector {
    T v[N];
};

template <int N, class T>
DEVICE void load_vector(float (&x)[N], const T* source) {
    const auto vector = *reinterpret_cast<const Vector<T, N>*>(source);
#pragma unroll
    for (int i = 0; i < N; ++i) x[i] = to_float(vector.v[i]);
}

template <int N, class T>
DEVICE void store_vector(T* target, const float (&x)[N]) {
    Vector<T, N> vector;
#pragma unroll
    for (int i = 0; i < N; ++i) store(vector.v[i], x[i]);
    *reinterpret_cast<Vector<T, N>*>(target) = vector;
}

/// Quotient by a divisor that the host has prepared (`FastDivisor`); exact below 2^31.
struct Divisor {
    u32 multiplier, shift, divisor;
};
DEVICE int divide(int n, const Divisor& d) {
    return static_cast<int>((__umulhi(static_cast<u32>(n), d.multiplier) + static_cast<u32>(n)) >> d.shift);
}

/// Where a pixel of all images stands, by the divisors by an image's pixels and by those of a row.
struct Pixel {
    int image, row, column;
    DEVICE Pixel(int index, const Divisor& pixels, const Divisor& columns) : image(divide(index, pixels)) {
        const int rest = index - image * static_cast<int>(pixels.divisor);
        row = divide(rest, columns);
        column = rest - row * static_cast<int>(columns.divisor);
    }
};

/// Waits for all threads of a cluster of blocks.
DEVICE void cluster_barrier() {
#if __CUDA_ARCH__ >= 900
    asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;" ::: "memory");
#endif
}

/// `own`, which lies in shared memory, in block `block` of the cluster.
template <class T>
DEVICE T* in_block(T* own, int block) {
#if __CUDA_ARCH__ >= 900
    u64 address;
    asm("mapa.u64 %0, %1, %2;" : "=l"(address) : "l"(reinterpret_cast<u64>(own)), "r"(block));
    return reinterpret_cast<T*>(address);
#else
    return own;
#endif
}

/// Of what is not positive, to about 5e-7: by powers near zero, where the difference would be rounded away.
DEVICE float exp_minus_1(float x) {
    return x > -0.0625f ? x * (1 + x * (0.5f + x * (1.0f / 6 + x * (1.0f / 24)))) : __expf(x) - 1.0f;
}
DEVICE float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }
DEVICE float softplus(float x) { return x > 20.0f ? x : log1pf(expf(x)); }
/// By 1 - erf(x) = p(x)^-16 (Abramowitz and Stegun, 7.1.28) to 3e-7: p is of |v| here, and p(x)^16 twice as large.
DEVICE float gelu_erf(float v) {
    const float x = fabsf(v);
    float p = fmaf(5.62129966e-06f, x, 5.1055209e-05f), half;
    p = fmaf(p, x, 3.9686137e-05f);
    p = fmaf(p, x, 0.00342273924f);
    p = fmaf(p, x, 0.0220769985f);
    p = fmaf(p, x, 0.052075163f);
    p = fmaf(p, x, 1.04427378f);
    p *= p;
    p *= p;
    p *= p;
    p *= p;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(half) : "f"(p));
    return v * (v > 0 ? 1 - half : half);
}
DEVICE float gelu_tanh(float x) {
    return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
}
