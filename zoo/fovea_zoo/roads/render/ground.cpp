#include "render.hpp"

namespace roads {
namespace {

/// Share of a stripe of `half` width at `distance` from its middle that a footprint of size `blur` sees.
float stripe(float distance, float half, float blur) { return clamp01((half - std::abs(distance)) / blur + 0.5f); }

/// Paint along and across the road, 0 to 1; `color` is set where there is any.
float markings(const Road& road, const GroundPoint& g, float station, float footprint, Vec3& color) {
    float paint = 0;
    const float across = std::max(footprint * 0.8f, 0.01f);
    color = {0.62f, 0.62f, 0.6f};
    bool junction = false;
    for (const SideStreet& s : road.sides) {
        const bool both = s.left && s.right;
        if ((s.left || s.right) && std::abs(station - s.at) < s.half + road.corner * 0.4f &&
            (both || (g.offset > 0) == s.right))
            junction = true;
    }
    if (g.distance > 0.3f || g.in_side_street) return 0;
    for (const Line& line : road.lines) {
        if (junction) break;
        const float d = g.offset - line.offset;
        if (std::abs(d) > line.width + across) continue;
        if (line.dash > 0) {
            const float period = line.dash + line.gap, part = station - std::floor(station / period) * period;
            if (part > line.dash) continue;
        }
        paint = std::max(paint, stripe(d, 0.5f * line.width, across));
        if (line.yellow) color = {0.62f, 0.42f, 0.06f};
    }
    for (const Crossing& c : road.crossings) {
        const float d = station - c.at;
        if (std::abs(d) > c.half + 0.5f) continue;
        if (c.style == 3) {  // stop line
            if (g.offset > road.median) paint = std::max(paint, stripe(d, c.half, 4 * across));
        } else if (c.style == 2) {
            const float part = g.offset - std::floor(g.offset);
            if (part < 0.55f)
                paint = std::max(paint, std::max(stripe(d - c.half, 0.1f, across), stripe(d + c.half, 0.1f, across)));
        } else if (std::abs(d) < c.half) {
            const float width = c.style == 0 ? 1.0f : 1.2f, part = g.offset / width - std::floor(g.offset / width);
            paint = std::max(paint, stripe((part - 0.5f) * width, 0.25f * width, across));
        }
    }
    // arrows before junctions, one a lane
    for (const SideStreet& s : road.sides) {
        const float d = station - (s.at - s.half - 14);
        if (road.lanes_right < 2 || d < 0 || d > 4 || g.offset < road.median) continue;
        const float lane = (g.offset - road.median) / road.lane, x = (lane - std::floor(lane) - 0.5f) * road.lane;
        if (lane < static_cast<float>(road.lanes_right))
            paint = std::max(paint, d < 2.6f ? stripe(x, 0.08f, across) : stripe(x, 0.3f * (4 - d) / 1.4f, across));
    }
    return paint;
}

Vec3 tarmac(const Scene& scene, const GroundPoint& g, float x, float y, float footprint, float& gloss, Vec3& tilt) {
    const Road& road = scene.road;
    const float fine = footprint < 0.05f ? noise(x * 38, y * 38, road.seed) : 0.5f;
    float level =
        road.tarmac_shade * (0.8f + 0.25f * fine + 0.35f * (fractal(x * 0.35f, y * 0.12f, 3, road.seed + 1) - 0.4f));
    if (footprint < 0.2f) level *= 0.9f + 0.2f * noise(x * 7, y * 7, road.seed + 2);
    // repairs: rectangles of another shade
    const float px = g.offset * 0.4f, py = y * 0.09f + 0.37f * static_cast<float>(floor_int(px));
    const int cx = floor_int(px), cy = floor_int(py);
    const float patch = hash01(cx, cy, road.seed + 3);
    if (patch < 0.22f * road.wear + 0.04f) {
        const float fx = px - static_cast<float>(cx), fy = py - static_cast<float>(cy);
        const float inset = 0.35f * hash01(cx, cy, road.seed + 4);
        if (fx > inset && fx < 1 - 0.5f * inset && fy > inset && fy < 1) level *= patch < 0.1f ? 0.62f : 1.25f;
    }
    if (!g.in_side_street && road.lanes_right > 0) {  // the tracks of the wheels, and oil between them
        const float lane = (g.offset - (g.offset > 0 ? road.median : -road.median)) / road.lane,
                    part = lane - std::floor(lane);
        const float track = std::abs(std::abs(part - 0.5f) - 0.25f);
        level *= 1 - 0.13f * smooth(0.14f, 0.04f, track) + 0.02f;
        level *= 1 - 0.14f * smooth(0.1f, 0.0f, std::abs(part - 0.5f)) * noise(x, y * 0.2f, road.seed + 5);
    }
    if (footprint < 0.12f && road.wear > 0.2f) {  // cracks
        const float warp = 2 * noise(x * 0.6f, y * 0.6f, road.seed + 6);
        const float crack = std::abs(noise(x * 0.5f + warp, y * 0.4f + warp, road.seed + 7) - 0.5f);
        level *= 1 - 0.45f * smooth(0.012f + 0.3f * footprint * 0.1f, 0.0f, crack) *
                         smooth(0.35f, 0.6f, noise(x * 0.13f, y * 0.13f, road.seed + 8) * (0.5f + road.wear));
    }
    const int mx = floor_int(g.offset / 3), my = floor_int(y / 13);  // manholes
    if (hash01(mx, my, road.seed + 9) < 0.22f) {
        const float dx = g.offset - 3 * (static_cast<float>(mx) + 0.5f),
                    dy = y - 13 * (static_cast<float>(my) + hash01(mx, my, road.seed + 10));
        const float r = std::sqrt(dx * dx + dy * dy);
        if (r < 0.36f) level = r > 0.31f ? level * 0.55f : 0.11f * (0.7f + 0.5f * noise(dx * 22, dy * 22, 5));
    }
    if (!g.in_side_street && g.distance > -0.35f && road.kerb_height > 0)
        level *= 0.8f + 0.25f * noise(x * 3, y * 1.1f, road.seed + 11);  // gutter
    gloss = 0.02f;
    const float wet = scene.light.wet;
    if (wet > 0) {
        const float pool = fractal(x * 0.28f, y * 0.2f, 3, road.seed + 12) + (g.distance > -0.7f ? 0.08f : 0);
        const float puddle = smooth(0.74f - 0.16f * wet, 0.79f - 0.16f * wet, pool);
        level *= 1 - 0.45f * wet - 0.25f * puddle * wet;
        gloss = mix(0.1f * wet + 0.02f, 0.6f, puddle);
        const float rough = (1 - puddle) * 0.12f + scene.light.rain * 0.01f;
        tilt = {rough * (fine - 0.5f), rough * (noise(x * 31, y * 31, road.seed + 13) - 0.5f), 0};
    }
    return Vec3{1, 0.99f, 0.98f} * level;
}

Vec3 pavement(const Road& road, float u, float v, float footprint) {
    Vec3 color = road.pavement_color;
    static const float sizes[][2] = {{0.5f, 0.5f}, {0.2f, 0.1f}, {0.6f, 0.4f}, {2.4f, 1.8f}};
    const float* size = sizes[road.pavement_style];
    const int row = floor_int(v / size[1]);
    const float shifted = u / size[0] + (row % 2 ? 0.5f : 0.0f);
    const int column = floor_int(shifted);
    const float fx = shifted - static_cast<float>(column), fy = v / size[1] - static_cast<float>(row);
    const float visible = smooth(0.5f * size[1], 0.1f * size[1], footprint);
    color = color * (1 + visible * 0.22f * (hash01(column, row, road.seed + 20) - 0.5f));
    const float joint = 0.012f + 0.5f * footprint;
    if (fx * size[0] < joint || fy * size[1] < joint) color = color * (1 - 0.3f * visible);
    color = color * (0.75f + 0.5f * fractal(u * 0.5f, v * 0.5f, 3, road.seed + 21));
    if (footprint < 0.05f) color = color * (0.9f + 0.2f * noise(u * 30, v * 30, road.seed + 22));
    return color;
}

Vec3 grass(const Road& road, float x, float y, float footprint, bool field) {
    Vec3 color = mix(road.grass, {0.16f, 0.12f, 0.07f},
                     0.7f * smooth(0.5f, 0.75f, fractal(x * 0.25f, y * 0.25f, 3, road.seed + 30)));
    if (field) {
        const std::uint32_t plot = hash(floor_int(x / 60), floor_int(y / 80), road.seed + 33);
        if (plot % 4 == 0) color = mix(color, {0.3f, 0.24f, 0.1f}, 0.8f);
        if (plot % 4 == 1) color = color * (0.8f + 0.3f * static_cast<float>(floor_int(x * 1.2f) & 1));
    }
    color = color * (0.65f + 0.7f * fractal(x * 2, y * 2, 2, road.seed + 31));
    if (footprint < 0.12f) color = color * (0.6f + 0.8f * noise(x * 18, y * 11, road.seed + 32));
    return color;
}

}  // namespace

Surface ground_surface(const Scene& scene, Vec3 at, bool kerb_face, float footprint) {
    const Road& road = scene.road;
    const GroundPoint g = road.at(at.x, at.y);
    Surface s;
    s.normal = normalized({0, -road.grade(at.y), 1});
    const float station = at.y;
    if (kerb_face || g.zone == Zone::kKerb) {
        const float along = g.in_side_street ? at.x : station;
        const float joint = along - std::floor(along);
        s.albedo = Vec3{0.36f, 0.35f, 0.33f} * (joint < 0.015f + footprint * 0.3f ? 0.75f : 1.0f) *
                   (0.75f + 0.45f * noise(at.x * 9, at.y * 2, road.seed + 40));
        if (kerb_face) {
            s.normal = normalized({g.offset > 0 ? -1.0f : 1.0f, 0, 0.3f});
            s.albedo = s.albedo * 0.85f;
            s.shade = 0.7f;
        }
        return s;
    }
    Vec3 tilt{0, 0, 0};
    switch (g.zone) {
        case Zone::kTarmac: {
            s.albedo = tarmac(scene, g, at.x, at.y, footprint, s.gloss, tilt);
            Vec3 color;
            float paint = markings(road, g, station, footprint, color);
            if (paint > 0) {
                const float worn = noise(at.x * 6, at.y * 6, road.seed + 41) * 0.6f +
                                   noise(at.x * 23, at.y * 23, road.seed + 42) * 0.4f;
                paint *= 1 - 0.85f * road.wear * smooth(0.45f, 0.7f, worn);
                s.albedo = mix(s.albedo, color * (0.8f + 0.2f * worn) * (1 - 0.35f * scene.light.wet), paint * 0.92f);
            }
            break;
        }
        case Zone::kPavement: s.albedo = pavement(road, g.offset, station, footprint); break;
        case Zone::kVerge: s.albedo = grass(road, at.x, at.y, footprint, false); break;
        default:
            if (!road.grass_beyond)
                s.albedo = pavement(road, at.x, at.y, footprint) * 0.9f;
            else if (road.kerb_height <= 0 && g.distance < 0.9f + 0.5f * noise(at.x, at.y, road.seed + 43))
                s.albedo = mix({0.2f, 0.17f, 0.13f}, road.grass, clamp01(g.distance)) *
                           (0.6f + 0.8f * noise(at.x * 13, at.y * 13, road.seed + 44));
            else
                s.albedo = grass(road, at.x, at.y, footprint, road.kerb_height <= 0 && g.distance > 12);
    }
    if (g.zone != Zone::kTarmac && scene.light.wet > 0)
        s.albedo = s.albedo * (1 - 0.3f * scene.light.wet),
        s.gloss = g.zone == Zone::kPavement ? 0.08f * scene.light.wet : 0;
    s.normal = normalized(s.normal + tilt);
    return s;
}

}  // namespace roads
