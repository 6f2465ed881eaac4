#include "render.hpp"

namespace roads {
namespace {

/// What a mirror shows in a direction without asking the scene: sky above, dim street below, houses between.
Vec3 mirrored_street(const Scene& scene, Vec3 d, std::uint32_t seed) {
    const Light& light = scene.light;
    const Vec3 street = light.ambient * 0.16f;
    const float roofs = 0.12f + 0.35f * noise(d.x * 5 + d.y * 3, d.y * 5, seed);
    return mix(street, mix(light.horizon, light.zenith, clamp01(d.z)), smooth(roofs - 0.12f, roofs + 0.12f, d.z));
}

struct Shader {
    const Scene& scene;
    const Grid grid;
    Vec3 eye;
    bool sunny;

    explicit Shader(const Scene& s)
        : scene(s), grid(s), eye(s.camera.position()), sunny(s.light.sun_color.x > 0.05f && s.light.sun.z > 0.03f) {}

    Vec3 lamps(Vec3 at, Vec3 normal) const {
        Vec3 sum;
        for (const Lamp& lamp : scene.light.lamps) {
            const Vec3 way = lamp.position - at;
            const float square = dot(way, way);
            if (square > 900) continue;
            const float facing = std::max(0.0f, dot(way, normal)) / std::sqrt(square);
            sum += lamp.color *
                   (9 * facing * std::max(0.0f, way.z) / std::sqrt(square) / (square + 4) * (1 - square / 900));
        }
        if (scene.light.night > 0) {  // the headlamps of the own car
            const Vec3 way = at - eye;
            const float ahead = dot(way, scene.camera.forward);
            if (ahead > 1) {
                const float aside = dot(way, scene.camera.right) / ahead, up = dot(way, scene.camera.down) / ahead;
                const float cone = smooth(0.5f, 0.1f, std::abs(aside)) * smooth(-0.05f, 0.02f, up);
                sum += Vec3{1, 0.95f, 0.85f} * (cone * 26 / (ahead * ahead + 60) *
                                                (0.35f + 0.65f * std::max(0.0f, -dot(normal, way)) / length(way)));
            }
        }
        return sum;
    }

    Vec3 light_surface(const Surface& s, Vec3 at, Vec3 geometric, bool self_shadowed) const {
        const Light& light = scene.light;
        Vec3 arriving = light.ambient * (s.shade * (0.62f + 0.38f * s.normal.z));
        arriving +=
            light.ambient * Vec3{0.16f, 0.15f, 0.13f} * (s.shade * (0.5f - 0.5f * s.normal.z));  // from the ground
        if (sunny && !self_shadowed) {
            const float facing = dot(s.normal, light.sun);
            if (facing > 0 && dot(geometric, light.sun) > 0 && !grid.is_shadowed(at + geometric * 0.02f, light.sun))
                arriving += light.sun_color * facing;
        }
        if (light.night > 0) arriving += lamps(at, s.normal);
        return s.albedo * arriving + s.emission;
    }

    Vec3 reflect(const Surface& s, Vec3 at, Vec3 view, std::uint32_t seed) const {
        const float facing = std::min(1.0f, std::max(0.0f, -dot(view, s.normal))), away = 1 - facing;
        const float fresnel = s.gloss + (1 - s.gloss) * std::min(s.gloss * 4, 0.6f) * away * away * away * away * away;
        const Vec3 d = view - s.normal * (2 * dot(view, s.normal));
        Vec3 seen;
        if (s.gloss > 0.3f) {  // standing water shows the scene itself
            float distance;
            Vec3 normal;
            const int hit = grid.first_hit(at + s.normal * 0.02f, d, 60, distance, normal);
            if (hit >= 0) {
                const Solid& solid = scene.solids[static_cast<std::size_t>(hit)];
                const Vec3 p = at + d * distance;
                Surface other = solid_surface(scene, solid, solid.axes * (p - solid.center), solid.axes * normal, 0.2f);
                other.normal = normal;
                seen = light_surface(other, p, normal, false);
            } else {
                seen = sky_color(scene, {d.x, d.y, std::max(0.01f, d.z)});
            }
        } else {
            seen = mirrored_street(scene, d, seed);
            if (sunny) {
                const float glint = std::max(0.0f, dot(d, scene.light.sun)), g4 = glint * glint * glint * glint,
                            g32 = g4 * g4 * g4 * g4 * g4 * g4 * g4 * g4;
                seen += scene.light.sun_color * (g32 * g32 * 6);
            }
        }
        return (seen - Vec3{}) * fresnel;
    }

