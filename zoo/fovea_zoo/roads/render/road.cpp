#include "road.hpp"

namespace roads {

float Road::center(float y) const {
    if (std::abs(bend) < 1e-6f) return 0;
    const float u = bend * y / max_slope;
    return max_slope * max_slope / bend * (std::sqrt(1 + u * u) - 1);
}

float Road::slope(float y) const {
    const float u = bend * y / max_slope;
    return max_slope * u / std::sqrt(1 + u * u);
}

float Road::height(float y) const {
    const float step = std::clamp((y - kStart) / kStep, 0.0f, kSteps - 0.001f);
    const int n = static_cast<int>(step);
    return mix(profile[n], profile[n + 1], step - static_cast<float>(n));
}

float Road::grade(float y) const {
    const int n = static_cast<int>(std::clamp((y - kStart) / kStep, 0.0f, kSteps - 0.001f));
    return (profile[n + 1] - profile[n]) / kStep;
}

GroundPoint Road::at(float x, float y) const {
    const float lean = slope(y);
    const float offset = (x - center(y)) / std::sqrt(1 + lean * lean);
    float distance = offset > 0 ? offset - half_right : -offset - half_left;
    if (median > 0 && std::abs(offset) < median) distance = median - std::abs(offset);
    bool in_side_street = false;
    for (const SideStreet& side : sides) {
        const bool open = offset > 0 ? side.right : side.left;
        const float across = std::abs(y - side.at) - side.half;
        if (across > corner + 8) continue;
        if (median > 0 && std::abs(offset) < median + 1 && side.left && side.right)
            distance = std::min(distance, across);
        if (!open || distance <= 0) continue;
        if (distance > median) in_side_street |= across < 0;
        if (distance < corner && across < corner && across > -corner) {
            const float a = corner - distance, b = corner - across;
            distance =
                corner - std::sqrt(std::max(a, 0.0f) * std::max(a, 0.0f) + std::max(b, 0.0f) * std::max(b, 0.0f));
        } else {
            distance = std::min(distance, across);
        }
    }
    const bool inner = median > 0 && std::abs(offset) < median;
    Zone zone = Zone::kBeyond;
    if (distance <= 0) {
        zone = Zone::kTarmac;
    } else if (kerb_height > 0 && distance < 0.16f) {
        zone = Zone::kKerb;
    } else if (inner || distance < verge) {
        zone = Zone::kVerge;
    } else if (distance < verge + pavement) {
        zone = Zone::kPavement;
    }
    return {zone, offset, distance, in_side_street};
}

float Road::surface(float x, float y) const {
    return height(y) + (kerb_height > 0 && at(x, y).distance > 0 ? kerb_height : 0);
}

Vec3 Road::place(float offset, float station) const {
    const float lean = slope(station), scale = 1 / std::sqrt(1 + lean * lean);
    const float x = center(station) + offset * scale, y = station - offset * lean * scale;
    return {x, y, surface(x, y)};
}

Mat3 Road::axes(float station, bool against) const {
    const float sign = against ? -1.0f : 1.0f;
    const Vec3 y = normalized({slope(station) * sign, sign, grade(station) * sign});
    const Vec3 x = normalized(cross(y, {0, 0, 1}));
    return {x, y, cross(x, y)};
}

bool Road::intersect_raised(Vec3 origin, Vec3 direction, float raise, float& distance) const {
    float t = 0, y = origin.y;
    const float forward = direction.y;
    int n = std::clamp(static_cast<int>((y - kStart) / kStep), 0, kSteps - 1);
    while (true) {
        const float rise = (profile[n + 1] - profile[n]) / kStep, begin = kStart + kStep * static_cast<float>(n);
        // height of the ray over this segment's plane: a + b t
        const float a = origin.z - raise - profile[n] - rise * (origin.y - begin), b = direction.z - rise * forward;
        const float exit = forward > 1e-9f    ? (begin + kStep - origin.y) / forward
                           : forward < -1e-9f ? (begin - origin.y) / forward
                                              : 1e30f;
        if (b < 0) {
            const float hit = -a / b;
            const bool last = (forward > 0 && n == kSteps - 1) || (forward < 0 && n == 0);
            if (hit >= t - 1e-5f && (hit <= exit || last)) {
                distance = hit;
                return true;
            }
        }
        if (exit > 1e29f) return false;
        t = exit;
        n += forward > 0 ? 1 : -1;
        if (n < 0 || n >= kSteps) return false;
    }
}

bool Road::intersect(Vec3 origin, Vec3 direction, float& distance, bool& kerb_face) const {
    kerb_face = false;
    if (kerb_height <= 0) return intersect_raised(origin, direction, 0, distance);
    float upper = 0, lower = 0;
    if (!intersect_raised(origin, direction, kerb_height, upper)) return false;
    const Vec3 top = origin + direction * upper;
    if (at(top.x, top.y).distance > 0) {
        distance = upper;
        return true;
    }
    if (!intersect_raised(origin, direction, 0, lower)) return false;
    const Vec3 bottom = origin + direction * lower;
    if (at(bottom.x, bottom.y).distance <= 0) {
        distance = lower;
        return true;
    }
    for (int n = 0; n < 12; ++n) {
        const float middle = 0.5f * (upper + lower);
        const Vec3 p = origin + direction * middle;
        (at(p.x, p.y).distance > 0 ? lower : upper) = middle;
    }
    distance = lower;
    kerb_face = true;
    return true;
}

}  // namespace roads
