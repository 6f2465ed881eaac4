#include "surface.hpp"

namespace roads {
namespace {

const Vec3 kTail{0.35f, 0.01f, 0.01f};

/// Distance to the nearest other face of a hull, negative outside.
float margin(const Scene& scene, const Solid& solid, Vec3 p, Vec3 n) {
    float least = 1e9f;
    for (int k = 0; k < solid.plane_count; ++k) {
        const Plane& plane = scene.planes[static_cast<std::size_t>(solid.first_plane + k)];
        if (dot(plane.normal, n) < 0.99f) least = std::min(least, plane.offset - dot(plane.normal, p));
    }
    return least;
}

/// Bends the normal of a flat panel as if it bulged, so that reflections run over it.
Vec3 bulged(const Solid& solid, Vec3 p, Vec3 n) {
    return normalized(n + Vec3{0.3f * p.x / solid.half.x, 0.22f * p.y / solid.half.y, 0.4f * p.z / solid.half.z});
}

void glass(Surface& s, const Solid& solid, Vec3 p) {
    s.albedo = kGlass * (1 + 2 * noise(p * 2.5f, solid.seed));
    s.gloss = 0.13f;
}

void plate(Surface& s, float x, float z) {
    s.albedo = {0.6f, 0.6f, 0.55f};
    const int letter = floor_int(x * 16);
    if (std::abs(z) < 0.04f && std::abs(x) < 0.22f && hash01(letter, 1, 77) < 0.7f) s.albedo = {0.05f, 0.05f, 0.06f};
}

/// Lamps at the corners of a vehicle's ends; `face` is +1 at the front, -1 at the rear.
bool lamp(Surface& s, float x, float z, float center, float half_z, float half_x, float face, float state) {
    const float side = std::abs(x) / half_x;
    if (side < (face > 0 ? 0.58f : 0.66f) || side > 0.95f || std::abs(z - center) > half_z) return false;
    const bool on = static_cast<int>(state) & 1, braking = static_cast<int>(state) & 2;
    s.albedo = face > 0 ? kHeadlamp : kTail;
    s.gloss = 0.1f;
    if (face > 0 && on) s.emission = {6, 5.6f, 4.8f};
    if (face < 0 && (on || braking)) s.emission = Vec3{1, 0.03f, 0.02f} * (braking ? 2.6f : 1.1f);
    return true;
}

void paint(Surface& s, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = solid.color;
    s.gloss = 0.07f;
    const float half_x = solid.half.x, low = -solid.half.z, high = solid.half.z;
    if (std::abs(n.y) > 0.45f) {
        const float face = n.y > 0 ? 1.f : -1.f, center = face > 0 ? solid.p[0] : solid.p[0] + 0.03f;
        if (lamp(s, p.x, p.z, center, solid.p[1], half_x, face, solid.p[5])) return;
        const float plate_z = face > 0 ? low + 0.2f : mix(low, high, 0.45f);
        if (std::abs(p.x) < 0.26f && std::abs(p.z - plate_z) < 0.06f) return plate(s, p.x, p.z - plate_z);
        if (face > 0 && std::abs(p.x) < 0.5f * half_x && std::abs(p.z - center + 0.04f) < 0.09f)
            s.albedo = {0.03f, 0.03f, 0.03f};
        if (face > 0 && std::abs(p.x) < 0.75f * half_x && p.z < low + 0.26f && p.z > low + 0.1f)
            s.albedo = {0.03f, 0.03f, 0.03f};
        if (p.z < low + 0.08f) s.albedo = {0.03f, 0.03f, 0.03f};
        return;
    }
    if (std::abs(n.x) > 0.5f) {
        for (const float wheel : {solid.p[2], solid.p[3]}) {
            const float dy = p.y - wheel, dz = p.z - low - solid.p[4] + 0.2f;
            if (dy * dy + dz * dz < (solid.p[4] + 0.07f) * (solid.p[4] + 0.07f)) {
                s.albedo = {0.008f, 0.008f, 0.008f}, s.gloss = 0, s.shade = 0.3f;
                return;
            }
        }
        if (p.z < low + 0.1f) s.albedo = {0.03f, 0.03f, 0.03f};
        for (const float seam : {0.28f, -0.05f, -0.38f})
            if (std::abs(p.y - seam * solid.half.y) < 0.012f) s.albedo = s.albedo * 0.4f;
        for (const float seam : {0.02f, -0.31f})
            if (std::abs(p.y - seam * solid.half.y - 0.12f) < 0.09f && std::abs(p.z - high + 0.16f) < 0.018f)
                s.albedo = mix(s.albedo, {0.4f, 0.4f, 0.4f}, 0.6f);
        return;
    }
    if (n.z < -0.2f) s.albedo = {0.02f, 0.02f, 0.02f}, s.gloss = 0;
}

void cabin(Surface& s, const Scene& scene, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = solid.color;
    s.gloss = 0.07f;
    if (n.z > 0.9f) {
        if (solid.p[3] > 0 && std::abs(p.x) < solid.half.x * 0.5f) glass(s, solid, p);
        return;
    }
    const bool side = std::abs(n.x) > 0.5f;
    if (margin(scene, solid, p, n) < solid.p[1] * (side ? 0.8f : 0.7f)) return;
    if (side) {
        const float rear = solid.p[2];  // 2: a panel van
        if (rear >= 2 && p.y < solid.p[0]) return;
        if (std::abs(p.y - solid.p[0]) < 0.05f || (rear == 1 && std::abs(p.y + solid.half.y * 0.52f) < 0.06f)) {
            s.albedo = {0.02f, 0.02f, 0.02f};
            return;
        }
    } else if (n.y < 0 && solid.p[2] >= 2) {
        return;
    }
    glass(s, solid, p);
}

void bus(Surface& s, const Scene& scene, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = p.z > -0.1f && std::abs(n.x) > 0.5f ? solid.color2 : solid.color;
    s.gloss = 0.06f;
    const float low = -solid.half.z, z = p.z - low;
    if (n.z > 0.7f) return;
    if (std::abs(n.y) > 0.4f) {
        const float face = n.y > 0 ? 1.f : -1.f;
        if (z > 2.15f && z < 2.5f && std::abs(p.x) < 0.8f && face > 0) {
            s.albedo = {0.01f, 0.01f, 0.01f};
            if (hash01(floor_int(p.x * 9), floor_int(z * 18), solid.seed) < 0.45f) s.emission = {0.9f, 0.5f, 0.05f};
        } else if (z > (face > 0 ? 0.75f : 1.2f) && z < 2.1f && std::abs(p.x) < solid.half.x - 0.12f) {
            glass(s, solid, p);
        } else if (!lamp(s, p.x, z, 0.45f, 0.1f, solid.half.x, face, solid.p[5]) && std::abs(p.x) < 0.26f &&
                   std::abs(z - 0.25f) < 0.06f) {
            plate(s, p.x, z - 0.25f);
        }
        return;
    }
    for (const float wheel : {solid.p[2], solid.p[3]}) {
        const float dy = p.y - wheel, dz = z - 0.2f;
        if (dy * dy + dz * dz < 0.31f) {
            s.albedo = {0.01f, 0.01f, 0.01f}, s.gloss = 0;
            return;
        }
    }
    const float door = std::abs(p.y - solid.half.y + 1.0f), second = std::abs(p.y + 0.3f);
    if (n.x > 0 && (door < 0.6f || second < 0.65f) && z < 2.15f && z > 0.1f) {
        std::abs(std::min(door, second)) < 0.04f ? void(s.albedo = {0.03f, 0.03f, 0.03f}) : glass(s, solid, p);
    } else if (z > 1.0f && z < 2.1f && margin(scene, solid, p, n) > 0.1f) {
        const float pane = p.y / 1.45f;
        std::abs(pane - std::floor(pane) - 0.5f) > 0.47f ? void(s.albedo = {0.02f, 0.02f, 0.02f}) : glass(s, solid, p);
        if (scene.light.night > 0) s.emission = {0.35f, 0.33f, 0.28f};
    }
}

void truck_cab(Surface& s, const Scene& scene, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = solid.color;
    s.gloss = 0.06f;
    const float z = p.z + solid.half.z;
    if (n.y > 0.4f) {
        if (z > 1.15f && z < 1.95f && margin(scene, solid, p, n) > 0.08f) return glass(s, solid, p);
        if (lamp(s, p.x, z, 0.3f, 0.1f, solid.half.x, 1, solid.p[5])) return;
        if (std::abs(p.x) < 0.26f && std::abs(z - 0.15f) < 0.06f) return plate(s, p.x, z - 0.15f);
        if (z > 0.45f && z < 0.95f && std::abs(p.x) < 0.75f * solid.half.x)
            s.albedo = Vec3{0.04f, 0.04f, 0.04f} * (floor_int(z * 12) & 1 ? 1.f : 2.f);
    } else if (std::abs(n.x) > 0.5f && z > 1.15f && z < 1.85f && p.y > -0.25f && margin(scene, solid, p, n) > 0.12f) {
        glass(s, solid, p);
    }
}

void cargo(Surface& s, const Solid& solid, Vec3 p, Vec3 n, float footprint) {
    const int style = static_cast<int>(solid.p[0]);
    s.albedo = solid.color;
    s.gloss = 0.02f;
    const float along = std::abs(n.x) > 0.5f ? p.y : p.x;
    if (style == 9) {  // the bar with the rear lamps
        if (n.y < -0.5f && !lamp(s, p.x, p.z, 0, 0.1f, solid.half.x, -1, solid.p[5]) && std::abs(p.x) < 0.26f &&
            std::abs(p.z) < 0.07f)
            plate(s, p.x, p.z);
        return;
    }
    if (style == 2 || style == 3)
        s.albedo = s.albedo * (0.75f + 0.35f * std::abs(2 * (along * 3.5f - std::floor(along * 3.5f)) - 1) *
                                           smooth(0.2f, 0.05f, footprint));
    if (style < 2 && std::abs(n.x) > 0.5f) {
        const float letter = p.y * 1.3f;
        if (std::abs(p.z) < 0.35f && std::abs(p.y) < 0.6f * solid.half.y &&
            hash01(floor_int(letter * 2), floor_int(p.z * 5), solid.seed) < 0.5f)
            s.albedo = solid.color2;
        if (p.z < -0.75f * solid.half.z) s.albedo = solid.color2;
    }
    if (n.y < -0.5f && (std::abs(p.x) < 0.02f || std::abs(std::abs(p.x) - 0.6f) < 0.02f))
        s.albedo = s.albedo * 0.35f;  // doors
    s.albedo = s.albedo * (0.8f + 0.35f * noise(p * 1.3f, solid.seed));
}

}  // namespace

void vehicle_surface(Surface& s, const Scene& scene, const Solid& solid, Vec3 p, Vec3 n, float footprint) {
    switch (solid.material) {
        case Material::kPaint: s.normal = bulged(solid, p, n), paint(s, solid, p, n); break;
        case Material::kCabin: s.normal = bulged(solid, p, n), cabin(s, scene, solid, p, n); break;
        case Material::kBus: s.normal = bulged(solid, p, n), bus(s, scene, solid, p, n); break;
        case Material::kTruckCab: s.normal = bulged(solid, p, n), truck_cab(s, scene, solid, p, n); break;
        case Material::kCargo: cargo(s, solid, p, n, footprint); break;
        case Material::kWheel: {
            const float r = std::sqrt(p.x * p.x + p.y * p.y) / solid.half.x;
            if (std::abs(n.z) > 0.5f && r < 0.66f) {
                const bool spoke =
                    std::abs(p.x * p.y) < 0.1f * solid.half.x * solid.half.x * r || r > 0.56f || r < 0.15f;
                s.albedo = spoke ? Vec3{0.35f, 0.35f, 0.36f} : Vec3{0.03f, 0.03f, 0.03f};
                s.gloss = 0.05f;
            }
            break;
        }
        default: break;
    }
}

}  // namespace roads