    Vec3 color(int hit, float depth, Vec3 ray_direction) const {
        const float ray_length = length(ray_direction);
        const Vec3 view = ray_direction * (1 / ray_length);
        const Light& light = scene.light;
        if (hit == kSkyHit) {
            const Vec3 sky = sky_color(scene, view);
            return mix(sky, light.fog_color, clamp01(light.fog * 28 - 0.02f) * (1 - 0.6f * clamp01(view.z)));
        }
        const Vec3 at = eye + ray_direction * depth;
        const float footprint = depth / scene.camera.fx;
        Vec3 out;
        if (hit == kHills) {
            const float tint = noise(at.x * 0.05f, at.z * 0.3f, scene.seed + 60);
            out = mix({0.05f, 0.08f, 0.04f}, {0.1f, 0.12f, 0.08f}, tint) * light.ambient + light.sun_color * 0.02f;
            out = mix(out, light.fog_color, 0.35f);
        } else if (hit < 0) {
            Surface s = ground_surface(scene, at, hit == kKerbFace, footprint);
            s.shade *= 1 - grid.contact(at);
            out = light_surface(s, at, s.normal, false);
            if (s.gloss > 0.02f) out = out * (1 - s.gloss) + reflect(s, at, view, scene.seed);
        } else {
            const Solid& solid = scene.solids[static_cast<std::size_t>(hit)];
            const Vec3 local = solid.axes * (at - solid.center);
            Vec3 normal;
            float t;
            const Vec3 from = solid.axes * (eye - solid.center);
            if (!intersect(solid, scene.planes, from, solid.axes * ray_direction, kNear, t, &normal))
                normal = {0, 0, 1};
            Surface s = solid_surface(scene, solid, local, normal, footprint);
            const Vec3 geometric = solid.axes.back(normal);
            s.normal = normalized(solid.axes.back(s.normal));
            const float ground = at.z - scene.road.height(at.y);
            s.shade *= 0.6f + 0.4f * smooth(0, 1.2f, ground);
            const bool foliage = solid.material == Material::kLeaves;
            out = light_surface(s, foliage ? at + geometric * 0.15f : at, geometric, false);
            if (s.gloss > 0) out = out + reflect(s, at, view, solid.seed);
        }
        const float clear = exp_negative(-light.fog * depth * ray_length);
        return mix(light.fog_color, out, clear);
    }
};

}  // namespace

std::vector<float> shade(const Scene& scene, const Samples& samples) {
    const Shader shader(scene);
    std::vector<float> linear(static_cast<std::size_t>(samples.width * samples.height) * 3);
    for (int row = 0; row < samples.height; ++row) {
        for (int column = 0; column < samples.width; ++column) {
            const auto n = static_cast<std::size_t>(row * samples.width + column);
            const Vec3 d = ray(scene.camera, 0.5f * static_cast<float>(column), 0.5f * static_cast<float>(row));
            const Vec3 c = shader.color(samples.solid[n], samples.depth[n], d);
            linear[3 * n] = c.x, linear[3 * n + 1] = c.y, linear[3 * n + 2] = c.z;
        }
    }
    return linear;
}

std::uint8_t label_of(const Scene& scene, const Samples& samples, int sample) {
    const auto n = static_cast<std::size_t>(sample);
    const int hit = samples.solid[n];
    if (hit >= 0) return scene.solids[static_cast<std::size_t>(hit)].label;
    if (hit == kSkyHit) return kSky;
    if (hit == kHills) return kVegetation;
    if (hit == kKerbFace) return kSidewalk;
    const Camera& c = scene.camera;
    const int row = sample / samples.width, column = sample % samples.width;
    const Vec3 at =
        c.position() + ray(c, 0.5f * static_cast<float>(column), 0.5f * static_cast<float>(row)) * samples.depth[n];
    switch (scene.road.at(at.x, at.y).zone) {
        case Zone::kTarmac: return kRoad;
        case Zone::kKerb:
        case Zone::kPavement: return kSidewalk;
        case Zone::kVerge: return kTerrain;
        default: return scene.road.grass_beyond ? kTerrain : kSidewalk;
    }
}

}  // namespace roads
