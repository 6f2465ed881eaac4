#include "builder.hpp"

namespace roads {
namespace {

enum : std::uint64_t { kRoadStream = 1, kLightStream, kCameraStream, kSensorStream };

void set_lanes(Road& road, Rng& rng) {
    float& lane = road.lane;
    int &left = road.lanes_left, &right = road.lanes_right;
    road.pavement = rng.uniform(1.8f, 4.5f);
    const auto parking = [&](float chance) { return rng.chance(chance) ? rng.uniform(2.0f, 2.4f) : 0.0f; };
    switch (road.family) {
        case Family::kCity:
            lane = rng.uniform(2.9f, 3.5f), left = rng.chance(0.2f) ? 0 : 1, right = rng.chance(0.25f) ? 2 : 1;
            road.parking_left = parking(0.7f), road.parking_right = parking(0.7f);
            break;
        case Family::kAvenue:
            lane = rng.uniform(3.0f, 3.5f), left = right = 2;
            if (rng.chance(0.5f)) road.median = rng.uniform(0.8f, 2.5f);
            road.verge = rng.uniform(1.2f, 2.5f);
            road.parking_left = parking(0.5f), road.parking_right = parking(0.5f);
            break;
        case Family::kHighway:
            lane = rng.uniform(3.5f, 3.75f), left = 2 + rng.integer(2), right = 2 + rng.integer(2);
            road.median = rng.uniform(1.0f, 3.0f);
            road.parking_left = road.parking_right = rng.uniform(1.5f, 3.0f);
            road.pavement = 0, road.kerb_height = 0, road.grass_beyond = true;
            break;
        case Family::kCountry:
            lane = rng.uniform(2.8f, 3.6f);
            road.parking_left = road.parking_right = rng.uniform(0.2f, 1.0f);
            road.pavement = 0, road.kerb_height = 0, road.grass_beyond = true;
            break;
        case Family::kIntersection:
            lane = rng.uniform(3.0f, 3.5f), left = 1 + rng.integer(2), right = 1 + rng.integer(2);
            road.corner = rng.uniform(3, 7);
            break;
        case Family::kResidential:
            lane = rng.uniform(2.5f, 3.2f);
            road.parking_left = parking(0.4f), road.parking_right = parking(0.5f);
            if (rng.chance(0.4f)) road.verge = rng.uniform(0.8f, 2.0f);
            road.pavement = rng.uniform(1.3f, 2.4f), road.grass_beyond = true;
            break;
    }
    const float edge_right = road.median + road.lane * static_cast<float>(road.lanes_right);
    const float edge_left = road.median + road.lane * static_cast<float>(road.lanes_left);
    road.half_right = edge_right + road.parking_right;
    road.half_left = edge_left + std::max(road.parking_left, road.lanes_left == 0 ? 0.4f : 0.0f);

    const bool yellow = rng.chance(0.2f), fast = road.family == Family::kHighway || road.family == Family::kCountry;
    const float dash = fast ? 6.0f : 3.0f, gap = fast ? 12.0f : rng.uniform(3, 6);
    const bool marked = road.family != Family::kResidential || rng.chance(0.4f);
    if (marked && road.median == 0 && road.lanes_left > 0) {
        if (rng.chance(0.25f)) {
            road.lines.push_back({-0.14f, 0.12f, 0, 0, yellow});
            road.lines.push_back({0.14f, 0.12f, rng.chance(0.5f) ? dash : 0.0f, gap, yellow});
        } else {
            road.lines.push_back({0, rng.uniform(0.1f, 0.15f), rng.chance(0.3f) ? 0.0f : dash, gap, yellow});
        }
    }
    for (int n = 1; n < road.lanes_right; ++n)
        road.lines.push_back({road.median + road.lane * static_cast<float>(n), 0.13f, dash, gap});
    for (int n = 1; n < road.lanes_left; ++n)
        road.lines.push_back({-road.median - road.lane * static_cast<float>(n), 0.13f, dash, gap});
    if (fast || (marked && rng.chance(0.35f))) {
        road.lines.push_back({edge_right - (road.parking_right > 0 ? 0 : 0.25f), fast ? 0.2f : 0.12f, 0, 0});
        road.lines.push_back({-edge_left + (road.parking_left > 0 ? 0 : 0.25f), fast ? 0.2f : 0.12f, 0, 0});
        if (road.median > 0)
            road.lines.push_back({road.median + 0.3f, 0.15f, 0, 0, yellow}),
                road.lines.push_back({-road.median - 0.3f, 0.15f, 0, 0, yellow});
    } else if (road.parking_right > 1.5f && rng.chance(0.6f)) {
        road.lines.push_back({edge_right, 0.1f, rng.chance(0.5f) ? 1.0f : 0.0f, 1});
    }
}

}  // namespace

void compose_road(Scene& scene, Rng rng, float reach) {
    Road& road = scene.road;
    const float pick = rng.uniform();
    road.family = pick < 0.3f    ? Family::kCity
                  : pick < 0.47f ? Family::kAvenue
                  : pick < 0.57f ? Family::kHighway
                  : pick < 0.67f ? Family::kCountry
                  : pick < 0.84f ? Family::kIntersection
                                 : Family::kResidential;
    road.seed = rng.bits();
    set_lanes(road, rng);
    const bool open = road.family == Family::kHighway || road.family == Family::kCountry;
    if (road.family != Family::kIntersection && rng.chance(0.6f)) {
        const float sign = rng.chance(0.5f) ? 1.f : -1.f;
        road.bend = sign / rng.uniform(open ? 150 : 120, 700);
    }
    road.max_slope = rng.uniform(0.1f, 0.35f);
    float rise = 0, height = 0;
    const float hilly = rng.chance(0.5f) ? rng.uniform(0, open ? 0.035f : 0.022f) : 0;
    for (int n = 0; n <= Road::kSteps; ++n) {
        road.profile[static_cast<std::size_t>(n)] = height;
        rise = 0.6f * rise + hilly * rng.uniform(-1, 1);
        if (n >= 4) height += rise * Road::kStep;
    }
    road.tarmac_shade = rng.uniform(0.07f, 0.22f), road.wear = rng.uniform(0.0f, 0.75f);
    road.pavement_style = rng.integer(4);
    const float pavement_level = rng.uniform(0.7f, 1.4f);
    road.pavement_color = mix({0.3f, 0.28f, 0.26f}, {0.22f, 0.2f, 0.2f}, rng.uniform()) * pavement_level;
    const float grass_level = rng.uniform(0.7f, 1.2f);
    road.grass = mix({0.07f, 0.12f, 0.025f}, {0.17f, 0.16f, 0.06f}, rng.uniform()) * grass_level;
    if (open) {
        if (road.family == Family::kCountry && rng.chance(0.3f))
            road.sides.push_back({rng.uniform(25, 70), 2.8f, rng.chance(0.5f), rng.chance(0.6f)});
        return;
    }
    float station = road.family == Family::kIntersection ? rng.uniform(12, 34) : rng.uniform(25, 90);
    for (int slot = 0; station < reach; ++slot) {
        Rng own(rng.bits(), 77, slot);
        const bool junction = road.family == Family::kIntersection && slot == 0;
        const SideStreet side{station, own.uniform(2.8f, junction ? 7.0f : 4.0f), junction || own.chance(0.5f),
                              junction || own.chance(0.5f)};
        road.sides.push_back(side);
        if (side.left || side.right) {
            const float zebra = side.half + road.corner * 0.5f + own.uniform(1.5f, 3);
            const int style = own.integer(3);
            if (junction || own.chance(0.3f)) {
                road.crossings.push_back({station - zebra, own.uniform(1.5f, 2.2f), style});
                road.crossings.push_back({station + zebra, own.uniform(1.5f, 2.2f), style});
                road.crossings.push_back({station - zebra - own.uniform(3.0f, 4.0f), 0.25f, 3});
            }
        } else if (own.chance(0.6f)) {
            road.crossings.push_back({station, own.uniform(1.5f, 2.2f), own.integer(2)});
        }
        station += own.uniform(40, 90);
    }
}

void compose_light(Scene& scene, Rng rng) {
    Light& light = scene.light;
    const float hour = rng.uniform();  // clear, overcast, low sun, night
    const bool overcast = hour > 0.5f && hour < 0.78f, low = hour >= 0.78f && hour < 0.9f;
    light.night = hour >= 0.9f ? rng.uniform(0.6f, 1.0f) : 0;
    const float azimuth = rng.uniform(0, 6.2831853f);
    const float elevation = low ? rng.uniform(0.06f, 0.25f) : rng.uniform(0.35f, 1.15f);
    const auto s = static_cast<float>(sine(elevation)), c = static_cast<float>(cosine(elevation));
    light.sun = {c * static_cast<float>(sine(azimuth)), c * static_cast<float>(cosine(azimuth)), s};
    light.cloud_seed = rng.bits();
    light.clouds = overcast ? rng.uniform(0.75f, 1.0f) : rng.uniform(0.0f, 0.65f);
    const Vec3 noon{3.0f, 2.8f, 2.5f}, evening{2.6f, 1.35f, 0.55f};
    light.sun_color = low ? mix(evening, noon, (elevation - 0.06f) * 2.5f) : noon;
    light.zenith = mix({0.28f, 0.52f, 1.05f}, {0.42f, 0.68f, 1.1f}, rng.uniform());
    light.horizon = mix({0.95f, 1.1f, 1.3f}, {1.15f, 1.18f, 1.2f}, rng.uniform());
    light.ambient = {0.5f, 0.58f, 0.7f};
    if (low) {
        light.zenith = light.zenith * 0.6f;
        light.horizon = mix({0.95f, 0.6f, 0.35f}, {0.8f, 0.65f, 0.6f}, rng.uniform());
        light.ambient = {0.38f, 0.36f, 0.42f};
    }
    if (overcast) {
        const float grey = rng.uniform(0.55f, 0.95f);
        light.sun_color = light.sun_color * (rng.chance(0.6f) ? 0.0f : rng.uniform(0.02f, 0.2f));
        light.zenith = Vec3{0.75f, 0.8f, 0.88f} * grey, light.horizon = Vec3{0.92f, 0.94f, 0.96f} * grey;
        light.ambient = Vec3{0.85f, 0.88f, 0.93f} * grey;
        if (rng.chance(0.3f)) light.rain = rng.uniform(0.3f, 1), light.wet = rng.uniform(0.5f, 1);
        if (rng.chance(0.3f)) light.fog = rng.uniform(0.004f, 0.022f);
    } else if (rng.chance(0.12f)) {
        light.wet = rng.uniform(0.2f, 0.7f);
    }
    light.fog += rng.uniform(0.0002f, 0.0022f);
    if (light.night > 0) {
        const float dusk = 1 - light.night;
        light.sun_color = Vec3{0.02f, 0.025f, 0.035f};
        light.zenith = Vec3{0.01f, 0.014f, 0.03f} + Vec3{0.05f, 0.09f, 0.2f} * dusk;
        light.horizon = Vec3{0.05f, 0.04f, 0.035f} + Vec3{0.3f, 0.22f, 0.22f} * dusk;
        light.ambient = Vec3{0.035f, 0.035f, 0.045f} + Vec3{0.14f, 0.16f, 0.22f} * dusk;
        if (rng.chance(0.3f)) light.wet = rng.uniform(0.3f, 1);
    }
    light.fog_color = mix(light.horizon, light.ambient, 0.35f);
    if (light.sun.z < 0.12f) light.sun = normalized(light.sun + Vec3{0, 0, 0.05f});
}

Scene compose(std::uint64_t seed, std::uint64_t index, float time, float reach, bool lasting, int height, int width) {
    const std::uint64_t own = mix_bits(mix_bits(seed) + index * 0xA24BAED4963EE407ull);
    Scene scene;
    scene.seed = static_cast<std::uint32_t>(own);
    compose_road(scene, Rng(own, kRoadStream), reach);
    compose_light(scene, Rng(own, kLightStream));

    Rng rng(own, kCameraStream);
    Camera& camera = scene.camera;
    const Road& road = scene.road;
    const bool fast = road.family == Family::kHighway || road.family == Family::kCountry;
    camera.speed = fast ? rng.uniform(14, 22) : rng.uniform(4, 11);
    const float lane = road.median + road.lane * (0.5f + static_cast<float>(rng.integer(road.lanes_right)));
    const float station = camera.speed * time;
    const Vec3 ground = road.place(lane + rng.uniform(-0.35f, 0.35f), station);
    camera.height = rng.uniform(1.25f, 1.5f);
    camera.yaw = rng.uniform(-0.035f, 0.035f), camera.pitch = rng.uniform(-0.03f, 0.035f),
    camera.roll = rng.uniform(-0.012f, 0.012f);
    const auto w = static_cast<float>(width);
    camera.fx = camera.fy = w * rng.uniform(0.84f, 0.98f);
    camera.cx = 0.5f * w + 0.02f * w * rng.uniform(-1, 1);
    camera.cy = 0.5f * static_cast<float>(height) + 0.02f * w * rng.uniform(-1, 1);
    camera.x = ground.x, camera.y = ground.y, camera.z = ground.z + camera.height;
    const Mat3 car = road.axes(station, false).child(turned(-camera.yaw));
    const auto sp = static_cast<float>(sine(camera.pitch)),
               cp = static_cast<float>(cosine(camera.pitch));  // down is positive
    const auto sr = static_cast<float>(sine(camera.roll)), cr = static_cast<float>(cosine(camera.roll));
    camera.forward = normalized(car.y * cp - car.z * sp);
    const Vec3 down = cross(camera.forward, car.x);
    camera.right = normalized(car.x * cr + down * sr);
    camera.down = cross(camera.forward, camera.right);

    Rng sensor(own, kSensorStream);
    const float night = scene.light.night;
    Sensor& s = scene.sensor;
    s.brightness = night > 0 ? sensor.uniform(0.07f, 0.17f) : sensor.uniform(0.17f, 0.36f);
    s.noise = sensor.uniform(0.002f, 0.011f) * (1 + 1.5f * night);
    s.vignette = sensor.uniform(0.0f, 0.4f), s.blur = sensor.uniform(0.0f, 0.5f);
    s.shutter = sensor.chance(0.5f) ? sensor.uniform(0.0f, 0.02f) : 0;
    s.contrast = sensor.uniform(0.0f, 0.6f), s.saturation = sensor.uniform(0.75f, 1.2f);
    s.balance = {sensor.uniform(0.92f, 1.08f), 1, sensor.uniform(0.92f, 1.08f)};
    s.seed =
        static_cast<std::uint32_t>(mix_bits(own + static_cast<std::uint64_t>(static_cast<std::int64_t>(time * 1000))));

    compose_sides(scene, own, reach);
    compose_traffic(scene, own, time, reach, lasting);
    return scene;
}

}  // namespace roads
