#include "builder.hpp"

// Buildings, plants and street furniture beside the road.
namespace roads {
namespace {

enum SideStream : std::uint64_t {
    kBlocks = 20,
    kSideBlocks = 40,
    kFurniture = 60,
    kPlants = 80,
    kBarriers = 100,
    kMedian = 120,
    kJunction = 140
};
constexpr float kBehind = 25, kAhead = 190;

/// One side of the street; `sign` is +1 on the right.
struct Side {
    Scene& scene;
    std::uint64_t seed;
    float sign, reach;

    const Road& road() const { return scene.road; }
    float edge() const { return sign > 0 ? road().half_right : road().half_left; }
    bool seen(float station) const {
        const auto here = static_cast<float>(scene.camera.y);
        return station > here - kBehind && station < here + kAhead;
    }
    /// Whether [from, to] along the street touches a side street that opens on this side; `after` is where it ends.
    bool blocked(float from, float to, float margin, float& after) const {
        for (const SideStreet& side : road().sides) {
            if (!(sign > 0 ? side.right : side.left)) continue;
            if (to > side.at - side.half - margin && from < side.at + side.half + margin) {
                after = side.at + side.half + margin;
                return true;
            }
        }
        return false;
    }
    /// A builder at a distance from the kerb that looks to the street.
    Builder facing_street(float station, float distance) const {
        const Vec3 at = road().place(sign * (edge() + distance), station);
        const Mat3 along = road().axes(station, false);
        const Vec3 y = normalized({along.x.x * -sign, along.x.y * -sign, 0});
        return {scene, at, {cross(y, {0, 0, 1}), y, {0, 0, 1}}};
    }
    /// One that looks against the traffic of this side.
    Builder facing_traffic(float station, float distance) const {
        const Vec3 at = road().place(sign * (edge() + distance), station);
        const Mat3 along = road().axes(station, sign > 0);
        const Vec3 y = normalized({along.y.x, along.y.y, 0});
        return {scene, at, {cross(y, {0, 0, 1}), y, {0, 0, 1}}};
    }
};

std::uint64_t stream(SideStream base, float sign) { return static_cast<std::uint64_t>(base) + (sign > 0 ? 1 : 0); }

void add_blocks(const Side& side) {
    const Road& road = side.road();
    const bool houses = road.family == Family::kResidential;
    Rng common(side.seed, stream(kBlocks, side.sign), -1);
    const float setback = road.verge + road.pavement +
                          (houses                 ? common.uniform(3, 8)
                           : common.chance(0.25f) ? common.uniform(1, 6)
                                                  : 0.1f);
    const float typical = houses                           ? 5.0f
                          : road.family == Family::kAvenue ? common.uniform(12, 28)
                                                           : common.uniform(8, 22);
    float at = -kBehind - common.uniform(0, 20);
    for (int slot = 0; at < side.reach; ++slot) {
        Rng rng(side.seed, stream(kBlocks, side.sign), slot);
        const float width = houses ? rng.uniform(8, 13) : rng.uniform(9, 26),
                    depth = houses ? rng.uniform(7, 10) : rng.uniform(11, 15);
        const float gap = houses ? rng.uniform(4, 12) : rng.chance(0.12f) ? rng.uniform(5, 22) : 0;
        float after = 0;
        if (side.blocked(at, at + width, road.pavement + 0.5f, after)) {
            // fill what is left before the corner if a building fits there
            for (const SideStreet& s : road.sides) {
                const float room = s.at - s.half - road.pavement - 0.5f - at;
                if ((side.sign > 0 ? s.right : s.left) && room > 6 && room < width && side.seen(at)) {
                    Builder b = side.facing_street(at + 0.5f * room, setback);
                    const float height = typical * rng.uniform(0.7f, 1.3f);
                    add_building(b, rng, room, depth, height, !houses);
                }
            }
            at = after;
            continue;
        }
        const float middle = at + 0.5f * width;
        at += width + gap;
        if (!side.seen(middle) || (road.family == Family::kAvenue && rng.chance(0.1f))) continue;
        Builder b = side.facing_street(middle, setback + (houses ? rng.uniform(0, 2) : 0));
        if (houses) {
            const float height = rng.chance(0.5f) ? rng.uniform(2.8f, 3.4f) : rng.uniform(5.2f, 6.2f);
            add_house(b, rng, width, depth, height);
        } else {
            const bool shops = rng.chance(0.7f);
            const float height = typical * rng.uniform(0.7f, 1.3f);
            add_building(b, rng, width + 0.05f, depth, height, shops);
        }
    }
}

/// Buildings along the arms of the side streets.
void add_side_blocks(const Side& side) {
    const Road& road = side.road();
    if (road.family == Family::kCountry) return;
    int slot = 0;
    for (const SideStreet& street : road.sides) {
        if (!(side.sign > 0 ? street.right : street.left) || !side.seen(street.at)) continue;
        for (const float facing : {-1.0f, 1.0f}) {
            float away = road.pavement + 15;
            for (int n = 0; n < 4; ++n) {
                Rng rng(side.seed, stream(kSideBlocks, side.sign), slot++);
                const float width = rng.uniform(9, 20);
                const float station = street.at + facing * (street.half + road.pavement + 0.3f);
                Builder b = side.facing_traffic(station, away + 0.5f * width);
                const Vec3 y{0, -facing, 0};
                b.axes = {cross(y, {0, 0, 1}), y, {0, 0, 1}};
                if (road.family == Family::kResidential) {
                    add_house(b, rng, width * 0.7f, 9, 5.5f);
                } else {
                    const bool shops = rng.chance(0.5f);
                    const float height = rng.uniform(8, 20);
                    add_building(b, rng, width, 12, height, shops);
                }
                away += width;
            }
        }
        Rng rng(side.seed, stream(kSideBlocks, side.sign), 1000 + slot);
        for (int n = 0; n < 3; ++n) {
            Builder b = side.facing_street(street.at + (n % 2 ? 1.f : -1.f) * (street.half + 0.9f),
                                           8 + 9.0f * static_cast<float>(n));
            b.origin.z = road.surface(b.origin.x, b.origin.y);
            if (!rng.chance(0.6f)) continue;
            const float size = rng.uniform(4, 8);
            add_tree(b, rng, size, false);
        }
    }
}

void add_furniture(const Side& side, bool winter) {
    const Road& road = side.road();
    Rng common(side.seed, stream(kFurniture, side.sign), -1);
    const float step = common.uniform(5, 9), lamp_step = std::floor(common.uniform(3, 6)),
                near_kerb = std::min(0.6f, 0.5f * (road.verge + road.pavement));
    const float trees = road.family == Family::kAvenue        ? 0.75f
                        : road.family == Family::kResidential ? 0.25f
                        : common.chance(0.4f)                 ? 0.4f
                                                              : 0.06f;
    const float tree_size = common.uniform(5.5f, 12), arm = -side.sign * common.uniform(0.8f, 2.2f);
    const bool open = road.pavement == 0, bollards = !open && common.chance(0.15f), lit = side.scene.light.night > 0;
    for (int slot = 0; static_cast<float>(slot) * step - 15 < side.reach; ++slot) {
        Rng rng(side.seed, stream(kFurniture, side.sign), slot);
        const float station = static_cast<float>(slot) * step - 15 + rng.uniform(0, 0.3f * step);
        float after = 0;
        if (!side.seen(station) || side.blocked(station, station, road.corner + 1, after)) continue;
        const float distance = open ? rng.uniform(0.8f, 1.8f) : near_kerb;
        if (!open && slot % static_cast<int>(lamp_step) == 0) {
            Builder b = side.facing_traffic(station, distance);
            add_lamp(b, rng, side.sign > 0 ? -arm : arm, lit);
        } else if (rng.chance(open ? 0.12f : 0.22f)) {
            Builder b = side.facing_traffic(station, distance);
            const float size = rng.uniform(0.3f, 0.45f), height = rng.uniform(2.0f, 2.7f);
            add_sign(b, rng, height, size, 0);
        } else if (!open && rng.chance(trees)) {
            Builder b = side.facing_street(station, std::max(distance, 0.5f * road.verge));
            const float size = tree_size * rng.uniform(0.75f, 1.25f);
            add_tree(b, rng, size, winter);
        } else if (bollards) {
            Builder b = side.facing_street(station, distance);
            b.capsule(kPole, Material::kMetal, {0, 0, 0}, {0, 0, 0.85f}, 0.06f, {0.1f, 0.1f, 0.1f});
        } else if (!open && rng.chance(0.12f)) {
            Builder b = side.facing_street(station, road.verge + road.pavement - 0.5f);
            const Vec3 color = random_color(rng, 0.05f, 0.3f, 0.6f);
            b.box(kVoid, Material::kPlain, {0, 0, 0.5f}, {0.3f, 0.3f, 0.5f}, color);
        } else if (open && road.family == Family::kCountry && slot % 5 == 0 && side.sign > 0) {
            Builder b = side.facing_street(station, 3.5f);
            b.capsule(kPole, Material::kBark, {0, 0, 0}, {0, 0, 7.5f}, 0.12f, {0.12f, 0.09f, 0.07f});
            b.capsule(kPole, Material::kBark, {-0.9f, 0, 7.1f}, {0.9f, 0, 7.1f}, 0.06f, {0.12f, 0.09f, 0.07f});
        }
    }
}

/// Trees and bushes in gardens, fields and the gaps between buildings.
void add_plants(const Side& side, bool winter) {
    const Road& road = side.road();
    const bool open = road.pavement == 0, residential = road.family == Family::kResidential;
    Rng common(side.seed, stream(kPlants, side.sign), -1);
    const float density = open ? common.uniform(0.15f, 0.9f) : residential ? 0.6f : 0.25f, step = open ? 4.5f : 6.0f;
    const bool forest = open && common.chance(0.35f);
    for (int slot = 0; static_cast<float>(slot) * step - 20 < side.reach; ++slot) {
        Rng rng(side.seed, stream(kPlants, side.sign), slot);
        const float station = static_cast<float>(slot) * step - 20 + rng.uniform(0, step);
        const float near = road.verge + road.pavement + (open ? 3.0f : 1.2f);
        const float distance = open ? near + (forest ? 12 : 45) * rng.uniform() * rng.uniform()
                                    : near + rng.uniform(0, residential ? 3.5f : 1.5f);
        float after = 0;
        const bool taken = !side.seen(station) || side.blocked(station, station, 5, after) || !rng.chance(density);
        if (taken) continue;
        Builder b = side.facing_street(station, distance);
        if (rng.chance(open ? 0.6f : residential ? 0.35f : 0.0f)) {
            const float size = rng.uniform(3.5f, open ? 13 : 8);
            add_tree(b, rng, size, winter);
        } else if (open || residential) {
            const float size = rng.uniform(0.7f, 1.8f);
            add_bush(b, rng, size);
        }
    }
}

void add_barriers(const Side& side) {
    const Road& road = side.road();
    Rng common(side.seed, stream(kBarriers, side.sign), -1);
    const bool residential = road.family == Family::kResidential, open = road.pavement == 0;
    int style = residential ? common.integer(4) : common.chance(0.5f) ? 1 : 0;
    float distance = road.verge + road.pavement + 0.25f, chance = residential                    ? 0.75f
                                                                  : road.family == Family::kCity ? 0.12f
                                                                                                 : 0.15f;
    if (road.family == Family::kHighway) style = 4, distance = 1.0f, chance = common.chance(0.6f) ? 1 : 0;
    if (road.family == Family::kCountry)
        style = common.chance(0.5f) ? 4 : 2, distance = style == 4 ? 0.8f : 4.0f,
        chance = common.chance(0.5f) ? 0.8f : 0;
    const bool kerbside = !open && !residential && common.chance(0.15f);  // railings between road and pavement
    if (kerbside) style = 1, distance = 0.3f, chance = 0.5f;
    const float length = open ? 12.0f : 7.0f, height = style == 4 ? 0.8f : kerbside ? 1.0f : common.uniform(0.8f, 2.0f);
    for (int slot = 0; static_cast<float>(slot) * length - 20 < side.reach; ++slot) {
        Rng rng(side.seed, stream(kBarriers, side.sign), slot);
        const float station = static_cast<float>(slot) * length - 20;
        float after = 0;
        if (!rng.chance(chance) || !side.seen(station) ||
            side.blocked(station - 0.5f * length, station + 0.5f * length, road.corner + 1, after))
            continue;
        Builder b = side.facing_street(station, distance);
        const int own = residential && rng.chance(0.35f) ? rng.integer(4) : style;
        add_barrier(b, rng, own, length * (residential ? 0.8f : 1.0f), height);
    }
}

void add_median(Scene& scene, std::uint64_t seed, float reach, bool winter) {
    const Road& road = scene.road;
    const Side middle{scene, seed, 1, reach};
    const bool highway = road.family == Family::kHighway, planted = Rng(seed, kMedian, -1).chance(0.6f);
    const float step = highway ? 12.0f : 9.0f;
    for (int slot = 0; static_cast<float>(slot) * step - 20 < reach; ++slot) {
        Rng rng(seed, kMedian, slot);
        const float station = static_cast<float>(slot) * step - 20;
        bool open = false;
        for (const SideStreet& s : road.sides) open |= s.left && s.right && std::abs(station - s.at) < s.half + 7;
        if (open || !middle.seen(station)) continue;
        Builder b = middle.facing_street(station, -road.half_right);
        if (highway)
            add_barrier(b, rng, 4, step, 0.8f);
        else if (planted && rng.chance(0.7f)) {
            if (rng.chance(0.6f)) {
                const float size = rng.uniform(4, 8);
                add_tree(b, rng, size, winter);
            } else {
                add_bush(b, rng, 1);
            }
        }
        if (highway && slot % 4 == 0) add_lamp(b, rng, 2, scene.light.night > 0);
    }
}

void add_junctions(Scene& scene, std::uint64_t seed, float reach) {
    const Side right{scene, seed, 1, reach}, left{scene, seed, -1, reach};
    int slot = 0;
    for (const SideStreet& street : scene.road.sides) {
        Rng rng(seed, kJunction, slot++);
        if (!right.seen(street.at) || scene.road.pavement == 0) continue;
        const bool junction = scene.road.family == Family::kIntersection && slot == 1;
        if (!junction && !rng.chance(0.3f)) continue;
        const int state = rng.integer(4);
        const float away = street.half + scene.road.corner + rng.uniform(1, 3);
        const float arm = rng.chance(0.5f) ? rng.uniform(3, 5) : 0;
        for (const float end : {-1.0f, 1.0f}) {
            Builder near = right.facing_traffic(street.at + end * away, 0.7f),
                    far = left.facing_traffic(street.at + end * away, 0.7f);
            near.axes = far.axes = right.facing_traffic(street.at, 0.7f).axes;
            add_signal(near, rng, arm, state);
            add_signal(far, rng, 0, state);
        }
    }
}

}  // namespace

void compose_sides(Scene& scene, std::uint64_t seed, float reach) {
    Rng common(seed, kPlants, -2);
    const bool winter = common.chance(0.15f);
    const Family family = scene.road.family;
    for (const float sign : {-1.0f, 1.0f}) {
        const Side side{scene, seed, sign, reach};
        if (scene.road.pavement > 0) add_blocks(side), add_side_blocks(side);
        add_furniture(side, winter);
        add_plants(side, winter);
        add_barriers(side);
        if (family == Family::kCountry && common.chance(0.6f)) {  // a farm
            const float distance = common.uniform(12, 30);
            Builder b = side.facing_street(common.uniform(35, 120), distance);
            Rng rng(seed, kBlocks, 5000 + static_cast<int>(sign));
            add_house(b, rng, 14, 9, 4);
        }
    }
    if (scene.road.median > 0) add_median(scene, seed, reach, winter);
    if (family == Family::kHighway && common.chance(0.4f)) {
        const Vec3 at =
            scene.road.place(0.5f * (scene.road.half_right - scene.road.half_left), common.uniform(40, 110));
        const Vec3 y{0, -1, 0};
        Builder b{scene, at, {cross(y, {0, 0, 1}), y, {0, 0, 1}}};
        add_gantry(b, common, 0.5f * (scene.road.half_right + scene.road.half_left) + 1);
    }
    add_junctions(scene, seed, reach);
}

}  // namespace roads
