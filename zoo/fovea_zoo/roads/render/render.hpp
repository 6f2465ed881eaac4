#pragma once

#include "scene.hpp"

// From a scene to an image and its truth.
namespace roads {

/// Rays are cast at twice the resolution: sample (2 column + 1, 2 row + 1) is the pixel's centre.
struct Samples {
    int width = 0, height = 0;      ///< 2 W + 1, 2 H + 1
    std::vector<float> depth;       ///< along the optical axis; kFar where there is sky
    std::vector<int> solid;         ///< index, or kGround, kKerbFace, kHills, kSkyHit
    std::vector<int> total_pixels;  ///< of each instance, hidden or not
};

constexpr int kGround = -1, kKerbFace = -2, kHills = -3, kSkyHit = -4;
constexpr float kFar = 1e9f, kHillDistance = 420, kNear = 0.25f;

Samples cast(const Scene& scene, int height, int width);

/// Direction of the ray through image coordinates (u, v), with length 1 along the optical axis.
inline Vec3 ray(const Camera& c, float u, float v) {
    return c.right * ((u - c.cx) / c.fx) + c.down * ((v - c.cy) / c.fy) + c.forward;
}

/// The skyline of far hills and woods: the sine of its elevation at a direction.
float skyline(const Scene& scene, Vec3 direction);
/// What the sky looks like in a direction (unit).
Vec3 sky_color(const Scene& scene, Vec3 direction);

/// Solids by cells of the ground, for rays that are not the camera's.
class Grid {
  public:
    explicit Grid(const Scene& scene);
    /// Whether anything solid lies on the ray to the sun.
    bool is_shadowed(Vec3 from, Vec3 direction) const;
    /// The first solid along a ray within `reach` metres; -1: none.
    int first_hit(Vec3 from, Vec3 direction, float reach, float& distance, Vec3& normal) const;
    /// How much the vehicles above darken the ground at a point, 0 to 1.
    float contact(Vec3 at) const;

  private:
    bool blocks(int solid, Vec3 from, Vec3 direction) const;
    template <typename Visit>
    void walk(Vec3 from, Vec3 direction, float reach, Visit visit) const;

    static constexpr float kCell = 4;
    static constexpr int kColumns = 60, kRows = 64;
    const Scene& scene_;
    float x0_, y0_, top_ = 0;
    std::vector<std::vector<int>> cells_, footprints_;
    mutable int last_ = -1;  ///< the solid that shadowed the point asked for last
};

/// What a surface looks like before light falls on it.
struct Surface {
    Vec3 albedo, normal, emission;
    float gloss = 0;  ///< share of mirrored sky at normal incidence
    float shade = 1;  ///< ambient light that arrives
};
Surface solid_surface(const Scene& scene, const Solid& solid, Vec3 local, Vec3 local_normal, float footprint);
Surface ground_surface(const Scene& scene, Vec3 at, bool kerb_face, float footprint);

/// The image's linear colours at the samples, three floats each.
std::vector<float> shade(const Scene& scene, const Samples& samples);
/// 8-bit RGB as a camera would deliver it.
void expose(const Scene& scene, const Samples& samples, const std::vector<float>& linear, int height, int width,
            std::uint8_t* image);

/// The Cityscapes train id of a sample.
std::uint8_t label_of(const Scene& scene, const Samples& samples, int sample);

}  // namespace roads
