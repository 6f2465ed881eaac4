#include "render.hpp"

namespace roads {
namespace {

/// Pixels from samples: each pixel's centre sample and its eight neighbours, weighted 1-2-1 both ways.
std::vector<Vec3> gather(const Samples& samples, const std::vector<float>& linear, int height, int width) {
    std::vector<Vec3> image(static_cast<std::size_t>(height * width));
    constexpr float kWeights[3] = {0.25f, 0.5f, 0.25f};
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            Vec3 sum;
            for (int j = 0; j < 3; ++j)
                for (int i = 0; i < 3; ++i) {
                    const float* c = &linear[3 * static_cast<std::size_t>((2 * y + j) * samples.width + 2 * x + i)];
                    const float w = kWeights[i] * kWeights[j];
                    // bright sources must not make hard edges: the sensor's wells are full at some level
                    sum += Vec3{std::min(c[0], 6.0f), std::min(c[1], 6.0f), std::min(c[2], 6.0f)} * w;
                }
            image[static_cast<std::size_t>(y * width + x)] = sum;
        }
    return image;
}

/// Streaks along the flow of the image while the shutter is open.
void blur_motion(const Scene& scene, const Samples& samples, std::vector<Vec3>& image, int height, int width) {
    const Sensor& s = scene.sensor;
    if (s.shutter <= 0) return;
    const std::vector<Vec3> sharp = image;
    const Camera& c = scene.camera;
    const float travel = c.speed * s.shutter;
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const float depth = samples.depth[static_cast<std::size_t>((2 * y + 1) * samples.width + 2 * x + 1)];
            const float scale = std::min(travel / depth, 0.02f);
            const float fx = (static_cast<float>(x) + 0.5f - c.cx - c.yaw * c.fx) * scale,
                        fy = (static_cast<float>(y) + 0.5f - c.cy + c.pitch * c.fy) * scale;
            if (fx * fx + fy * fy < 0.25f) continue;
            Vec3 sum;
            for (int k = -2; k <= 2; ++k) {
                const int u = std::clamp(x + floor_int(fx * 0.25f * static_cast<float>(k) + 0.5f), 0, width - 1);
                const int v = std::clamp(y + floor_int(fy * 0.25f * static_cast<float>(k) + 0.5f), 0, height - 1);
                sum += sharp[static_cast<std::size_t>(v * width + u)];
            }
            image[static_cast<std::size_t>(y * width + x)] = sum * 0.2f;
        }
}

void blur_row(const Vec3* in, Vec3* out, int count, int stride, float side) {
    for (int n = 0; n < count; ++n) {
        const Vec3 before = in[std::max(0, n - 1) * stride], after = in[std::min(count - 1, n + 1) * stride];
        out[n * stride] = in[n * stride] * (1 - 2 * side) + (before + after) * side;
    }
}

void blur(std::vector<Vec3>& image, int height, int width, float side) {
    std::vector<Vec3> rows(image.size());
    for (int y = 0; y < height; ++y)
        blur_row(&image[static_cast<std::size_t>(y * width)], &rows[static_cast<std::size_t>(y * width)], width, 1,
                 side);
    for (int x = 0; x < width; ++x)
        blur_row(&rows[static_cast<std::size_t>(x)], &image[static_cast<std::size_t>(x)], height, width, side);
}

/// Halos about what is brighter than white.
void add_glow(std::vector<Vec3>& image, int height, int width, float exposure) {
    const int h = height / 8, w = width / 8;
    std::vector<Vec3> small(static_cast<std::size_t>(h * w));
    float most = 0;
    for (int y = 0; y < h * 8; ++y)
        for (int x = 0; x < w * 8; ++x) {
            const Vec3 c = image[static_cast<std::size_t>(y * width + x)] * exposure;
            const Vec3 over{std::max(0.0f, c.x - 1.2f), std::max(0.0f, c.y - 1.2f), std::max(0.0f, c.z - 1.2f)};
            small[static_cast<std::size_t>(y / 8 * w + x / 8)] += over * (1 / 64.0f);
            most = std::max(most, over.x + over.y + over.z);
        }
    if (most == 0) return;
    for (int n = 0; n < 3; ++n) blur(small, h, w, 0.3f);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const float fx = std::clamp((static_cast<float>(x) - 3.5f) / 8, 0.0f, static_cast<float>(w) - 1.001f),
                        fy = std::clamp((static_cast<float>(y) - 3.5f) / 8, 0.0f, static_cast<float>(h) - 1.001f);
            const int ix = static_cast<int>(fx), iy = static_cast<int>(fy);
            const auto at = [&](int u, int v) { return small[static_cast<std::size_t>(v * w + u)]; };
            const Vec3 top = mix(at(ix, iy), at(ix + 1, iy), fx - static_cast<float>(ix)),
                       low = mix(at(ix, iy + 1), at(ix + 1, iy + 1), fx - static_cast<float>(ix));
            image[static_cast<std::size_t>(y * width + x)] +=
                mix(top, low, fy - static_cast<float>(iy)) * (0.35f / exposure);
        }
}

