#pragma once

#include "render.hpp"

// Looks that several kinds of solids share.
namespace roads {

inline const Vec3 kGlass{0.02f, 0.024f, 0.028f}, kHeadlamp{0.7f, 0.72f, 0.75f};

/// A factor about 1 that varies by `amount` with the place.
inline float grain(Vec3 p, float scale, std::uint32_t seed, float amount) {
    return 1 + amount * (noise(p * scale, seed) - 0.5f) * 2;
}

/// Bricks on a wall at (u, v) metres.
void brick(Surface& s, float u, float v, float footprint, std::uint32_t seed);
/// Windows in rows, doors or shop fronts at the ground; see add_building for the parameters.
void facade(Surface& s, const Solid& solid, Vec3 p, Vec3 n, float footprint, bool night);
/// Bodies, cabins, cargo and wheels of vehicles.
void vehicle_surface(Surface& s, const Scene& scene, const Solid& solid, Vec3 p, Vec3 n, float footprint);

}  // namespace roads
