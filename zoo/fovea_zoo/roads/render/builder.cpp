#include "builder.hpp"

namespace roads {

void Builder::begin(Category category, Vec3 half) {
    instance = static_cast<int>(scene.instances.size());
    scene.instances.push_back({category, origin, axes, half});
}

Solid& Builder::add(Kind kind, Label label, Material material, Vec3 center, const Mat3& local, Vec3 half, Vec3 color) {
    Solid solid;
    solid.kind = kind, solid.material = material, solid.label = label, solid.instance = instance;
    solid.center = origin + axes.back(center);
    solid.axes = axes.child(local);
    solid.half = half;
    solid.color = solid.color2 = color;
    solid.radius = kind == Kind::kCapsule     ? half.x + half.z
                   : kind == Kind::kEllipsoid ? std::max({half.x, half.y, half.z})
                                              : length(half);
    // from the object alone, so that its texture stays while it moves
    solid.seed = hash(static_cast<int>(half.x * 4096) ^ static_cast<int>(color.x * 65536) << 8,
                      static_cast<int>(half.z * 4096) ^ static_cast<int>(color.y * 65536) << 8, scene.seed);
    solid.cutout = material == Material::kLeaves || material == Material::kBars || material == Material::kSpokes ||
                   material == Material::kSign;
    scene.solids.push_back(solid);
    return scene.solids.back();
}

Solid& Builder::box(Label label, Material material, Vec3 center, Vec3 half, Vec3 color, const Mat3& local) {
    return add(Kind::kBox, label, material, center, local, half, color);
}

Solid& Builder::ellipsoid(Label label, Material material, Vec3 center, Vec3 radii, Vec3 color, const Mat3& local) {
    return add(Kind::kEllipsoid, label, material, center, local, radii, color);
}

Solid& Builder::capsule(Label label, Material material, Vec3 a, Vec3 b, float radius, Vec3 color) {
    const Vec3 along = b - a;
    return add(Kind::kCapsule, label, material, (a + b) * 0.5f, frame_along(normalized(along)),
               {radius, radius, 0.5f * length(along)}, color);
}

Solid& Builder::cylinder(Label label, Material material, Vec3 a, Vec3 b, float radius, Vec3 color) {
    const Vec3 along = b - a;
    return add(Kind::kCylinder, label, material, (a + b) * 0.5f, frame_along(normalized(along)),
               {radius, radius, 0.5f * length(along)}, color);
}

Solid& Builder::prism(Label label, Material material, std::initializer_list<std::array<float, 2>> outline, float half_x,
                      float z_wide, float lean, Vec3 color) {
    float y0 = 1e9f, y1 = -1e9f, z0 = 1e9f, z1 = -1e9f;
    for (const auto& [y, z] : outline) {
        y0 = std::min(y0, y), y1 = std::max(y1, y), z0 = std::min(z0, z), z1 = std::max(z1, z);
    }
    const Vec3 middle{0, 0.5f * (y0 + y1), 0.5f * (z0 + z1)};
    const int first = static_cast<int>(scene.planes.size());
    const auto* points = outline.begin();
    for (std::size_t n = 0; n < outline.size(); ++n) {
        const auto [ya, za] = points[n];
        const auto [yb, zb] = points[(n + 1) % outline.size()];
        const Vec3 normal = normalized({0, zb - za, ya - yb});
        scene.planes.push_back({normal, dot(normal, Vec3{0, ya, za} - middle)});
    }
    for (const float side : {-1.0f, 1.0f}) {
        const Vec3 normal = normalized({side, 0, lean});
        scene.planes.push_back({normal, dot(normal, Vec3{side * half_x, 0, z_wide} - middle)});
    }
    const float wide = half_x + std::max(lean * (z_wide - z0), -lean * (z1 - z_wide));
    Solid& solid = add(Kind::kHull, label, material, middle, {}, {wide, 0.5f * (y1 - y0), 0.5f * (z1 - z0)}, color);
    solid.first_plane = first;
    solid.plane_count = static_cast<int>(outline.size()) + 2;
    return solid;
}

Vec3 random_color(Rng& rng, float low, float high, float saturation) {
    const float level = rng.uniform(low, high);
    Vec3 color{1 + saturation * rng.uniform(-1, 1), 1 + saturation * rng.uniform(-1, 1),
               1 + saturation * rng.uniform(-1, 1)};
    return color * level;
}

}  // namespace roads