void add_rain(const Scene& scene, std::vector<Vec3>& image, int height, int width) {
    if (scene.light.rain <= 0) return;
    Rng rng(scene.sensor.seed, 900);
    const float scale = static_cast<float>(width) / 512;
    const int drops = static_cast<int>(scene.light.rain * 260);
    for (int n = 0; n < drops; ++n) {
        float x = rng.uniform(0, static_cast<float>(width)), y = rng.uniform(-20, static_cast<float>(height));
        const float lean = rng.uniform(-0.1f, 0.05f), strength = rng.uniform(0.02f, 0.12f);
        for (int steps = static_cast<int>(rng.uniform(5, 26) * scale); steps > 0; --steps, y += 1, x += lean)
            if (x >= 0 && y >= 0 && x < static_cast<float>(width) && y < static_cast<float>(height)) {
                Vec3& c = image[static_cast<std::size_t>(static_cast<int>(y) * width + static_cast<int>(x))];
                c = mix(c, scene.light.horizon, strength);
            }
    }
}

/// What the camera multiplies by: the mean of the lower part of the image becomes the wanted brightness, within limits.
float metered(const std::vector<Vec3>& image, int height, int width, float brightness) {
    double sum = 0;
    const int first = height / 4;
    for (int y = first; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const Vec3 c = image[static_cast<std::size_t>(y * width + x)];
            sum += std::min(0.3f * c.x + 0.59f * c.y + 0.11f * c.z, 2.0f);
        }
    const auto mean = static_cast<float>(sum / ((height - first) * width));
    return std::clamp(brightness / std::max(mean, 1e-3f), 0.3f, 8.0f);
}

float tone(float v, float contrast) {
    v = std::max(0.0f, v);
    v = v * (1 + v * 0.12f) / (1 + 0.62f * v);  // rolls off towards white
    const float gamma = std::sqrt(std::min(v, 1.0f)), curve = gamma * gamma * (3 - 2 * gamma);
    return mix(gamma, curve, contrast);
}

}  // namespace

void expose(const Scene& scene, const Samples& samples, const std::vector<float>& linear, int height, int width,
            std::uint8_t* out) {
    const Sensor& s = scene.sensor;
    std::vector<Vec3> image = gather(samples, linear, height, width);
    blur_motion(scene, samples, image, height, width);
    add_rain(scene, image, height, width);
    const float exposure = metered(image, height, width, s.brightness);
    add_glow(image, height, width, exposure);
    blur(image, height, width, 0.2f * s.blur);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const float u = 2 * (static_cast<float>(x) + 0.5f) / static_cast<float>(width) - 1,
                        v = 2 * (static_cast<float>(y) + 0.5f) / static_cast<float>(height) - 1;
            Vec3 c = image[static_cast<std::size_t>(y * width + x)] * s.balance *
                     (exposure * (1 - s.vignette * 0.5f * (u * u + 0.5f * v * v)));
            const float grey = 0.3f * c.x + 0.59f * c.y + 0.11f * c.z;
            c = mix(Vec3{grey, grey, grey}, c, s.saturation);
            const float values[3] = {c.x, c.y, c.z};
            for (int k = 0; k < 3; ++k) {
                const std::uint32_t bits = hash(x * 3 + k, y, s.seed);
                const float bell =
                    static_cast<float>((bits & 255) + (bits >> 8 & 255) + (bits >> 16 & 255) + (bits >> 24)) / 255.0f -
                    2;  // about normal, deviation 0.58
                const float noise =
                    1.7f * bell * s.noise * (0.6f + 1.2f * std::sqrt(std::max(0.0f, std::min(values[k], 1.0f))));
                const float value = tone(values[k], s.contrast) + noise;
                out[3 * (y * width + x) + k] = static_cast<std::uint8_t>(std::clamp(value * 255 + 0.5f, 0.0f, 255.0f));
            }
        }
}

}  // namespace roads
