#include <numeric>

#include "render.hpp"

namespace roads {
namespace {

struct Bounds {
    int x0, y0, x1, y1;  // samples, inclusive
    float nearest;
};

/// The samples that a solid can cover: its box, clipped at the near plane, projected.
bool project(const Scene& scene, const Solid& s, const Samples& samples, Bounds& bounds) {
    const Camera& c = scene.camera;
    const Vec3 relative = s.center - c.position();
    const float middle = dot(relative, c.forward);
    if (middle + s.radius < kNear) return false;
    Vec3 half = s.half;
    if (s.kind == Kind::kCapsule) half.z += half.x;
    std::array<Vec3, 8> corners;
    for (unsigned n = 0; n < 8; ++n) {
        const Vec3 local{n & 1 ? half.x : -half.x, n & 2 ? half.y : -half.y, n & 4 ? half.z : -half.z};
        const Vec3 p = relative + s.axes.back(local);
        corners[n] = {dot(p, c.right), dot(p, c.down), dot(p, c.forward)};
    }
    float u0 = 1e30f, v0 = 1e30f, u1 = -1e30f, v1 = -1e30f;
    bounds.nearest = 1e30f;
    const auto include = [&](Vec3 p) {
        const float u = c.cx + c.fx * p.x / p.z, v = c.cy + c.fy * p.y / p.z;
        u0 = std::min(u0, u), u1 = std::max(u1, u), v0 = std::min(v0, v), v1 = std::max(v1, v);
        bounds.nearest = std::min(bounds.nearest, p.z);
    };
    for (unsigned a = 0; a < 8; ++a) {
        if (corners[a].z >= kNear) include(corners[a]);
        for (unsigned axis = 1; axis < 8; axis *= 2) {
            const Vec3 p = corners[a], q = corners[a ^ axis];
            if (p.z >= kNear && q.z < kNear) include(mix(p, q, (p.z - kNear) / (p.z - q.z)) + Vec3{0, 0, 1e-4f});
        }
    }
    if (u1 < u0) return false;
    const auto clamp = [](float v, int limit) {
        return static_cast<int>(std::clamp(v, -1.0f, static_cast<float>(limit)));
    };
    bounds.x0 = std::max(0, clamp(std::floor(2 * u0), samples.width)),
    bounds.x1 = std::min(samples.width - 1, clamp(2 * u1 + 1, samples.width));
    bounds.y0 = std::max(0, clamp(std::floor(2 * v0), samples.height)),
    bounds.y1 = std::min(samples.height - 1, clamp(2 * v1 + 1, samples.height));
    return bounds.x0 <= bounds.x1 && bounds.y0 <= bounds.y1;
}

void cast_ground(const Scene& scene, Samples& samples) {
    const Camera& c = scene.camera;
    const Vec3 from = c.position();
    for (int row = 0; row < samples.height; ++row) {
        for (int column = 0; column < samples.width; ++column) {
            const Vec3 d = ray(c, 0.5f * static_cast<float>(column), 0.5f * static_cast<float>(row));
            const std::size_t n = static_cast<std::size_t>(row * samples.width + column);
            const float flat = std::sqrt(d.x * d.x + d.y * d.y), far = kHillDistance / flat;
            float t = kFar;
            bool kerb = false;
            if (d.z < 0.15f * flat && scene.road.intersect(from, d, t, kerb) && t < far) {
                samples.depth[n] = t, samples.solid[n] = kerb ? kKerbFace : kGround;
            } else if (d.z < 0.25f * flat && d.z < skyline(scene, d) * flat) {
                samples.depth[n] = far, samples.solid[n] = kHills;
            }
        }
    }
}

/// Indices of the solids, objects with near parts first, the solids of an instance one after the other.
std::vector<std::size_t> nearest_first(const Scene& scene) {
    struct Group {
        std::size_t first, last;
        float nearest;
    };
    std::vector<Group> groups;
    for (std::size_t n = 0; n < scene.solids.size(); ++n) {
        const Solid& s = scene.solids[n];
        const float nearest = dot(s.center - scene.camera.position(), scene.camera.forward) - s.radius;
        if (n > 0 && s.instance >= 0 && s.instance == scene.solids[n - 1].instance)
            groups.back().last = n, groups.back().nearest = std::min(groups.back().nearest, nearest);
        else
            groups.push_back({n, n, nearest});
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Group& a, const Group& b) { return a.nearest < b.nearest; });
    std::vector<std::size_t> order;
    for (const Group& g : groups)
        for (std::size_t n = g.first; n <= g.last; ++n) order.push_back(n);
    return order;
}

}  // namespace

Samples cast(const Scene& scene, int height, int width) {
    Samples samples;
    samples.width = 2 * width + 1, samples.height = 2 * height + 1;
    const auto count = static_cast<std::size_t>(samples.width * samples.height);
    samples.depth.assign(count, kFar), samples.solid.assign(count, kSkyHit);
    samples.total_pixels.assign(scene.instances.size(), 0);
    cast_ground(scene, samples);

    const Camera& c = scene.camera;
    std::vector<int> stamp(count,
                           -1);  // the instance that last counted this pixel; solids of an instance follow each other
    for (const std::size_t index : nearest_first(scene)) {
        const Solid& s = scene.solids[index];
        Bounds bounds;
        if (!project(scene, s, samples, bounds)) continue;
        const Vec3 from = s.axes * (c.position() - s.center);
        const Vec3 right = s.axes * c.right * (0.5f / c.fx), down = s.axes * c.down * (0.5f / c.fy);
        const Vec3 corner = s.axes * ray(c, 0, 0);
        for (int row = bounds.y0; row <= bounds.y1; ++row) {
            const Vec3 start = corner + down * static_cast<float>(row);
            for (int column = bounds.x0; column <= bounds.x1; ++column) {
                const std::size_t n = static_cast<std::size_t>(row * samples.width + column);
                const bool counts = s.instance >= 0 && (row & column & 1) && stamp[n] != s.instance;
                if (samples.depth[n] <= bounds.nearest && !counts) continue;
                const Vec3 d = start + right * static_cast<float>(column);
                float t;
                Vec3 normal;
                if (!intersect(s, scene.planes, from, d, kNear, t, s.cutout ? &normal : nullptr)) continue;
                if (t >= samples.depth[n] && !counts) continue;
                if (s.cutout && !is_opaque(s, from + d * t, normal, d)) continue;
                if (counts) stamp[n] = s.instance, ++samples.total_pixels[static_cast<std::size_t>(s.instance)];
                if (t < samples.depth[n]) samples.depth[n] = t, samples.solid[n] = static_cast<int>(index);
            }
        }
    }
    return samples;
}

}  // namespace roads
