#include "render.hpp"

namespace roads {

Grid::Grid(const Scene& scene)
    : scene_(scene),
      x0_(static_cast<float>(scene.camera.x) - 0.5f * kCell * kColumns),
      y0_(static_cast<float>(scene.camera.y) - 40),
      cells_(static_cast<std::size_t>(kColumns * kRows)),
      footprints_(static_cast<std::size_t>(kColumns * kRows)) {
    const auto insert = [&](std::vector<std::vector<int>>& cells, Vec3 center, float reach_x, float reach_y,
                            int index) {
        const int c0 = std::max(0, floor_int((center.x - reach_x - x0_) / kCell)),
                  c1 = std::min(kColumns - 1, floor_int((center.x + reach_x - x0_) / kCell));
        const int r0 = std::max(0, floor_int((center.y - reach_y - y0_) / kCell)),
                  r1 = std::min(kRows - 1, floor_int((center.y + reach_y - y0_) / kCell));
        for (int r = r0; r <= r1; ++r)
            for (int c = c0; c <= c1; ++c) cells[static_cast<std::size_t>(r * kColumns + c)].push_back(index);
    };
    for (std::size_t n = 0; n < scene.solids.size(); ++n) {
        const Solid& s = scene.solids[n];
        Vec3 half = s.half;
        if (s.kind == Kind::kCapsule) half.z += half.x;
        const Mat3& a = s.axes;
        const float rx = std::abs(a.x.x) * half.x + std::abs(a.y.x) * half.y + std::abs(a.z.x) * half.z;
        const float ry = std::abs(a.x.y) * half.x + std::abs(a.y.y) * half.y + std::abs(a.z.y) * half.z;
        insert(cells_, s.center, rx, ry, static_cast<int>(n));
        top_ = std::max(top_, s.center.z + s.radius);
    }
    for (std::size_t n = 0; n < scene.instances.size(); ++n) {
        const Instance& i = scene.instances[n];
        if (i.half.y > 0) insert(footprints_, i.foot, i.half.y + 1, i.half.y + 1, static_cast<int>(n));
    }
}

template <typename Visit>
void Grid::walk(Vec3 from, Vec3 d, float reach, Visit visit) const {
    int c = floor_int((from.x - x0_) / kCell), r = floor_int((from.y - y0_) / kCell);
    const int step_c = d.x > 0 ? 1 : -1, step_r = d.y > 0 ? 1 : -1;
    const float inverse_x = std::abs(d.x) > 1e-9f ? 1 / d.x : 1e9f, inverse_y = std::abs(d.y) > 1e-9f ? 1 / d.y : 1e9f;
    float next_x = (x0_ + kCell * static_cast<float>(c + (step_c > 0)) - from.x) * inverse_x;
    float next_y = (y0_ + kCell * static_cast<float>(r + (step_r > 0)) - from.y) * inverse_y;
    if (std::abs(d.x) <= 1e-9f) next_x = 1e30f;
    if (std::abs(d.y) <= 1e-9f) next_y = 1e30f;
    while (c >= 0 && c < kColumns && r >= 0 && r < kRows) {
        const float leave = std::min(next_x, next_y);
        if (visit(cells_[static_cast<std::size_t>(r * kColumns + c)], leave)) return;
        if (leave > reach || from.z + d.z * leave > top_) return;
        if (next_x < next_y)
            c += step_c, next_x += kCell * std::abs(inverse_x);
        else
            r += step_r, next_y += kCell * std::abs(inverse_y);
    }
}

int Grid::first_hit(Vec3 from, Vec3 direction, float reach, float& distance, Vec3& normal) const {
    int found = -1;
    distance = reach;
    walk(from, direction, reach, [&](const std::vector<int>& cell, float leave) {
        for (const int n : cell) {
            const Solid& s = scene_.solids[static_cast<std::size_t>(n)];
            const Vec3 o = from - s.center;
            const float along = dot(o, direction);
            if (dot(o, o) - along * along > s.radius * s.radius) continue;
            float t;
            Vec3 own;
            const Vec3 lo = s.axes * o, ld = s.axes * direction;
            if (!intersect(s, scene_.planes, lo, ld, 0.02f, t, &own) || t >= distance) continue;
            if (s.cutout && !is_opaque(s, lo + ld * t, own, ld)) continue;
            distance = t, normal = s.axes.back(own), found = n;
        }
        return found >= 0 && distance <= leave;
    });
    return found;
}

bool Grid::blocks(int n, Vec3 from, Vec3 direction) const {
    const Solid& s = scene_.solids[static_cast<std::size_t>(n)];
    const Vec3 o = from - s.center;
    const float along = dot(o, direction);
    if (dot(o, o) - along * along > s.radius * s.radius) return false;
    float t;
    Vec3 normal;
    const Vec3 lo = s.axes * o, ld = s.axes * direction;
    if (!intersect(s, scene_.planes, lo, ld, 0.01f, t, s.cutout ? &normal : nullptr)) return false;
    return !s.cutout || is_opaque(s, lo + ld * t, normal, ld);
}

bool Grid::is_shadowed(Vec3 from, Vec3 direction) const {
    if (last_ >= 0 && blocks(last_, from, direction))
        return true;  // neighbours mostly have the same solid before the sun
    last_ = -1;
    walk(from, direction, 150, [&](const std::vector<int>& cell, float) {
        for (const int n : cell)
            if (blocks(n, from, direction)) {
                last_ = n;
                return true;
            }
        return false;
    });
    return last_ >= 0;
}

float Grid::contact(Vec3 at) const {
    const int c = floor_int((at.x - x0_) / kCell), r = floor_int((at.y - y0_) / kCell);
    if (c < 0 || c >= kColumns || r < 0 || r >= kRows) return 0;
    float light = 1;
    for (const int n : footprints_[static_cast<std::size_t>(r * kColumns + c)]) {
        const Instance& i = scene_.instances[static_cast<std::size_t>(n)];
        const Vec3 p = i.axes * (at - i.foot);
        const float soft = 0.25f + 0.3f * i.half.x;
        const float inside =
            smooth(soft, -soft, std::abs(p.x) - i.half.x) * smooth(soft, -soft, std::abs(p.y) - i.half.y);
        light *= 1 - 0.9f * inside;
    }
    return 1 - light;
}

}  // namespace roads
