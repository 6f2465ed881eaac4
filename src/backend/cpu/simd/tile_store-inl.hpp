// The epilogue of products on tile registers, run in small portions beside the next product, for each of Highway's
// targets.
#if defined(FOVEA_SIMD_TILE_STORE_INL) == defined(HWY_TARGET_TOGGLE)
#ifdef FOVEA_SIMD_TILE_STORE_INL
#undef FOVEA_SIMD_TILE_STORE_INL
#else
#define FOVEA_SIMD_TILE_STORE_INL
#endif

#include "backend/cpu/simd/epilogue-inl.hpp"

HWY_BEFORE_NAMESPACE();
namespace fovea::backend::cpu::simd::HWY_NAMESPACE {

/// Pixels of up to 32 channels whose sums are complete but not stored: vectors are free while tiles multiply.
template <class T>
class PendingPixels {
  public:
    static constexpr int kMost = 64;

    explicit PendingPixels(const Epilogue& epilogue) : epilogue_(epilogue), clamps_(Clamp::fits(epilogue)) {}

    /// Starts a list, when the one before is finished; channels [channel, channel + channels).
    void start(std::int64_t channel, std::int64_t channels) {
        count_ = done_ = 0;
        channels_ = channels;
        for (std::int64_t i = 0; i < channels; i++) bias_[i] = epilogue_.bias ? epilogue_.bias[channel + i] : 0;
    }
    HWY_INLINE void add(const float* sums, T* output, const T* residual) {
        pixels_[count_++] = {sums, output, residual};
        if (residual) __builtin_prefetch(residual);
    }
    /// Of the pixels not finished yet, so many finish the list in `steps` portions.
    [[nodiscard]] int portion(std::int64_t steps) const {
        const std::int64_t pixels = (count_ - done_ + steps - 1) / steps;
        return static_cast<int>(clamps_ ? pixels : (pixels + kBatch - 1) / kBatch * kBatch);
    }
    HWY_INLINE void finish(int pixels) {
        const Pixel *p = pixels_ + done_, *end = pixels_ + std::min(done_ + pixels, count_);
        done_ = static_cast<int>(end - pixels_);
        if (clamps_ && channels_ == kWhole)
            finish_whole<kWhole>(p, end);
        else if (clamps_ && channels_ == kWhole / 2)
            finish_whole<kWhole / 2>(p, end);
        else
            finish_any(p, end);
    }
    void finish_all() { finish(count_); }

  private:
    static constexpr std::int64_t kWhole = 32;
    static constexpr int kBatch = 8;  ///< pixels whose slow activations run side by side
    struct Pixel {
        const float* sums;
        T* output;
        const T* residual;
    };

    template <std::size_t kChannels>
    HWY_INLINE void finish_whole(const Pixel* p, const Pixel* end) const {
        constexpr std::size_t kVectors = kChannels / lanes();
        const F32 d;
        const Clamp clamp(epilogue_);
        Vec bias[kVectors];
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kVectors; i++) bias[i] = hn::Load(d, bias_ + i * lanes());
        for (; p < end; p++) {
            const float* sums = p->sums;
            const T* residual = p->residual;
            T* output = p->output;
#pragma GCC unroll 8
            for (std::size_t i = 0; i < kVectors; i++) {
                Vec value = hn::Add(hn::Load(d, sums + i * lanes()), bias[i]);
                if (residual) value = hn::Add(value, load(residual + i * lanes()));
                store(clamp(value), output + i * lanes());
            }
        }
    }

    HWY_NOINLINE void finish_any(const Pixel* p, const Pixel* end) const {
        const F32 d;
        for (; p < end; p += kBatch) {
            const std::size_t pixels = static_cast<std::size_t>(std::min<std::ptrdiff_t>(kBatch, end - p));
            for (std::int64_t i = 0; i < channels_; i += lanes()) {
                const auto count = static_cast<std::size_t>(channels_ - i);
                Vec values[kBatch];
                for (std::size_t k = 0; k < pixels; k++) {
                    values[k] = hn::Add(hn::Load(d, p[k].sums + i), hn::Load(d, bias_ + i));
                    if (p[k].residual) values[k] = hn::Add(values[k], load_some(p[k].residual + i, count));
                }
                activate(epilogue_.activation, epilogue_.alpha, epilogue_.beta, values, pixels);
                for (std::size_t k = 0; k < pixels; k++) store_some(values[k], p[k].output + i, count);
            }
        }
    }

    const Epilogue& epilogue_;
    bool clamps_;
    int count_ = 0, done_ = 0;
    std::int64_t channels_ = 0;
    HWY_ALIGN float bias_[kWhole] = {};
    Pixel pixels_[kMost];
};

}  // namespace fovea::backend::cpu::simd::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
