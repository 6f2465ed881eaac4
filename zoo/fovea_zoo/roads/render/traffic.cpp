#include "builder.hpp"

// Vehicles and people: parked, in the lanes, on the pavements, on crossings and in the side streets.
namespace roads {
namespace {

enum : std::uint64_t { kLanes = 200, kParked = 220, kWalkers = 240, kCrossers = 300, kCross = 320, kCyclists = 340 };

struct Traffic {
    static constexpr float kBehind = 14, kAhead = 150;
    Scene& scene;
    std::uint64_t seed;
    float time, reach;
    bool lasting;  ///< part of a sequence: nothing may stand where the camera will drive
    struct Place {
        float x, y, radius;
    };
    std::vector<Place> taken;

    const Road& road() const { return scene.road; }
    bool seen(float station) const {
        const auto here = static_cast<float>(scene.camera.y);
        return station > here - kBehind && station < here + kAhead;
    }
    bool is_free(Vec3 at, float radius) const {
        const auto cx = static_cast<float>(scene.camera.x), cy = static_cast<float>(scene.camera.y);
        const float dx = at.x - cx, dy = at.y - cy;
        if (std::abs(dx) < 1.3f + radius && dy > -3 && dy < 3.5f + radius) return false;
        for (const Place& p : taken)
            if ((p.x - at.x) * (p.x - at.x) + (p.y - at.y) * (p.y - at.y) < (p.radius + radius) * (p.radius + radius))
                return false;
        return true;
    }
    void take(Vec3 at, float half_length, Vec3 along) {
        for (const float part : {-0.66f, 0.0f, 0.66f})
            taken.push_back({at.x + along.x * half_length * part, at.y + along.y * half_length * part, 1.1f});
    }
    bool put(Vehicle vehicle, float offset, float station, bool against, Rng& rng, const Action& action, float turn) {
        const Vec3 at = road().place(offset, station);
        const bool small = vehicle == Vehicle::kBicycle || vehicle == Vehicle::kMotorcycle;
        if (!is_free(at, small ? 0.5f : 1.4f)) return false;
        Builder b{scene, at, road().axes(station, against).child(turned(turn))};
        const Vec3 half = add_vehicle(b, vehicle, rng, action);
        take(at, half.y, b.axes.y);
        return true;
    }
};

Vehicle pick_vehicle(Rng& rng, bool fast) {
    const float u = rng.uniform();
    if (u < (fast ? 0.62f : 0.64f)) return Vehicle::kCar;
    if (u < (fast ? 0.72f : 0.74f)) return Vehicle::kVan;
    if (u < (fast ? 0.94f : 0.83f)) return Vehicle::kLorry;
    if (u < (fast ? 0.97f : 0.93f)) return Vehicle::kBus;
    return Vehicle::kMotorcycle;
}

float length_of(Vehicle v) {
    return v == Vehicle::kLorry ? 15.0f
           : v == Vehicle::kBus ? 12.6f
           : v == Vehicle::kVan ? 6.0f
           : v == Vehicle::kCar ? 5.0f
                                : 2.2f;
}

void add_lane(Traffic& t, float offset, bool against, int number, bool own_lane) {
    Rng common(t.seed, kLanes, -1 - number);
    const bool fast = t.road().family == Family::kHighway;
    const float density = common.uniform(fast ? 14.0f : 8.0f, fast ? 80.0f : 60.0f), own_speed = t.scene.camera.speed;
    const float speed = against ? -own_speed * common.uniform(0.7f, 1.2f)
                                : own_speed * (own_lane ? 1.0f : common.uniform(0.85f, 1.25f));
    const bool lamps = t.scene.light.night > 0 || t.scene.light.rain > 0 || common.chance(0.2f);
    // behind the start, too: faster lanes overtake
    float at = own_lane ? common.uniform(6.5f, 16) : common.uniform(-20, 15) - (against ? 0 : 60);
    if (own_lane) at += common.uniform() * common.uniform() * 60;
    const float end = against ? t.reach * 2.5f : t.reach + 60;
    for (int slot = 0; at < end; ++slot) {
        Rng rng(t.seed, kLanes + static_cast<std::uint64_t>(number), slot);
        const Vehicle vehicle = pick_vehicle(rng, fast);
        const float half = 0.5f * length_of(vehicle), station = at + half + speed * t.time;
        at += 2 * half + 2.5f + density * rng.uniform() * rng.uniform() * 2;
        Action action{lamps, rng.chance(0.3f), rng.uniform() + t.time * 0.2f, 0};
        const float shift = rng.uniform(-0.25f, 0.25f);
        const float turn = rng.uniform(-0.02f, 0.02f);
        if (t.seen(station)) t.put(vehicle, offset + shift, station, against, rng, action, turn);
    }
}

void add_parked(Traffic& t, float sign) {
    const Road& road = t.road();
    const float strip = sign > 0 ? road.parking_right : road.parking_left;
    if (strip < 1.8f || road.family == Family::kHighway) return;
    const float offset = sign * ((sign > 0 ? road.half_right : road.half_left) - 0.5f * strip);
    Rng common(t.seed, kParked, sign > 0 ? -1 : -2);
    const float density = common.uniform(0.25f, 0.95f);
    for (int slot = 0; static_cast<float>(slot) * 5.7f - 15 < t.reach; ++slot) {
        Rng rng(t.seed, kParked + (sign > 0 ? 1 : 0), slot);
        const float station = static_cast<float>(slot) * 5.7f - 15;
        bool corner = false;
        for (const SideStreet& s : road.sides)
            corner |= (sign > 0 ? s.right : s.left) && std::abs(station - s.at) < s.half + road.corner + 4;
        for (const Crossing& c : road.crossings) corner |= std::abs(station - c.at) < c.half + 4;
        if (corner || !rng.chance(density) || !t.seen(station)) continue;
        const Vehicle vehicle = rng.chance(0.86f) ? Vehicle::kCar : Vehicle::kVan;
        const float turn = rng.uniform(-0.03f, 0.03f);
        const bool against = (sign < 0) != rng.chance(0.08f);
        const float shift = rng.uniform(-0.12f, 0.12f);
        t.put(vehicle, offset + shift, station, against, rng, {}, turn);
    }
}

void add_walkers(Traffic& t, float sign) {
    const Road& road = t.road();
    if (road.pavement <= 0) return;
    const float edge = sign > 0 ? road.half_right : road.half_left;
    Rng common(t.seed, kWalkers, sign > 0 ? -1 : -2);
    const float density =
        road.family == Family::kResidential ? common.uniform(0.02f, 0.15f) : common.uniform(0.06f, 0.5f);
    for (int slot = 0; static_cast<float>(slot) * 3.0f - 30 < t.reach + 30; ++slot) {
        Rng rng(t.seed, kWalkers + (sign > 0 ? 1 : 0), slot);
        const float away = road.verge + 0.5f + (road.pavement - 0.9f) * rng.uniform();
        const bool against = rng.chance(0.5f), still = rng.chance(0.2f);
        const int group = rng.chance(0.25f) ? 2 : 1;
        const float pace = still ? 0 : rng.uniform(0.9f, 1.6f),
                    start = static_cast<float>(slot) * 3.0f - 30 + rng.uniform(-1, 1);
        const float station = start + (against ? -pace : pace) * t.time;
        if (!rng.chance(density) || !t.seen(station)) continue;
        for (int n = 0; n < group; ++n) {
            const Vec3 at = road.place(sign * (edge + away + 0.6f * static_cast<float>(n)), station);
            Rng own(t.seed, kWalkers + 10 + (sign > 0 ? 1 : 0), slot * 2 + n);
            Builder b{
                t.scene, at,
                road.axes(station, against).child(turned(still ? own.uniform(-3, 3) : own.uniform(-0.15f, 0.15f)))};
            b.axes.z = {0, 0, 1}, b.axes.y = normalized({b.axes.y.x, b.axes.y.y, 0}),
            b.axes.x = cross(b.axes.y, b.axes.z);
            const Action walk{false, false, own.uniform() + pace * t.time * 0.7f,
                              still ? 0 : own.uniform(0.22f, 0.42f)};
            add_person(b, own, walk);
            if (rng.chance(0.04f) && n == 0) {
                Builder pushed{t.scene, at + b.axes.x * 0.5f, b.axes};
                add_two_wheeler(pushed, false, false, own, {});
            }
        }
    }
    for (int slot = 0; static_cast<float>(slot) * 16 < t.reach;
         ++slot) {  // bicycles and motorcycles leaning at the kerb
        Rng rng(t.seed, kWalkers + 20 + (sign > 0 ? 1 : 0), slot);
        const float station = static_cast<float>(slot) * 16 + rng.uniform(0, 8);
        const bool motor = rng.chance(0.3f);
        if (!rng.chance(0.3f) || !t.seen(station)) continue;
        for (int n = rng.integer(4); n >= 0; --n) {
            const float along = station + 0.6f * static_cast<float>(n);
            Builder b{t.scene, road.place(sign * (edge + 1.2f), along),
                      road.axes(along, false).child(turned(1.57f + rng.uniform(-0.2f, 0.2f)))};
            add_two_wheeler(b, motor, false, Rng(t.seed, kWalkers + 30, slot * 8 + n), {});
        }
    }
}

void add_crossers(Traffic& t) {
    const Road& road = t.road();
    int slot = 0;
    const auto cross_at = [&](float station, float chance) {
        for (int n = 0; n < 5; ++n) {
            Rng rng(t.seed, kCrossers, slot++);
            const bool leftwards = rng.chance(0.5f);
            const float pace = rng.uniform(0.9f, 1.5f), width = road.half_left + road.half_right;
            const float phase = rng.uniform(0, 1.6f) * width + pace * t.time,
                        way = phase - std::floor(phase / (2 * width)) * 2 * width;
            if (!rng.chance(chance) || way > width || !t.seen(station)) continue;
            const float offset = leftwards ? road.half_right - way : way - road.half_left;
            const Vec3 at = road.place(offset, station + rng.uniform(-1.2f, 1.2f));
            if (!t.is_free(at, 0.5f)) continue;
            const Mat3 along = road.axes(station, false);
            const Vec3 y = normalized(Vec3{along.x.x, along.x.y, 0} * (leftwards ? -1.0f : 1.0f));
            Builder b{t.scene, at, {cross(y, {0, 0, 1}), y, {0, 0, 1}}};
            const Action walk{false, false, rng.uniform() + pace * t.time * 0.7f, rng.uniform(0.25f, 0.42f)};
            add_person(b, rng, walk);
            t.taken.push_back({at.x, at.y, 0.4f});
        }
    };
    for (const Crossing& c : road.crossings)
        if (c.style != 3) cross_at(c.at, 0.5f);
    if (road.pavement > 0)
        for (int n = 0; static_cast<float>(n) * 25 < t.reach; ++n) cross_at(static_cast<float>(n) * 25 + 14, 0.07f);
}

/// Vehicles that cross or wait in the side streets.
void add_cross_traffic(Traffic& t) {
    int slot = 0;
    for (const SideStreet& street : t.road().sides) {
        for (const float sign : {-1.0f, 1.0f}) {
            if (!(sign > 0 ? street.right : street.left)) continue;
            const float edge = sign > 0 ? t.road().half_right : t.road().half_left;
            float away = 5.5f;
            for (int n = 0; n < 4; ++n) {
                Rng rng(t.seed, kCross, slot++);
                const Vehicle vehicle = rng.chance(0.9f) ? Vehicle::kCar : pick_vehicle(rng, false);
                away += rng.uniform(0, 8);
                const bool crossing =
                    n == 0 && t.road().family == Family::kIntersection && rng.chance(0.5f) && !t.lasting;
                const bool leaving = rng.chance(0.5f);
                // right-hand traffic: who comes from the right keeps to the far half of the street
                const float shift = street.half * 0.5f * (leaving == (sign > 0) ? -1.0f : 1.0f);
                const float offset = crossing ? sign * rng.uniform(0, edge + 3) : sign * (edge + away);
                const float turn = (leaving == (sign > 0)) ? -1.5708f : 1.5708f;
                if (t.seen(street.at) && rng.chance(0.6f))
                    t.put(vehicle, offset, street.at + shift, false, rng, {t.scene.light.night > 0, !leaving}, turn);
                away += length_of(vehicle) + 1;
            }
        }
    }
}

void add_cyclists(Traffic& t, float sign) {
    const Road& road = t.road();
    if (road.family == Family::kHighway || (sign < 0 && road.lanes_left == 0)) return;
    const float offset =
        sign * ((sign > 0 ? road.half_right - road.parking_right : road.half_left - road.parking_left) - 0.55f);
    Rng common(t.seed, kCyclists, sign > 0 ? -1 : -2);
    const float chance = common.uniform(0.05f, 0.5f),
                pace = std::min(common.uniform(3, 5.5f), t.scene.camera.speed * 1.2f);
    for (int slot = 0; static_cast<float>(slot) * 11 < t.reach + 60; ++slot) {
        Rng rng(t.seed, kCyclists + (sign > 0 ? 1 : 0), slot);
        const float station = static_cast<float>(slot) * 11 + rng.uniform(3, 9) + sign * pace * t.time;
        if (!rng.chance(chance) || !t.seen(station)) continue;
        const Action action{t.scene.light.night > 0, false, rng.uniform() + t.time * 1.1f, 0};
        const float turn = rng.uniform(-0.06f, 0.06f), shift = rng.uniform(-0.2f, 0.3f);
        const Vehicle vehicle = rng.chance(0.85f) ? Vehicle::kBicycle : Vehicle::kMotorcycle;
        t.put(vehicle, offset + shift, station, sign < 0, rng, action, turn);
    }
}

}  // namespace

void compose_traffic(Scene& scene, std::uint64_t seed, float time, float reach, bool lasting) {
    Traffic t{scene, seed, time, reach, lasting, {}};
    const Road& road = scene.road;
    const float here = road.at(static_cast<float>(scene.camera.x), static_cast<float>(scene.camera.y)).offset;
    for (int n = 0; n < road.lanes_right; ++n) {
        const float offset = road.median + road.lane * (0.5f + static_cast<float>(n));
        add_lane(t, offset, false, n, std::abs(offset - here) < 0.5f * road.lane);
    }
    for (int n = 0; n < road.lanes_left; ++n)
        add_lane(t, -road.median - road.lane * (0.5f + static_cast<float>(n)), true, 4 + n, false);
    for (const float sign : {-1.0f, 1.0f}) add_parked(t, sign), add_cyclists(t, sign), add_walkers(t, sign);
    add_cross_traffic(t);
    if (!lasting) add_crossers(t);
}

}  // namespace roads
