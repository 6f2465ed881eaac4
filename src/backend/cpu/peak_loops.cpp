#include "backend/cpu/peak_loops.hpp"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstring>

namespace fovea::backend::cpu {
namespace {

/// Independent chains: more than the latency of a multiply-add times the units that start one per cycle.
constexpr int kChains = 12;

/// Keeps the compiler from dropping or reordering work on `value`.
template <class T>
inline void keep(T& value) {
    asm volatile("" : "+m"(value));
}

void portable_f32(std::int64_t count) {
    float sums[kChains * 4] = {}, factor = 0.5f;
    keep(factor);
    for (std::int64_t i = 0; i < count; ++i)
        for (float& sum : sums) sum = sum * factor + factor;
    keep(sums);
}

#if defined(__x86_64__)

struct Features {
    bool avx2_fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    bool avx512_vnni = false, avx512_bf16 = false, avx512_fp16 = false, amx_bf16 = false, amx_int8 = false;

    Features() {
        unsigned a = 0, b = 0, c = 0, d = 0;
        if (!avx512 || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return;
        avx512_vnni = c >> 11 & 1;
        avx512_fp16 = d >> 23 & 1;
        const bool tiles = (d >> 24 & 1) && tiles_permitted();
        amx_bf16 = tiles && (d >> 22 & 1);
        amx_int8 = tiles && (d >> 25 & 1);
        if (__get_cpuid_count(7, 1, &a, &b, &c, &d)) avx512_bf16 = a >> 5 & 1;
    }

    /// Linux hands the tile registers out on request only (arch_prctl ARCH_REQ_XCOMP_PERM, XTILEDATA).
    static bool tiles_permitted() { return ::syscall(SYS_arch_prctl, 0x1023, 18) == 0; }
};

__attribute__((target("avx2,fma"))) void avx2_f32(std::int64_t count) {
    __m256 sums[kChains], factor = _mm256_set1_ps(0.5f);
    for (auto& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) sums[k] = _mm256_fmadd_ps(sums[k], factor, factor);
    keep(sums);
}

__attribute__((target("avx512f"))) void avx512_f32(std::int64_t count) {
    __m512 sums[kChains], factor = _mm512_set1_ps(0.5f);
    for (auto& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) sums[k] = _mm512_fmadd_ps(sums[k], factor, factor);
    keep(sums);
}

__attribute__((target("avx512f,avx512bw,avx512fp16"))) void avx512_f16(std::int64_t count) {
    __m512h sums[kChains], factor = _mm512_castsi512_ph(_mm512_set1_epi16(0x3800));
    for (auto& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) sums[k] = _mm512_fmadd_ph(sums[k], factor, factor);
    keep(sums);
}

__attribute__((target("avx512f,avx512bf16"))) void avx512_bf16(std::int64_t count) {
    __m512 sums[kChains];
    const __m512 half = _mm512_set1_ps(0.5f);
    const __m512bh factor = _mm512_cvtne2ps_pbh(half, half);
    for (auto& sum : sums) sum = half;
    for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) sums[k] = _mm512_dpbf16_ps(sums[k], factor, factor);
    keep(sums);
}

__attribute__((target("avx512f,avx512vnni"))) void avx512_i8(std::int64_t count) {
    __m512i sums[kChains], factor = _mm512_set1_epi32(0x01010101);
    for (auto& sum : sums) sum = factor;
    for (std::int64_t i = 0; i < count; ++i)
#pragma GCC unroll 12
        for (int k = 0; k < kChains; ++k) sums[k] = _mm512_dpbusd_epi32(sums[k], factor, factor);
    keep(sums);
}

/// Full-size tiles: 0 to 3 are sums, 4 to 7 factors.
struct alignas(64) TileShapes {
    std::uint8_t palette = 1, start_row = 0, reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
static_assert(sizeof(TileShapes) == 64);

/// Static: the intrinsic tells the compiler of the first bytes only, so it may not store the rest of a local.
const TileShapes kTileShapes;

__attribute__((target("amx-tile"))) void prepare_tiles() {
    _tile_loadconfig(&kTileShapes);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
}

__attribute__((target("amx-tile,amx-bf16"))) void amx_bf16(std::int64_t count) {
    prepare_tiles();
    for (std::int64_t i = 0; i < count; ++i) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
}

__attribute__((target("amx-tile,amx-int8"))) void amx_i8(std::int64_t count) {
    prepare_tiles();
    for (std::int64_t i = 0; i < count; ++i) {
        _tile_dpbusd(0, 4, 6);
        _tile_dpbusd(1, 4, 7);
        _tile_dpbusd(2, 5, 6);
        _tile_dpbusd(3, 5, 7);
    }
    _tile_release();
}

#endif

}  // namespace

std::vector<PeakLoop> peak_loops() {
    std::vector<PeakLoop> loops = {{DType::f32, 2.0 * kChains * 4, portable_f32}};
#if defined(__x86_64__)
    const Features features;
    constexpr double kTileRows = 16, kTileColumns = 16, kTiles = 4;
    const auto add = [&](bool here, DType type, double operations, void (*run)(std::int64_t)) {
        if (here) loops.push_back({type, operations, run});
    };
    add(features.avx2_fma, DType::f32, 2.0 * kChains * 8, avx2_f32);
    add(features.avx512, DType::f32, 2.0 * kChains * 16, avx512_f32);
    add(features.avx512_fp16, DType::f16, 2.0 * kChains * 32, avx512_f16);
    add(features.avx512_bf16, DType::bf16, 2.0 * kChains * 32, avx512_bf16);
    add(features.avx512_vnni, DType::i8, 2.0 * kChains * 64, avx512_i8);
    add(features.amx_bf16, DType::bf16, 2.0 * kTiles * kTileRows * kTileColumns * 32, amx_bf16);
    add(features.amx_int8, DType::i8, 2.0 * kTiles * kTileRows * kTileColumns * 64, amx_i8);
#endif
    return loops;
}

}  // namespace fovea::backend::cpu
