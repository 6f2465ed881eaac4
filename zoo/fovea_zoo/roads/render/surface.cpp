#include "render.hpp"

// The looks of solids: local coordinates in, colour out.
namespace roads {
namespace {

const Vec3 kGlass{0.02f, 0.024f, 0.028f}, kHeadlamp{0.7f, 0.72f, 0.75f}, kTail{0.35f, 0.01f, 0.01f};

float grain(Vec3 p, float scale, std::uint32_t seed, float amount) {
    return 1 + amount * (noise(p * scale, seed) - 0.5f) * 2;
}

void brick(Surface& s, float u, float v, float footprint, std::uint32_t seed) {
    const float visible = smooth(0.12f, 0.02f, footprint);
    const int row = floor_int(v / 0.08f);
    const float shifted = u / 0.24f + (row & 1 ? 0.5f : 0.0f);
    const int column = floor_int(shifted);
    const bool joint = shifted - static_cast<float>(column) < 0.06f || v / 0.08f - static_cast<float>(row) < 0.16f;
    s.albedo = s.albedo * (joint ? 1 + 0.5f * visible : 1 + visible * 0.5f * (hash01(column, row, seed) - 0.5f));
}

/// Windows in rows, doors or shop fronts at the ground; see add_building for the parameters.
void facade(Surface& s, const Solid& solid, Vec3 p, Vec3 n, float footprint, bool night) {
    if (n.z > 0.5f) {
        s.albedo = {0.15f, 0.15f, 0.15f};
        return;
    }
    const bool side = std::abs(n.x) > 0.5f;
    const float u = (side ? p.y : p.x) + 0.5f * solid.p[1], z = p.z + solid.half.z - 2,
                width = side ? solid.half.y : solid.half.x;
    const float stain = fractal(u * 0.25f, z * 0.12f, 3, solid.seed);
    s.albedo = solid.color * (0.72f + 0.5f * stain);
    const int style = static_cast<int>(solid.p[4]);
    const bool reddish = solid.color.x > 1.7f * solid.color.z;
    if (reddish)
        brick(s, u, z, footprint, solid.seed);
    else if (footprint < 0.15f)
        s.albedo = s.albedo * grain({u, z, 0}, 6, solid.seed, 0.07f);
    if (z < 0.6f) s.albedo = s.albedo * 0.7f;
    const float ground = solid.p[5], edge = width - std::abs(side ? p.y : p.x);
    float level = z - ground, floor = solid.p[0], spacing = solid.p[1], part_w = solid.p[2], part_h = solid.p[3];
    const bool shop = ground > 0 && level < 0;
    if (shop) level = z, floor = ground, spacing = std::max(2.5f, 1.3f * spacing), part_w = 0.84f, part_h = 0.72f;
    const int row = floor_int(level / floor), column = floor_int(u / spacing);
    const float fu = u / spacing - static_cast<float>(column) - 0.5f,
                fv = level / floor - static_cast<float>(row) - 0.5f;
    if (!shop && (style == 1 || style == 4) && std::abs(fv) > 0.44f)
        s.albedo = solid.color2 * (0.8f + 0.3f * stain);                           // bands
    if (!shop && style == 3 && std::abs(fu) > 0.44f) s.albedo = s.albedo * 0.75f;  // pilasters
    if (edge < 0.35f || z < 0 || p.z > solid.half.z - 0.5f) return;
    const bool door = !shop && row == 0 && ground == 0 && hash01(column, 3, solid.seed) < 0.22f;
    const float half_w = 0.5f * (door ? std::min(part_w, 1.1f / spacing) : style == 2 && !shop ? 0.86f : part_w);
    float low = -0.5f * part_h + 0.04f, high = 0.5f * part_h + 0.04f;
    if (door) low = -0.5f, high = 0.24f;
    if (shop) low = -0.4f, high = 0.3f;
    if (shop && fv > 0.31f && fv < 0.47f) {  // the shop's sign
        const int word = floor_int(u / (spacing * 2.1f));
        s.albedo = mix(
            solid.color2,
            Vec3{hash01(word, 1, solid.seed), hash01(word, 2, solid.seed), hash01(word, 4, solid.seed)} * 0.4f, 0.7f);
        const float letter = u * 4, part = letter - std::floor(letter);
        const bool text =
            std::abs(fv - 0.39f) < 0.035f && part > 0.25f && hash01(floor_int(letter), 5, solid.seed) < 0.6f;
        if (text && footprint < 0.3f) s.albedo = {0.7f, 0.7f, 0.65f};
        if (night) s.emission = s.albedo * (text ? 1.2f : 0.25f);
        return;
    }
    const float frame_u = 0.07f / spacing, frame_v = 0.07f / floor;
    if (std::abs(fu) > half_w + frame_u || fv < low - frame_v || fv > high + frame_v) {
        if (style == 0 && std::abs(fu) < half_w + 0.12f && fv < low && fv > low - 0.06f)
            s.albedo = solid.color2;  // sills
        return;
    }
    if (std::abs(fu) > half_w || fv < low || fv > high) {
        s.albedo = style == 2 ? Vec3{0.12f, 0.12f, 0.13f} : mix(solid.color2, {0.6f, 0.6f, 0.58f}, 0.6f);
        return;
    }
    if (door) {
        s.albedo =
            Vec3{hash01(column, 6, solid.seed), hash01(column, 7, solid.seed), hash01(column, 8, solid.seed)} * 0.3f;
        return;
    }
    const bool cross = std::abs(fu) < 0.02f || (style != 2 && std::abs(fv - 0.5f * (low + high) - 0.1f) < 0.012f);
    if (cross && !shop) {
        s.albedo = {0.5f, 0.5f, 0.48f};
        return;
    }
    const float blind = hash01(column, row, solid.seed + 1);
    const float depth_shade = smooth(high, high - 0.18f, fv) * smooth(half_w, half_w - 0.12f, std::abs(fu));
    s.albedo = kGlass * (1 + 4 * hash01(column, row, solid.seed + 2));
    s.gloss = 0.18f;
    if (blind < 0.3f && fv > mix(low, high, hash01(column, row, solid.seed + 3)))
        s.albedo = {0.42f, 0.4f, 0.36f}, s.gloss = 0.06f;
    if (shop) s.albedo = Vec3{0.12f, 0.1f, 0.08f} * (0.4f + 1.2f * noise(u * 2.3f, z * 2.3f, solid.seed + 4));
    s.shade = 0.45f + 0.55f * depth_shade;
    const float lit = hash01(column, row, solid.seed + 5);
    if (night && (lit < 0.28f || (shop && lit < 0.7f)))
        s.emission =
            mix({0.9f, 0.55f, 0.25f}, {0.8f, 0.8f, 0.75f}, blind) * (0.25f + 0.5f * noise(u * 3, z * 3, solid.seed));
}

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

void signal(Surface& s, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = {0.02f, 0.02f, 0.02f};
    if (n.y < 0.5f) return;
    const int state = static_cast<int>(solid.p[0]);  // red, green, red with amber, amber
    for (int k = 0; k < 3; ++k) {
        const float z = p.z - 0.29f * static_cast<float>(1 - k);
        if (p.x * p.x + z * z > 0.0121f) continue;
        const bool on = (k == 0 && (state == 0 || state == 2)) || (k == 1 && state >= 2) || (k == 2 && state == 1);
        const Vec3 colors[] = {{1, 0.03f, 0.02f}, {1, 0.5f, 0.02f}, {0.03f, 0.9f, 0.4f}};
        s.albedo = colors[k] * 0.12f;
        if (on) s.emission = colors[k] * 2.2f;
    }
}

void sign(Surface& s, const Solid& solid, Vec3 p, Vec3 n) {
    s.albedo = {0.2f, 0.2f, 0.21f};
    if (n.y < 0.5f) return;
    const int outline = static_cast<int>(solid.p[0]), variant = static_cast<int>(solid.p[1]);
    const float x = p.x / solid.half.x, z = p.z / solid.half.z, r = std::sqrt(x * x + z * z);
    const Vec3 red{0.45f, 0.015f, 0.02f}, white{0.68f, 0.68f, 0.66f}, blue{0.02f, 0.1f, 0.4f},
        black{0.02f, 0.02f, 0.02f}, yellow{0.65f, 0.45f, 0.03f}, green{0.02f, 0.22f, 0.1f};
    const int cell_x = floor_int((x + 1) * 4), cell_z = floor_int((z + 1) * 4);
    const bool glyph = std::abs(x) < 0.5f && std::abs(z) < 0.38f &&
                       hash01(cell_x, cell_z, 91 + static_cast<std::uint32_t>(solid.p[2])) < 0.55f;
    switch (outline) {
        case 0:
            if (variant < 3)
                s.albedo = r > 0.76f ? red : glyph ? black : white;  // limits
            else if (variant == 3)
                s.albedo = std::abs(z) < 0.2f && std::abs(x) < 0.7f ? white : red;  // no entry
            else
                s.albedo = std::abs(x + 0.3f * z) < 0.12f && std::abs(z) < 0.6f ? white : blue;  // direction
            break;
        case 1:
            s.albedo = std::abs(x) > 0.5f * (1 - z) - 0.17f || z < -0.82f ? red : glyph && z < 0.2f ? black : white;
            break;
        case 2: s.albedo = std::abs(x) > 0.5f * (1 + z) - 0.17f || z > 0.82f ? red : white; break;
        case 3:
            s.albedo = std::abs(x) + std::abs(z) > 1.3f ||
                               (std::abs(z) < 0.22f && std::abs(x) < 0.75f && hash01(floor_int(x * 6), 2, 5) < 0.65f)
                           ? white
                           : red;
            break;
        case 4: s.albedo = std::abs(x) + std::abs(z) > 0.72f ? white : yellow; break;
        case 5: s.albedo = std::max(std::abs(x), std::abs(z)) > 0.9f || glyph ? white : blue; break;
        default: {
            const Vec3 base = variant % 2 ? blue : outline == 7 ? green : variant == 2 ? yellow : white;
            const Vec3 ink = base.x > 0.5f ? black : white;
            const bool text = std::abs(z - std::floor(z * 1.6f + 0.5f) / 1.6f) < 0.17f && std::abs(x) < 0.8f &&
                              hash01(floor_int(x * 11), floor_int(z * 1.6f + 0.5f),
                                     17 + static_cast<std::uint32_t>(solid.p[2])) < 0.62f;
            s.albedo = std::max(std::abs(x), std::abs(z)) > 0.94f || text ? ink : base;
        }
    }
    s.gloss = 0.04f;
}

void leaves(Surface& s, const Solid& solid, Vec3 p, Vec3 n, float footprint) {
    const float clump = noise(p * 2.1f, solid.seed + 1);
    const float fine = footprint < 0.3f ? noise(p * (footprint < 0.03f ? 17.0f : 8.0f), solid.seed + 2) : 0.5f;
    s.albedo = solid.color * (0.35f + 0.8f * clump + 0.6f * fine);
    const Vec3 bump{noise(p * 3.3f, solid.seed + 3) - 0.5f, noise(p * 3.3f, solid.seed + 4) - 0.5f,
                    noise(p * 3.3f, solid.seed + 5) - 0.4f};
    s.normal = normalized(n + bump * 1.6f);
    s.shade = 0.45f + 0.55f * smooth(-0.8f, 0.9f, n.z + (clump - 0.5f));
}

}  // namespace

Surface solid_surface(const Scene& scene, const Solid& solid, Vec3 p, Vec3 n, float footprint) {
    Surface s;
    s.albedo = solid.color;
    s.normal = n;
    switch (solid.material) {
        case Material::kFacade: facade(s, solid, p, n, footprint, scene.light.night > 0); break;
        case Material::kRoof: {
            const float v = p.y * 1.2f + p.z, tile = v * 3.2f - std::floor(v * 3.2f), u = p.x * 4 - std::floor(p.x * 4);
            if (n.y > 0.99f || std::abs(n.x) > 0.9f)
                s.albedo = solid.color * 1.6f;
            else
                s.albedo = s.albedo *
                           (0.8f + smooth(0.35f, 0.05f, footprint) * (0.35f * tile + (u < 0.1f ? -0.15f : 0))) *
                           (0.7f + 0.6f * noise(p * 0.8f, solid.seed));
            break;
        }
        case Material::kBrick: {
            const float u = std::abs(n.x) > 0.5f ? p.y : p.x;
            if (solid.color.x > 1.6f * solid.color.z) brick(s, u, p.z, footprint, solid.seed);
            s.albedo = s.albedo * (0.65f + 0.7f * fractal(u * 0.8f, p.z * 0.8f, 3, solid.seed));
            break;
        }
        case Material::kLeaves: leaves(s, solid, p, n, footprint); break;
        case Material::kHedge: leaves(s, solid, p, n, footprint); break;
        case Material::kBark: s.albedo = s.albedo * grain({p.x * 3, p.y * 3, p.z}, 6, solid.seed, 0.45f); break;
        case Material::kMetal:
            s.gloss = 0.06f;
            s.albedo = s.albedo * grain(p, 3, solid.seed, 0.12f);
            if (solid.p[5] > 0 && n.y > 0.5f)
                s.albedo = kHeadlamp, s.emission = scene.light.night > 0 ? Vec3{5, 4.8f, 4} : Vec3{};
            break;
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
        case Material::kCloth:
            s.albedo =
                s.albedo * grain(p, 7, solid.seed, 0.16f) * grain(p, 30, solid.seed + 1, footprint < 0.04f ? 0.15f : 0);
            break;
        case Material::kSkin: s.albedo = s.albedo * grain(p, 12, solid.seed, 0.1f); break;
        case Material::kSignal: signal(s, solid, p, n); break;
        case Material::kSign: sign(s, solid, p, n); break;
        case Material::kLampHead:
            if (n.z < -0.5f && solid.p[0] > 0) s.emission = {8, 7, 5};
            break;
        default:
            s.albedo =
                s.albedo * grain(p, 2.5f, solid.seed, 0.2f) * grain(p, 19, solid.seed + 1, footprint < 0.1f ? 0.1f : 0);
    }
    if (scene.light.night == 0) s.emission = s.emission * 0.4f;
    return s;
}

}  // namespace roads
