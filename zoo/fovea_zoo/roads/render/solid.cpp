#include "scene.hpp"

namespace roads {
namespace {

bool hit_slab(float origin, float direction, float half, float& enter, float& leave, int axis, int& side) {
    if (std::abs(direction) < 1e-12f) return std::abs(origin) <= half;
    const float inverse = 1 / direction;
    float first = (-half - origin) * inverse, second = (half - origin) * inverse;
    if (first > second) std::swap(first, second);
    if (first > enter) enter = first, side = axis;
    leave = std::min(leave, second);
    return enter <= leave;
}

bool hit_box(Vec3 half, Vec3 o, Vec3 d, float nearest, float& distance, Vec3* normal) {
    float enter = -1e30f, leave = 1e30f;
    int side = 0;
    if (!hit_slab(o.x, d.x, half.x, enter, leave, 0, side) || !hit_slab(o.y, d.y, half.y, enter, leave, 1, side) ||
        !hit_slab(o.z, d.z, half.z, enter, leave, 2, side) || enter < nearest)
        return false;
    distance = enter;
    if (normal) {
        *normal = {};
        if (side == 0) normal->x = d.x > 0 ? -1.f : 1.f;
        if (side == 1) normal->y = d.y > 0 ? -1.f : 1.f;
        if (side == 2) normal->z = d.z > 0 ? -1.f : 1.f;
    }
    return true;
}

bool hit_hull(const Plane* planes, int count, Vec3 o, Vec3 d, float nearest, float& distance, Vec3* normal) {
    float enter = -1e30f, leave = 1e30f;
    int side = -1;
    for (int n = 0; n < count; ++n) {
        const float over = dot(planes[n].normal, o) - planes[n].offset, rate = dot(planes[n].normal, d);
        if (rate < 0) {
            const float t = -over / rate;
            if (t > enter) enter = t, side = n;
        } else if (rate > 0) {
            leave = std::min(leave, -over / rate);
        } else if (over > 0) {
            return false;
        }
        if (enter > leave) return false;
    }
    if (enter < nearest || side < 0) return false;
    distance = enter;
    if (normal) *normal = planes[side].normal;
    return true;
}

bool hit_ellipsoid(Vec3 radii, Vec3 o, Vec3 d, float nearest, float& distance, Vec3* normal) {
    const Vec3 inverse{1 / radii.x, 1 / radii.y, 1 / radii.z};
    const Vec3 so = o * inverse, sd = d * inverse;
    const float a = dot(sd, sd), middle = -dot(so, sd) / a;
    const Vec3 nearest_point = so + sd * middle;  // the cancellation of b^2 - 4ac is avoided this way
    const float rest = 1 - dot(nearest_point, nearest_point);
    if (rest < 0) return false;
    const float t = middle - std::sqrt(rest / a);
    if (t < nearest) return false;
    distance = t;
    if (normal) *normal = normalized((so + sd * t) * inverse);
    return true;
}

/// The side of an infinite cylinder along z.
bool hit_tube(float radius, Vec3 o, Vec3 d, float& t) {
    const float a = d.x * d.x + d.y * d.y;
    if (a < 1e-14f) return false;
    const float middle = -(o.x * d.x + o.y * d.y) / a, x = o.x + d.x * middle, y = o.y + d.y * middle;
    const float rest = radius * radius - x * x - y * y;
    if (rest < 0) return false;
    t = middle - std::sqrt(rest / a);
    return true;
}

bool hit_cylinder(Vec3 half, Vec3 o, Vec3 d, float nearest, float& distance, Vec3* normal) {
    float t;
    if (hit_tube(half.x, o, d, t) && t >= nearest && std::abs(o.z + d.z * t) <= half.z) {
        distance = t;
        if (normal) *normal = normalized({o.x + d.x * t, o.y + d.y * t, 0});
        return true;
    }
    if (std::abs(d.z) < 1e-12f) return false;
    t = ((d.z > 0 ? -half.z : half.z) - o.z) / d.z;
    const float x = o.x + d.x * t, y = o.y + d.y * t;
    if (t < nearest || x * x + y * y > half.x * half.x) return false;
    distance = t;
    if (normal) *normal = {0, 0, d.z > 0 ? -1.f : 1.f};
    return true;
}

bool hit_capsule(Vec3 half, Vec3 o, Vec3 d, float nearest, float& distance, Vec3* normal) {
    float t;
    if (hit_tube(half.x, o, d, t) && t >= nearest && std::abs(o.z + d.z * t) <= half.z) {
        distance = t;
        if (normal) *normal = normalized({o.x + d.x * t, o.y + d.y * t, 0});
        return true;
    }
    bool found = false;
    for (const float end : {-half.z, half.z}) {
        const Vec3 from{o.x, o.y, o.z - end};
        if (!hit_ellipsoid({half.x, half.x, half.x}, from, d, nearest, t, nullptr) || (found && t >= distance))
            continue;
        found = true;
        distance = t;
        if (normal) *normal = normalized(from + d * t);
    }
    return found;
}

}  // namespace

bool intersect(const Solid& solid, const std::vector<Plane>& planes, Vec3 origin, Vec3 direction, float nearest,
               float& distance, Vec3* normal) {
    switch (solid.kind) {
        case Kind::kBox: return hit_box(solid.half, origin, direction, nearest, distance, normal);
        case Kind::kEllipsoid: return hit_ellipsoid(solid.half, origin, direction, nearest, distance, normal);
        case Kind::kCylinder: return hit_cylinder(solid.half, origin, direction, nearest, distance, normal);
        case Kind::kCapsule: return hit_capsule(solid.half, origin, direction, nearest, distance, normal);
        case Kind::kHull:
            return hit_hull(&planes[solid.first_plane], solid.plane_count, origin, direction, nearest, distance,
                            normal);
    }
    return false;
}

bool is_opaque(const Solid& s, Vec3 p, Vec3 n, Vec3 direction) {
    switch (s.material) {
        case Material::kLeaves: {  // ragged outline: holes grow towards the rim as the noise allows
            const float grain = s.p[0];
            const float holes =
                0.4f * noise((p + Vec3{31, 17, 5}) * grain, s.seed) + 0.6f * noise(p * (grain * 3.1f), s.seed + 9);
            const float facing = dot(n, direction), squared = facing * facing / dot(direction, direction);
            return holes > s.p[1] + 0.2f * (1 - squared) * (1 - squared);
        }
        case Material::kBars: {
            const float u = p.x / s.p[0], part = u - std::floor(u);
            if (part < s.p[1]) return true;
            const float z = (p.z + s.half.z) / (2 * s.half.z);
            return z > 0.93f || (z > 0.12f && z < 0.12f + s.p[2]) || (s.p[3] > 0 && z > 0.5f && z < 0.54f);
        }
        case Material::kSpokes: {
            const float r = std::sqrt(p.x * p.x + p.y * p.y) / s.half.x;
            return r > 0.86f || r < 0.12f || std::abs(p.x * p.y) < 0.03f * s.half.x * s.half.x * r;
        }
        case Material::kSign: {
            const float x = p.x / s.half.x, z = p.z / s.half.z;
            switch (static_cast<int>(s.p[0])) {
                case 0: return x * x + z * z <= 1;                     // disc
                case 1: return std::abs(x) <= 0.5f * (1 - z) + 0.02f;  // triangle, point up
                case 2: return std::abs(x) <= 0.5f * (1 + z) + 0.02f;  // triangle, point down
                case 3: return std::abs(x) + std::abs(z) <= 1.41f;     // octagon
                case 4: return std::abs(x) + std::abs(z) <= 1;         // diamond
                default: return true;
            }
        }
        default: return true;
    }
}

}  // namespace roads
