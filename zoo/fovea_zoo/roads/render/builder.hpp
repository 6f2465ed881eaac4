#pragma once

#include <initializer_list>

#include "scene.hpp"

// Helpers that put objects into a scene. Objects have x to their right, y forward and z up, with the origin on the
// ground.
namespace roads {

struct Builder {
    Scene& scene;
    Vec3 origin;
    Mat3 axes;
    int instance = -1;

    /// Begins an object with a box of its own; `half` is its footprint.
    void begin(Category category, Vec3 half);
    Solid& box(Label label, Material material, Vec3 center, Vec3 half, Vec3 color, const Mat3& local = {});
    Solid& ellipsoid(Label label, Material material, Vec3 center, Vec3 radii, Vec3 color, const Mat3& local = {});
    Solid& capsule(Label label, Material material, Vec3 a, Vec3 b, float radius, Vec3 color);
    Solid& cylinder(Label label, Material material, Vec3 a, Vec3 b, float radius, Vec3 color);
    /// A convex outline in the (y, z) plane, anticlockwise seen from +x, of half width `half_x` at z = `z_wide`, where
    /// the sides lean inward by `lean` metres a metre of height.
    Solid& prism(Label label, Material material, std::initializer_list<std::array<float, 2>> outline, float half_x,
                 float z_wide, float lean, Vec3 color);

  private:
    Solid& add(Kind kind, Label label, Material material, Vec3 center, const Mat3& local, Vec3 half, Vec3 color);
};

/// What a vehicle or a person does besides standing: lamps at night, braking, the phase of the steps.
struct Action {
    bool lamps = false, braking = false;
    float phase = 0;   ///< of the steps or the pedals, in turns
    float stride = 0;  ///< 0: stands
};

enum class Vehicle : std::uint8_t { kCar, kVan, kLorry, kBus, kBicycle, kMotorcycle };

Vec3 random_color(Rng& rng, float low, float high, float saturation);

/// Half sizes of the footprint of the vehicle that these functions build from the same generator state.
Vec3 add_vehicle(Builder& builder, Vehicle vehicle, Rng rng, const Action& action);
/// A bicycle or motorcycle without a rider when `riding` is false: then it has no box.
void add_two_wheeler(Builder& builder, bool motor, bool riding, Rng rng, const Action& action);
void add_person(Builder& builder, Rng rng, const Action& action);

void add_tree(Builder& builder, Rng rng, float size, bool winter);
void add_bush(Builder& builder, Rng rng, float size);
void add_lamp(Builder& builder, Rng rng, float arm, bool lit);
void add_sign(Builder& builder, Rng rng, float height, float size, float shift);
void add_signal(Builder& builder, Rng rng, float arm, int state);
void add_gantry(Builder& builder, Rng rng, float half_span);
/// A block of `width` along local x and `depth` behind y = 0, `height` tall.
void add_building(Builder& builder, Rng rng, float width, float depth, float height, bool shops);
void add_house(Builder& builder, Rng rng, float width, float depth, float height);
/// A fence, wall, hedge or guard rail along local x, centred.
void add_barrier(Builder& builder, Rng rng, int style, float length, float height);

/// The steps of `compose`.
void compose_road(Scene& scene, Rng rng, float reach);
void compose_light(Scene& scene, Rng rng);
void compose_sides(Scene& scene, std::uint64_t seed, float reach);
void compose_traffic(Scene& scene, std::uint64_t seed, float time, float reach, bool lasting);

}  // namespace roads
