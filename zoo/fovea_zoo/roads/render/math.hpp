#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

// Vectors, random numbers, noise and elementary functions. Everything here gives the same bits on every machine: only
// +, -, *, / and sqrt of IEEE 754 are used, because the C library's sin, exp and pow differ between versions.
namespace roads {

struct Vec3 {
    float x = 0, y = 0, z = 0;
};

inline Vec3 operator+(Vec3 a, Vec3 b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
inline Vec3 operator-(Vec3 a, Vec3 b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
inline Vec3 operator-(Vec3 a) { return {-a.x, -a.y, -a.z}; }
inline Vec3 operator*(Vec3 a, Vec3 b) { return {a.x * b.x, a.y * b.y, a.z * b.z}; }
inline Vec3 operator*(Vec3 a, float s) { return {a.x * s, a.y * s, a.z * s}; }
inline Vec3& operator+=(Vec3& a, Vec3 b) { return a = a + b; }
inline float dot(Vec3 a, Vec3 b) { return a.x * b.x + a.y * b.y + a.z * b.z; }
inline Vec3 cross(Vec3 a, Vec3 b) { return {a.y * b.z - a.z * b.y, a.z * b.x - a.x * b.z, a.x * b.y - a.y * b.x}; }
inline float length(Vec3 a) { return std::sqrt(dot(a, a)); }
inline Vec3 normalized(Vec3 a) { return a * (1.0f / std::max(length(a), 1e-12f)); }
inline Vec3 mix(Vec3 a, Vec3 b, float w) { return a * (1 - w) + b * w; }
inline float mix(float a, float b, float w) { return a * (1 - w) + b * w; }
inline float clamp01(float v) { return v < 0 ? 0 : v > 1 ? 1 : v; }
inline float smooth(float low, float high, float v) {
    const float w = clamp01((v - low) / (high - low));
    return w * w * (3 - 2 * w);
}

/// Rows are the axes of a local frame in world coordinates: `m * v` goes from world to local, `back(v)` the other way.
struct Mat3 {
    Vec3 x{1, 0, 0}, y{0, 1, 0}, z{0, 0, 1};
    Vec3 operator*(Vec3 v) const { return {dot(x, v), dot(y, v), dot(z, v)}; }
    Vec3 back(Vec3 v) const { return x * v.x + y * v.y + z * v.z; }
    /// The frame whose axes are given in this frame's coordinates by `m`.
    Mat3 child(const Mat3& m) const { return {back(m.x), back(m.y), back(m.z)}; }
};

/// A frame with local z along `axis` (unit) and any x and y.
inline Mat3 frame_along(Vec3 axis) {
    const Vec3 other = std::abs(axis.z) < 0.9f ? Vec3{0, 0, 1} : Vec3{1, 0, 0};
    const Vec3 x = normalized(cross(other, axis));
    return {x, cross(axis, x), axis};
}

inline double sine(double v) {
    constexpr double kPi = 3.14159265358979323846;
    v -= 2 * kPi * std::floor(v / (2 * kPi) + 0.5);
    if (v > kPi / 2) v = kPi - v;
    if (v < -kPi / 2) v = -kPi - v;
    double term = v, sum = v;
    for (int n = 2; n <= 16; n += 2) {
        term *= -v * v / (n * (n + 1));
        sum += term;
    }
    return sum;
}
inline double cosine(double v) { return sine(v + 1.57079632679489661923); }

/// exp(v) for v <= 0, within 1e-6.
inline float exp_negative(float v) {
    if (v < -80) return 0;
    const float scaled = v * 1.44269504f, whole = std::floor(scaled), part = (scaled - whole) * 0.69314718f;
    const float series =
        1 + part * (1 + part * (0.5f + part * (1 / 6.f + part * (1 / 24.f + part * (1 / 120.f + part / 720.f)))));
    const std::uint32_t bits = static_cast<std::uint32_t>(static_cast<int>(whole) + 127) << 23;
    float power;
    std::memcpy(&power, &bits, 4);
    return power * series;
}

/// Rotation about z: local y points to (-sin, cos) of the angle in radians.
inline Mat3 turned(float angle) {
    const float s = static_cast<float>(sine(angle)), c = static_cast<float>(cosine(angle));
    return {{c, s, 0}, {-s, c, 0}, {0, 0, 1}};
}

inline std::uint64_t mix_bits(std::uint64_t v) {  // the finaliser of SplitMix64
    v += 0x9E3779B97F4A7C15ull;
    v = (v ^ (v >> 30)) * 0xBF58476D1CE4E5B9ull;
    v = (v ^ (v >> 27)) * 0x94D049BB133111EBull;
    return v ^ (v >> 31);
}

/// SplitMix64 as a stream of its own for each (seed, stream, slot): a slot's numbers depend on nothing drawn elsewhere.
class Rng {
  public:
    Rng(std::uint64_t seed, std::uint64_t stream, std::int64_t slot = 0)
        : state_(
              mix_bits(mix_bits(seed ^ mix_bits(stream)) + static_cast<std::uint64_t>(slot) * 0xD1342543DE82EF95ull)) {}
    std::uint32_t bits() {
        state_ += 0x9E3779B97F4A7C15ull;
        return static_cast<std::uint32_t>(mix_bits(state_) >> 32);
    }
    float uniform() { return static_cast<float>(bits() >> 8) * (1.0f / 16777216.0f); }
    float uniform(float low, float high) { return low + (high - low) * uniform(); }
    int integer(int count) { return static_cast<int>(uniform() * static_cast<float>(count)); }
    bool chance(float probability) { return uniform() < probability; }

  private:
    std::uint64_t state_;
};

inline std::uint32_t hash(std::int32_t x, std::int32_t y, std::uint32_t seed) {
    std::uint32_t h =
        static_cast<std::uint32_t>(x) * 0x8DA6B343u ^ static_cast<std::uint32_t>(y) * 0xD8163841u ^ seed * 0xCB1AB31Fu;
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return h ^ (h >> 15);
}
inline float hash01(std::int32_t x, std::int32_t y, std::uint32_t seed) {
    return static_cast<float>(hash(x, y, seed) >> 8) * (1.0f / 16777216.0f);
}
inline int floor_int(float v) {
    const int whole = static_cast<int>(v);
    return whole - (v < static_cast<float>(whole));
}

/// Value noise in [0, 1] with lattice period 1.
inline float noise(float x, float y, std::uint32_t seed) {
    const int ix = floor_int(x), iy = floor_int(y);
    float fx = x - static_cast<float>(ix), fy = y - static_cast<float>(iy);
    fx = fx * fx * (3 - 2 * fx), fy = fy * fy * (3 - 2 * fy);
    const float a = mix(hash01(ix, iy, seed), hash01(ix + 1, iy, seed), fx);
    const float b = mix(hash01(ix, iy + 1, seed), hash01(ix + 1, iy + 1, seed), fx);
    return mix(a, b, fy);
}
inline float noise(Vec3 p, std::uint32_t seed) {
    const int iz = floor_int(p.z);
    float fz = p.z - static_cast<float>(iz);
    fz = fz * fz * (3 - 2 * fz);
    const auto layer = static_cast<std::uint32_t>(iz) * 0x9E3779B1u;
    return mix(noise(p.x, p.y, seed ^ layer), noise(p.x, p.y, seed ^ (layer + 0x9E3779B1u)), fz);
}
/// `octaves` of noise, each of half the amplitude; in [0, 1], mean about 0.5.
inline float fractal(float x, float y, int octaves, std::uint32_t seed) {
    float sum = 0, weight = 0.5f, total = 0;
    for (int n = 0; n < octaves; ++n, weight *= 0.5f, x = x * 2.03f + 7.1f, y = y * 2.03f - 3.7f) {
        sum += weight * noise(x, y, seed + static_cast<std::uint32_t>(n));
        total += weight;
    }
    return sum / total;
}

}  // namespace roads
