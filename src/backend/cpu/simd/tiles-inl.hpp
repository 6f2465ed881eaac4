// Tile registers that multiply bf16 matrices (AMX), and their emulation, for each of Highway's targets.
#if defined(FOVEA_SIMD_TILES_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_TILES_INL
#undef FOVEA_SIMD_TILES_INL
#else
#define FOVEA_SIMD_TILES_INL
#endif

#include <algorithm>
#include <cstring>

#include "backend/cpu/simd/tiles.hpp"
#include "backend/cpu/simd/vector-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Eight registers of up to 16 rows of 64 bytes. `configure` comes first on every thread, `release` last; oneDNN's
/// kernels do the same for theirs. The instructions are written as such because functions for a further instruction
/// set cannot be inlined into Highway's.
#if HWY_TARGET == HWY_AVX3
constexpr bool kTiles = true;
struct NativeTiles {
    static HWY_INLINE void configure(const TileShapes& shapes) { asm volatile("ldtilecfg %0" ::"m"(shapes)); }
    static HWY_INLINE void release() { asm volatile("tilerelease" ::: "memory"); }
    template <int kTile>
    static HWY_INLINE void zero() {
        asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
    }
    /// Rows lie `step` bytes apart.
    template <int kTile>
    static HWY_INLINE void load(const void* from, std::int64_t step) {
        asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(step) : "memory");
    }
    template <int kTile>
    static HWY_INLINE void store(void* to, std::int64_t step) {
        asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(to), "r"(step) : "memory");
    }
    /// kSum (f32) += kLeft (rows of bf16) times kRight (rows of pairs: elements 2r and 2r + 1 of a column in row r).
    template <int kSum, int kLeft, int kRight>
    static HWY_INLINE void multiply_add() {
        asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kLeft), "i"(kRight));
    }
};
#else
constexpr bool kTiles = false;
#endif

/// The same in plain code, for tests on machines without tiles.
class EmulatedTiles {
  public:
    static void configure(const TileShapes& shapes) { state().shapes = shapes; }
    static void release() { state().shapes = {}; }
    template <int kTile>
    static void zero() {
        std::fill_n(state().tiles[kTile], sizeof(Tile) / 4, 0.0f);
    }
    template <int kTile>
    static void load(const void* from, std::int64_t step) {
        State& s = state();
        zero<kTile>();
        for (int row = 0; row < s.shapes.rows[kTile]; row++)
            std::memcpy(s.tiles[kTile] + 16 * row, static_cast<const std::byte*>(from) + row * step,
                        s.shapes.row_bytes[kTile]);
    }
    template <int kTile>
    static void store(void* to, std::int64_t step) {
        State& s = state();
        for (int row = 0; row < s.shapes.rows[kTile]; row++)
            std::memcpy(static_cast<std::byte*>(to) + row * step, s.tiles[kTile] + 16 * row, s.shapes.row_bytes[kTile]);
    }
    template <int kSum, int kLeft, int kRight>
    static void multiply_add() {
        State& s = state();
        for (int row = 0; row < s.shapes.rows[kSum]; row++)
            for (int column = 0; column < s.shapes.row_bytes[kSum] / 4; column++)
                for (int pair = 0; pair < s.shapes.rows[kRight]; pair++)
                    s.tiles[kSum][16 * row + column] +=
                        pair_product(s.tiles[kLeft][16 * row + pair], s.tiles[kRight][16 * pair + column]);
    }

  private:
    using Tile = float[256];
    struct State {
        TileShapes shapes;
        Tile tiles[8];
    };
    static State& state() {
        static thread_local State instance;
        return instance;
    }
    static float pair_product(float a, float b) {
        const auto x = std::bit_cast<std::uint32_t>(a), y = std::bit_cast<std::uint32_t>(b);
        const auto high = [](std::uint32_t bits) { return std::bit_cast<float>(bits & 0xFFFF0000u); };
        return high(x << 16) * high(y << 16) + high(x) * high(y);
    }
};

/// Calls `f` with the tiles of this machine, else with their emulation.
template <class Function>
HWY_INLINE void with_tiles(const Function& f) {
#if HWY_TARGET == HWY_AVX3
    if (machine_has_tiles()) return f(NativeTiles());
#endif
    f(EmulatedTiles());
}

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
