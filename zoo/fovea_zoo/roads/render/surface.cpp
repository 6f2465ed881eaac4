#include "surface.hpp"

// The looks of solids: local coordinates in, colour out.
namespace roads {
namespace {

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
        case Material::kPaint:
        case Material::kCabin:
        case Material::kBus:
        case Material::kTruckCab:
        case Material::kCargo:
        case Material::kWheel: vehicle_surface(s, scene, solid, p, n, footprint); break;
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
