#include "render.hpp"

namespace roads {

float skyline(const Scene& scene, Vec3 direction) {
    const float flat = std::sqrt(direction.x * direction.x + direction.y * direction.y);
    const float u = 4 + 3 * direction.x / flat + (direction.y < 0 ? 40.0f : 0.0f);
    const bool open = scene.road.pavement == 0;
    const float hills = fractal(u, 3.1f, 4, scene.seed + 50), trees = noise(u * 45, 7.7f, scene.seed + 51);
    return (open ? 0.045f : 0.03f) * hills + 0.006f * trees;
}

Vec3 sky_color(const Scene& scene, Vec3 d) {
    const Light& light = scene.light;
    const float up = std::max(d.z, 0.0f);
    Vec3 color = mix(light.horizon, light.zenith, 1 - (1 - up) * (1 - up) * (1 - up));
    const float toward = dot(d, light.sun);
    if (light.clouds > 0 && d.z > 0.005f) {
        const float scale = 1.6f / (d.z + 0.12f);
        const float thick = fractal(d.x * scale, d.y * scale, 5, light.cloud_seed);
        const float cover = smooth(0.72f - 0.5f * light.clouds, 0.95f - 0.5f * light.clouds, thick);
        const float shade =
            fractal(d.x * scale + light.sun.x * 0.4f, d.y * scale + light.sun.y * 0.4f, 3, light.cloud_seed);
        const float level = (light.horizon.x + light.horizon.y + light.horizon.z) / 3;
        const Vec3 cloud =
            mix(light.horizon, Vec3{1, 1, 1} * level, 0.5f) * (1.15f - 0.55f * smooth(0.3f, 0.8f, shade));
        color = mix(color, cloud, cover * smooth(0.0f, 0.12f, d.z));
    }
    if (light.night == 0 && light.sun_color.x > 1 && toward > 0) {
        const float t2 = toward * toward, t8 = t2 * t2 * t2 * t2, t64 = t8 * t8 * t8 * t8 * t8 * t8 * t8 * t8;
        color += light.sun_color * (0.06f * t8 + 0.25f * t64 * t64);
        if (toward > 0.9993f) color += light.sun_color * 20;
    }
    return color;
}

}  // namespace roads
