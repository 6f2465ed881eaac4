#include "surface.hpp"

namespace roads {

void brick(Surface& s, float u, float v, float footprint, std::uint32_t seed) {
    const float visible = smooth(0.12f, 0.02f, footprint);
    const int row = floor_int(v / 0.08f);
    const float shifted = u / 0.24f + (row & 1 ? 0.5f : 0.0f);
    const int column = floor_int(shifted);
    const bool joint = shifted - static_cast<float>(column) < 0.06f || v / 0.08f - static_cast<float>(row) < 0.16f;
    s.albedo = s.albedo * (joint ? 1 + 0.5f * visible : 1 + visible * 0.5f * (hash01(column, row, seed) - 0.5f));
}

namespace {

/// A point of a window: place in its cell from -0.5 to 0.5, extents of the glass there, place on the wall, cell.
struct Pane {
    float fu, fv, half_w, low, high, u, z;
    int column, row;
    bool shop;
};

void shop_sign(Surface& s, const Solid& solid, float u, float fv, float spacing, float footprint, bool night) {
    const int word = floor_int(u / (spacing * 2.1f));
    const Vec3 own{hash01(word, 1, solid.seed), hash01(word, 2, solid.seed), hash01(word, 4, solid.seed)};
    s.albedo = mix(solid.color2, own * 0.4f, 0.7f);
    const float letter = u * 4, part = letter - std::floor(letter);
    const bool text = std::abs(fv - 0.39f) < 0.035f && part > 0.25f && hash01(floor_int(letter), 5, solid.seed) < 0.6f;
    if (text && footprint < 0.3f) s.albedo = {0.7f, 0.7f, 0.65f};
    if (night) s.emission = s.albedo * (text ? 1.2f : 0.25f);
}

/// Glass, a blind behind it, or what a shop shows; lit from inside in some windows at night.
void pane(Surface& s, const Solid& solid, const Pane& w, bool night) {
    const float blind = hash01(w.column, w.row, solid.seed + 1);
    const float depth_shade = smooth(w.high, w.high - 0.18f, w.fv) * smooth(w.half_w, w.half_w - 0.12f, std::abs(w.fu));
    s.albedo = kGlass * (1 + 4 * hash01(w.column, w.row, solid.seed + 2));
    s.gloss = 0.18f;
    if (blind < 0.3f && w.fv > mix(w.low, w.high, hash01(w.column, w.row, solid.seed + 3)))
        s.albedo = {0.42f, 0.4f, 0.36f}, s.gloss = 0.06f;
    if (w.shop) s.albedo = Vec3{0.12f, 0.1f, 0.08f} * (0.4f + 1.2f * noise(w.u * 2.3f, w.z * 2.3f, solid.seed + 4));
    s.shade = 0.45f + 0.55f * depth_shade;
    const float lit = hash01(w.column, w.row, solid.seed + 5);
    if (night && (lit < 0.28f || (w.shop && lit < 0.7f)))
        s.emission = mix({0.9f, 0.55f, 0.25f}, {0.8f, 0.8f, 0.75f}, blind) *
                     (0.25f + 0.5f * noise(w.u * 3, w.z * 3, solid.seed));
}

}  // namespace

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
    if (shop && fv > 0.31f && fv < 0.47f) return shop_sign(s, solid, u, fv, spacing, footprint, night);
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
    pane(s, solid, {fu, fv, half_w, low, high, u, z, column, row, shop}, night);
}

}  // namespace roads
