#pragma once

#include <vector>

#include "road.hpp"

// What a scene is made of. World axes: x right, y along the road at the start, z up; metres.
namespace roads {

/// Cityscapes train ids.
enum Label : std::uint8_t {
    kRoad,
    kSidewalk,
    kBuilding,
    kWall,
    kFence,
    kPole,
    kTrafficLight,
    kTrafficSign,
    kVegetation,
    kTerrain,
    kSky,
    kPerson,
    kRider,
    kCar,
    kTruck,
    kBus,
    kTrain,
    kMotorcycle,
    kBicycle,
    kVoid = 255,
};

/// What boxes are drawn around; the order is that of `roads.CATEGORIES`.
enum class Category : std::uint8_t { kPerson, kCyclist, kCar, kTruck, kBus, kTrafficLight, kTrafficSign };

enum class Kind : std::uint8_t { kBox, kEllipsoid, kCylinder, kCapsule, kHull };

enum class Material : std::uint8_t {
    kPlain,
    kFacade,
    kRoof,
    kBrick,
    kBars,
    kLeaves,
    kBark,
    kMetal,
    kPaint,
    kCabin,
    kWheel,
    kSpokes,
    kCargo,
    kBus,
    kTruckCab,
    kCloth,
    kSkin,
    kSignal,
    kSign,
    kLampHead,
    kHedge,
};

/// One convex solid in its own frame. `half` are half sizes (box), radii (ellipsoid), or radius, radius and half length
/// (cylinder and capsule, along local z); a hull is the intersection of half spaces within the box `half`.
struct Solid {
    Kind kind = Kind::kBox;
    Material material = Material::kPlain;
    std::uint8_t label = kVoid;
    bool cutout = false;  ///< parts of the surface are holes
    int instance = -1;    ///< index into Scene::instances
    Vec3 center;
    Mat3 axes;
    Vec3 half;
    float radius = 0;  ///< of the sphere around it
    int first_plane = 0, plane_count = 0;
    Vec3 color, color2;
    std::array<float, 6> p{};  ///< the material's parameters
    std::uint32_t seed = 0;
};

struct Plane {
    Vec3 normal;  ///< local, outward, unit
    float offset = 0;
};

struct Instance {
    Category category;
    Vec3 foot;  ///< centre of its footprint on the ground
    Mat3 axes;  ///< local y is its heading
    Vec3 half;  ///< half sizes of the footprint, for its contact shadow; zero: none
};

struct Lamp {
    Vec3 position, color;
};

struct Light {
    Vec3 sun, sun_color, zenith, horizon, ambient;
    float clouds = 0, night = 0, fog = 0, wet = 0, rain = 0;
    Vec3 fog_color;
    std::uint32_t cloud_seed = 0;
    std::vector<Lamp> lamps;
};

struct Camera {
    double x = 0, y = 0, z = 0;
    Vec3 right, down, forward;
    float fx = 0, fy = 0, cx = 0, cy = 0, height = 0, pitch = 0, roll = 0, yaw = 0, speed = 0;
    Vec3 position() const { return {static_cast<float>(x), static_cast<float>(y), static_cast<float>(z)}; }
};

struct Sensor {
    float brightness = 0.25f, noise = 0, vignette = 0, blur = 0, shutter = 0, contrast = 0, saturation = 1;
    Vec3 balance{1, 1, 1};
    std::uint32_t seed = 0;
};

struct Scene {
    Road road;
    Light light;
    Camera camera;
    Sensor sensor;
    std::uint32_t seed = 0;
    std::vector<Solid> solids;
    std::vector<Plane> planes;
    std::vector<Instance> instances;
};

/// The nearest hit of a ray in the solid's frame at a distance over `nearest`; `normal` (local) may be null.
bool intersect(const Solid& solid, const std::vector<Plane>& planes, Vec3 origin, Vec3 direction, float nearest,
               float& distance, Vec3* normal);

/// Whether the surface of a solid with holes is there, where a ray hits it; all in the solid's frame.
bool is_opaque(const Solid& solid, Vec3 local, Vec3 normal, Vec3 direction);

/// The scene of a seed and an index; `time` in seconds moves the camera and what else moves, `reach` is how far ahead
/// of the start the street is built, `lasting` keeps the way free for a sequence.
Scene compose(std::uint64_t seed, std::uint64_t index, float time, float reach, bool lasting, int height, int width);

}  // namespace roads
