#include "builder.hpp"

namespace roads {
namespace {

const Vec3 kRubber{0.02f, 0.02f, 0.022f}, kDark{0.025f, 0.026f, 0.03f};

Vec3 paint_color(Rng& rng) {
    static const Vec3 common[] = {{0.02f, 0.02f, 0.025f}, {0.55f, 0.56f, 0.57f}, {0.75f, 0.75f, 0.74f},
                                  {0.12f, 0.13f, 0.14f},  {0.28f, 0.29f, 0.31f}, {0.02f, 0.05f, 0.18f},
                                  {0.45f, 0.02f, 0.02f},  {0.02f, 0.16f, 0.4f},  {0.25f, 0.2f, 0.14f},
                                  {0.03f, 0.14f, 0.06f},  {0.6f, 0.35f, 0.03f},  {0.3f, 0.02f, 0.05f}};
    if (rng.chance(0.1f)) return random_color(rng, 0.1f, 0.5f, 0.9f);
    const float u = rng.uniform();
    return common[static_cast<int>(u * u * 11.99f)] * rng.uniform(0.8f, 1.25f);
}

void add_wheel(Builder& b, Label label, float x, float y, float radius, float half_width) {
    Solid& wheel =
        b.cylinder(label, Material::kWheel, {x - half_width, y, radius}, {x + half_width, y, radius}, radius, kRubber);
    wheel.p = {radius, half_width};
}

/// Shared by the painted bodies: where lamps, plate, arches and doors are, in the body's frame.
void set_body(Solid& body, float lamp_z, float front_wheel, float rear_wheel, float wheel_radius, const Action& action,
              Rng& rng) {
    body.p = {lamp_z,       rng.uniform(0.05f, 0.1f),
              front_wheel,  rear_wheel,
              wheel_radius, (action.lamps ? 1.0f : 0.0f) + (action.braking ? 2.0f : 0.0f)};
    body.seed = rng.bits();
}

Vec3 add_car(Builder& b, Rng rng, const Action& action) {
    const int shape = rng.integer(5);  // saloon, hatchback, estate, off-roader, small
    static const float lengths[] = {4.65f, 4.2f, 4.7f, 4.6f, 3.65f}, heights[] = {1.43f, 1.48f, 1.47f, 1.72f, 1.52f};
    const float half_y = 0.5f * lengths[shape] * rng.uniform(0.95f, 1.06f), half_x = rng.uniform(0.84f, 0.95f);
    const float top = heights[shape] * rng.uniform(0.96f, 1.05f), belt = top * rng.uniform(0.6f, 0.66f);
    const float low = shape == 3 ? 0.27f : 0.2f, radius = shape == 3 ? 0.37f : 0.32f;
    const Vec3 color = paint_color(rng);
    b.begin(Category::kCar, {half_x, half_y, 0});
    const float cowl = half_y * (shape == 4 ? 0.5f : rng.uniform(0.36f, 0.45f)),
                bonnet = belt - rng.uniform(0.08f, 0.2f);
    const float tail = shape == 0 ? belt - 0.02f : belt + 0.03f;
    Solid& body = b.prism(kCar, Material::kPaint,
                          {{half_y - 0.12f, low},
                           {half_y, low + 0.18f},
                           {half_y - 0.05f, bonnet - 0.08f},
                           {half_y - 0.3f, bonnet},
                           {cowl, belt},
                           {-half_y + 0.3f, tail},
                           {-half_y + 0.04f, tail - 0.1f},
                           {-half_y, low + 0.2f},
                           {-half_y + 0.12f, low}},
                          half_x, 0.6f, 0.1f, color);
    const float front = half_y * 0.64f, rear = -half_y * 0.62f, middle_z = 0.5f * (low + std::max(belt, tail));
    set_body(body, bonnet - 0.14f - middle_z, front, rear, radius, action, rng);
    const float roof_front = cowl - (top - belt) * rng.uniform(1.1f, 1.6f);
    const float rear_base = shape == 0 ? -half_y * rng.uniform(0.55f, 0.66f) : -half_y + 0.08f;
    const float rear_lean = shape == 0 ? rng.uniform(0.9f, 1.4f) : rng.uniform(0.2f, 0.6f);
    Solid& cabin = b.prism(kCar, Material::kCabin,
                           {{cowl + 0.1f, belt - 0.06f},
                            {roof_front, top - 0.03f},
                            {roof_front - 0.4f, top},
                            {rear_base + rear_lean * (top - belt) + 0.2f, top - 0.01f},
                            {rear_base + rear_lean * (top - belt), top - 0.05f},
                            {rear_base - 0.05f, belt - 0.06f}},
                           half_x - 0.06f, belt, rng.uniform(0.25f, 0.38f), color);
    cabin.p = {rng.uniform(0.0f, 0.15f) * half_y, 0.07f, shape == 0 || shape == 4 ? 0.0f : 1.0f,
               rng.chance(0.2f) ? 1.0f : 0.0f};
    for (const float side : {-1.0f, 1.0f}) {
        add_wheel(b, kCar, side * (half_x - 0.1f), front, radius, 0.11f);
        add_wheel(b, kCar, side * (half_x - 0.1f), rear, radius, 0.11f);
        b.ellipsoid(kCar, Material::kMetal, {side * (half_x + 0.09f), cowl - 0.25f, belt + 0.05f}, {0.1f, 0.06f, 0.07f},
                    color);
    }
    return {half_x, half_y, 0};
}

Vec3 add_van(Builder& b, Rng rng, const Action& action) {
    const float half_y = rng.uniform(2.3f, 3.0f), half_x = rng.uniform(0.95f, 1.02f), top = rng.uniform(1.9f, 2.6f),
                low = 0.25f;
    const Vec3 color = rng.chance(0.5f) ? Vec3{0.7f, 0.7f, 0.69f} : paint_color(rng);
    const Category category = Category::kCar;
    b.begin(category, {half_x, half_y, 0});
    const float nose = rng.uniform(0.5f, 0.9f), belt = 1.15f;
    Solid& body = b.prism(kCar, Material::kPaint,
                          {{half_y - 0.1f, low},
                           {half_y, low + 0.2f},
                           {half_y - 0.06f, 0.95f},
                           {half_y - nose, belt},
                           {half_y - nose - 0.05f, belt + 0.02f},
                           {-half_y, belt + 0.02f},
                           {-half_y, low}},
                          half_x, 0.7f, 0.02f, color);
    set_body(body, 0.8f - 0.5f * (low + belt), half_y * 0.66f, -half_y * 0.6f, 0.34f, action, rng);
    const float lean = rng.uniform(0.5f, 0.75f);
    Solid& cabin = b.prism(kCar, Material::kCabin,
                           {{half_y - nose + 0.05f, belt - 0.05f},
                            {half_y - nose - lean * (top - belt), top - 0.05f},
                            {half_y - nose - lean * (top - belt) - 0.2f, top},
                            {-half_y + 0.12f, top},
                            {-half_y + 0.01f, belt - 0.05f}},
                           half_x - 0.01f, belt, 0.07f, color);
    cabin.p = {half_y * 0.25f, 0.08f, rng.chance(0.5f) ? 1.0f : 2.0f, 0};
    for (const float side : {-1.0f, 1.0f}) {
        add_wheel(b, kCar, side * (half_x - 0.1f), half_y * 0.66f, 0.34f, 0.12f);
        add_wheel(b, kCar, side * (half_x - 0.1f), -half_y * 0.6f, 0.34f, 0.12f);
        b.box(kCar, Material::kPlain, {side * (half_x + 0.12f), half_y - nose - 0.3f, belt + 0.2f},
              {0.08f, 0.05f, 0.15f}, kDark);
    }
    return {half_x, half_y, 0};
}

Vec3 add_lorry(Builder& b, Rng rng, const Action& action) {
    const float half_y = rng.chance(0.4f) ? rng.uniform(5.5f, 8.0f) : rng.uniform(3.2f, 5.0f),
                half_x = rng.uniform(1.15f, 1.25f);
    const float cab = rng.uniform(1.8f, 2.3f), cab_top = rng.uniform(2.5f, 3.2f), cargo_top = rng.uniform(2.9f, 3.8f);
    const Vec3 color = paint_color(rng),
               cargo_color = rng.chance(0.4f) ? Vec3{0.7f, 0.7f, 0.68f} : random_color(rng, 0.1f, 0.5f, 0.7f);
    b.begin(Category::kTruck, {half_x, half_y, 0});
    Solid& front = b.prism(kTruck, Material::kTruckCab,
                           {{half_y, 0.4f},
                            {half_y, 1.5f},
                            {half_y - 0.25f, cab_top - 0.1f},
                            {half_y - 0.5f, cab_top},
                            {half_y - cab, cab_top},
                            {half_y - cab, 0.4f}},
                           half_x - 0.05f, 1, 0.02f, color);
    front.p = {0, 0, half_y * 0.8f, -99, 0.5f, (action.lamps ? 1.0f : 0.0f)};
    front.seed = rng.bits();
    const int style = rng.integer(4);  // box, curtain, container, tipper
    const float cargo_y = 0.5f * (half_y - cab - 0.25f - half_y), cargo_half = 0.5f * (2 * half_y - cab - 0.25f);
    const float top = style == 3 ? cargo_top - 1.1f : cargo_top;
    Solid& cargo = b.box(kTruck, Material::kCargo, {0, cargo_y, 0.5f * (1.1f + top)},
                         {half_x, cargo_half, 0.5f * (top - 1.1f)}, cargo_color);
    cargo.p = {static_cast<float>(style), 0, 0, 0, 0, (action.lamps ? 1.0f : 0.0f) + (action.braking ? 2.0f : 0.0f)};
    cargo.color2 = random_color(rng, 0.05f, 0.5f, 0.8f);
    Solid& rear = b.box(kTruck, Material::kPlain, {0, -0.1f, 0.85f}, {half_x * 0.8f, half_y - 0.15f, 0.25f}, kDark);
    rear.p = {};
    Solid& bar = b.box(kTruck, Material::kCargo, {0, -half_y + 0.06f, 0.72f}, {half_x * 0.95f, 0.06f, 0.14f}, kDark);
    bar.p = {9, 0, 0, 0, 0, cargo.p[5]};
    const int axles = half_y > 5 ? 4 : 2;
    for (int n = 0; n < axles; ++n) {
        const float y = n == 0 ? half_y - 1.0f : -half_y + 1.1f + 1.3f * static_cast<float>(n - 1);
        for (const float side : {-1.0f, 1.0f}) add_wheel(b, kTruck, side * (half_x - 0.16f), y, 0.5f, 0.16f);
    }
    for (const float side : {-1.0f, 1.0f})
        b.box(kTruck, Material::kPlain, {side * (half_x + 0.15f), half_y - 0.2f, 2.0f}, {0.1f, 0.06f, 0.3f}, kDark);
    return {half_x, half_y, 0};
}

Vec3 add_bus(Builder& b, Rng rng, const Action& action) {
    const float half_y = rng.uniform(5.2f, 6.3f), half_x = 1.25f, top = rng.uniform(2.9f, 3.2f);
    b.begin(Category::kBus, {half_x, half_y, 0});
    static const Vec3 colors[] = {
        {0.6f, 0.45f, 0.03f}, {0.5f, 0.03f, 0.03f}, {0.65f, 0.65f, 0.63f}, {0.03f, 0.2f, 0.4f}, {0.06f, 0.3f, 0.12f}};
    const float level = rng.uniform(0.8f, 1.2f);
    Solid& body = b.prism(kBus, Material::kBus,
                          {{half_y, 0.3f},
                           {half_y, 1.2f},
                           {half_y - 0.15f, top - 0.12f},
                           {half_y - 0.35f, top},
                           {-half_y + 0.1f, top},
                           {-half_y, top - 0.15f},
                           {-half_y, 0.3f}},
                          half_x, 1.5f, 0.015f, colors[rng.integer(5)] * level);
    body.color2 = rng.chance(0.5f) ? body.color : random_color(rng, 0.1f, 0.6f, 0.5f);
    set_body(body, 0, half_y * 0.58f, -half_y * 0.5f, 0.48f, action, rng);
    for (const float side : {-1.0f, 1.0f}) {
        add_wheel(b, kBus, side * (half_x - 0.13f), half_y * 0.58f, 0.48f, 0.15f);
        add_wheel(b, kBus, side * (half_x - 0.13f), -half_y * 0.5f, 0.48f, 0.15f);
        b.box(kBus, Material::kPlain, {side * (half_x + 0.15f), half_y + 0.05f, 2.2f}, {0.09f, 0.07f, 0.22f}, kDark);
    }
    return {half_x, half_y, 0};
}

/// The rider's limbs from saddle to handlebar; legs follow the pedals' phase.
void add_rider(Builder& b, Rng& rng, Vec3 saddle, Vec3 hands, Vec3 pedals, bool motor, float phase) {
    const Vec3 jacket = random_color(rng, 0.05f, 0.5f, 0.8f), trousers = random_color(rng, 0.03f, 0.2f, 0.4f);
    const Vec3 shoulder = saddle + Vec3{0, (hands.y - saddle.y) * (motor ? 0.35f : 0.45f), 0.5f};
    b.capsule(kRider, Material::kCloth, saddle + Vec3{0, 0, 0.1f}, shoulder, 0.17f, jacket);
    for (const float side : {-1.0f, 1.0f}) {
        const double turn = 6.2831853 * (phase + (side > 0 ? 0.5 : 0.0));
        const Vec3 foot = pedals + Vec3{side * 0.14f, motor ? 0 : 0.17f * static_cast<float>(sine(turn)),
                                        motor ? 0 : 0.17f * static_cast<float>(cosine(turn))};
        const Vec3 knee = (saddle + foot) * 0.5f + Vec3{side * 0.12f, 0.26f, 0.1f};
        b.capsule(kRider, Material::kCloth, saddle + Vec3{side * 0.1f, 0, 0.02f}, knee, 0.085f, trousers);
        b.capsule(kRider, Material::kCloth, knee, foot + Vec3{0, 0, 0.05f}, 0.06f, trousers);
        b.ellipsoid(kRider, Material::kPlain, foot + Vec3{0, 0.06f, 0.03f}, {0.05f, 0.13f, 0.05f}, kDark);
        const Vec3 elbow = (shoulder + hands) * 0.5f + Vec3{side * 0.26f, 0, -0.06f};
        b.capsule(kRider, Material::kCloth, shoulder + Vec3{side * 0.17f, 0, -0.04f}, elbow, 0.055f, jacket);
        b.capsule(kRider, Material::kCloth, elbow, hands + Vec3{side * 0.25f, 0, 0.02f}, 0.045f, jacket);
    }
    const Vec3 head = shoulder + Vec3{0, 0.08f, 0.26f};
    const bool helmet = motor || rng.chance(0.5f);
    b.ellipsoid(kRider, Material::kSkin, head, {0.085f, 0.1f, 0.12f}, {0.45f, 0.28f, 0.2f});
    const float grow = motor ? 0.05f : 0.02f;
    b.ellipsoid(kRider, helmet ? Material::kMetal : Material::kCloth, head + Vec3{0, -0.015f, 0.045f},
                {0.09f + grow, 0.11f + grow, 0.1f + grow},
                helmet ? random_color(rng, 0.1f, 0.6f, 0.8f) : Vec3{0.05f, 0.035f, 0.025f});
}

}  // namespace

void add_two_wheeler(Builder& b, bool motor, bool riding, Rng rng, const Action& action) {
    if (riding) b.begin(Category::kCyclist, {0.25f, 0.9f, 0});
    const Label label = motor ? kMotorcycle : kBicycle;
    const Vec3 color = random_color(rng, 0.05f, 0.45f, 0.9f);
    const float base = motor ? 0.72f : 0.53f, radius = motor ? 0.31f : 0.34f, half = motor ? 0.06f : 0.02f;
    for (const float side : {-1.0f, 1.0f}) {
        Solid& wheel = b.cylinder(label, motor ? Material::kWheel : Material::kSpokes, {-half, side * base, radius},
                                  {half, side * base, radius}, radius, kRubber);
        wheel.p = {radius, half};
    }
    const float tube = motor ? 0.045f : 0.022f, saddle_z = motor ? 0.8f : rng.uniform(0.9f, 1.0f),
                bar_z = motor ? 1.02f : 1.03f;
    const Vec3 saddle{0, -0.18f, saddle_z}, crank{0, -0.02f, 0.3f}, head{0, base - 0.2f, bar_z - 0.1f};
    b.capsule(label, Material::kMetal, head, {0, base, radius}, tube, color);
    b.capsule(label, Material::kMetal, {0, -base, radius}, saddle, tube, color);
    b.capsule(label, Material::kMetal, {-0.28f, base - 0.24f, bar_z}, {0.28f, base - 0.24f, bar_z}, tube, kDark);
    b.ellipsoid(label, Material::kPlain, saddle, {motor ? 0.15f : 0.08f, motor ? 0.4f : 0.14f, 0.05f}, kDark);
    if (motor) {
        b.ellipsoid(label, Material::kMetal, {0, 0.12f, 0.72f}, {0.17f, 0.38f, 0.2f}, color);
        b.box(label, Material::kPlain, {0, 0, 0.45f}, {0.17f, 0.3f, 0.18f}, {0.1f, 0.1f, 0.1f});
        b.ellipsoid(label, Material::kMetal, {0, base - 0.12f, 0.9f}, {0.13f, 0.09f, 0.14f}, color).p[5] = 1;
        if (riding && rng.chance(0.4f)) b.box(label, Material::kMetal, {0, -0.75f, 0.95f}, {0.22f, 0.2f, 0.18f}, color);
    } else {
        b.capsule(label, Material::kMetal, head, crank, tube, color);
        b.capsule(label, Material::kMetal, head + Vec3{0, -0.05f, -0.06f}, saddle + Vec3{0, 0, -0.1f}, tube, color);
        b.capsule(label, Material::kMetal, crank, {0, -base, radius}, tube * 0.8f, color);
        if (rng.chance(0.3f))
            b.box(label, Material::kPlain, {0, base - 0.05f, 0.85f}, {0.17f, 0.13f, 0.12f}, {0.2f, 0.14f, 0.07f});
    }
    if (!riding) return;
    add_rider(b, rng, saddle, {0, base - 0.26f, bar_z}, motor ? Vec3{0, 0.1f, 0.34f} : crank, motor, action.phase);
}

Vec3 add_vehicle(Builder& builder, Vehicle vehicle, Rng rng, const Action& action) {
    switch (vehicle) {
        case Vehicle::kCar: return add_car(builder, rng, action);
        case Vehicle::kVan: return add_van(builder, rng, action);
        case Vehicle::kLorry: return add_lorry(builder, rng, action);
        case Vehicle::kBus: return add_bus(builder, rng, action);
        default: add_two_wheeler(builder, vehicle == Vehicle::kMotorcycle, true, rng, action); return {0.3f, 0.95f, 0};
    }
}

}  // namespace roads
