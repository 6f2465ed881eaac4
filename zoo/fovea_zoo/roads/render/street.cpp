#include "builder.hpp"

namespace roads {
namespace {

const Vec3 kGalvanised{0.2f, 0.21f, 0.22f}, kBlack{0.015f, 0.016f, 0.017f};

Vec3 leaf_color(Rng& rng) {
    const float turn = rng.uniform();
    if (rng.chance(0.12f)) return mix({0.3f, 0.16f, 0.02f}, {0.22f, 0.06f, 0.02f}, turn);
    return mix({0.045f, 0.1f, 0.02f}, {0.11f, 0.16f, 0.035f}, turn) * rng.uniform(0.7f, 1.25f);
}

void add_leaves(Builder& b, Rng& rng, Vec3 center, Vec3 radii, Vec3 color, float density) {
    Solid& leaves = b.ellipsoid(kVegetation, Material::kLeaves, center, radii, color, turned(rng.uniform(0, 3)));
    leaves.p = {rng.uniform(2.5f, 5.0f), 1 - density, radii.z};
    leaves.seed = rng.bits();
}

}  // namespace

void add_tree(Builder& b, Rng rng, float size, bool winter) {
    const float trunk = size * rng.uniform(0.22f, 0.34f), radius = size * rng.uniform(0.012f, 0.021f);
    const Vec3 color = leaf_color(rng), bark = mix({0.07f, 0.05f, 0.035f}, {0.15f, 0.13f, 0.11f}, rng.uniform());
    const Vec3 bend{rng.uniform(-0.3f, 0.3f), rng.uniform(-0.3f, 0.3f), trunk};
    b.capsule(kVegetation, Material::kBark, {0, 0, -0.3f}, bend, radius * 1.25f, bark);
    const int style = rng.integer(4);  // round, tall, spreading, conifer
    if (style == 3 && !winter) {
        const int layers = 6;
        for (int n = 0; n < layers; ++n) {
            const float part = static_cast<float>(n) / layers, wide = size * 0.22f * (1.08f - part);
            add_leaves(b, rng, {0, 0, size * (0.16f + 0.84f * part)}, {wide, wide, size * 0.11f}, color * 0.7f, 0.66f);
        }
        b.capsule(kVegetation, Material::kBark, bend, {0, 0, size * 0.9f}, radius * 0.6f, bark);
        return;
    }
    const float spread = size * (style == 1 ? 0.16f : style == 2 ? 0.36f : 0.27f);
    const int branches = winter ? 34 : 5, blobs = winter ? 0 : 13 + rng.integer(9);
    for (int n = 0; n < branches; ++n) {
        const float height = trunk + (size - trunk) * rng.uniform(0.25f, winter ? 0.95f : 0.6f),
                    angle = rng.uniform(0, 6.28f);
        const float reach = spread * rng.uniform(0.4f, 1.0f);
        const Vec3 tip{reach * static_cast<float>(sine(angle)), reach * static_cast<float>(cosine(angle)), height};
        const Vec3 from = winter ? Vec3{bend.x, bend.y, mix(trunk, height, rng.uniform(0.2f, 0.75f))} : bend;
        b.capsule(kVegetation, Material::kBark, from, tip, radius * (winter ? 0.25f : 0.5f), bark);
    }
    if (winter)
        b.capsule(kVegetation, Material::kBark, bend, bend + Vec3{0, 0, 0.6f * (size - trunk)}, radius * 0.8f, bark);
    for (int n = 0; n < blobs; ++n) {
        const float height = rng.uniform(0.15f, 0.92f), angle = rng.uniform(0, 6.28f);
        const float bulge = 1 - 1.6f * (height - 0.45f) * (height - 0.45f) * 2,
                    reach = spread * bulge * rng.uniform(0.1f, 0.85f);
        const float wide = spread * rng.uniform(0.26f, 0.52f);
        const float density = rng.uniform(0.62f, 0.78f), level = rng.uniform(0.8f, 1.2f);
        const Vec3 radii{wide, wide * rng.uniform(0.8f, 1.2f), wide * rng.uniform(0.65f, 1.0f)};
        add_leaves(b, rng,
                   {reach * static_cast<float>(sine(angle)), reach * static_cast<float>(cosine(angle)),
                    trunk + (size - trunk) * height},
                   radii, color * level, density);
    }
}

void add_bush(Builder& b, Rng rng, float size) {
    const Vec3 color = leaf_color(rng);
    const int blobs = 3 + rng.integer(4);
    for (int n = 0; n < blobs; ++n) {
        const float wide = size * rng.uniform(0.35f, 0.6f);
        const float level = rng.uniform(0.8f, 1.2f);
        const Vec3 radii{wide, wide, wide * rng.uniform(0.7f, 1.1f)};
        const Vec3 center{size * rng.uniform(-0.6f, 0.6f), size * rng.uniform(-0.4f, 0.4f), wide * 0.7f};
        add_leaves(b, rng, center, radii, color * level, 0.72f);
    }
}

void add_lamp(Builder& b, Rng rng, float arm, bool lit) {
    const float height = rng.uniform(5.5f, 9.5f);
    const Vec3 color = rng.chance(0.5f) ? kGalvanised : kBlack;
    b.capsule(kPole, Material::kMetal, {0, 0, 0}, {0, 0, height}, rng.uniform(0.055f, 0.085f), color);
    b.capsule(kPole, Material::kMetal, {0, 0, 0}, {0, 0, 1.1f}, 0.11f, color);
    b.capsule(kPole, Material::kMetal, {0, 0, height}, {arm, 0, height + 0.35f}, 0.045f, color);
    Solid& head = b.box(kPole, Material::kLampHead, {arm * 1.1f, 0, height + 0.35f}, {0.32f, 0.13f, 0.06f}, color);
    head.p = {lit ? 1.0f : 0.0f};
    if (lit)
        b.scene.light.lamps.push_back(
            {b.origin + b.axes.back({arm * 1.1f, 0, height}), mix({1, 0.72f, 0.36f}, {0.9f, 0.95f, 1}, rng.uniform())});
}

void add_sign(Builder& b, Rng rng, float height, float size, float shift) {
    b.capsule(kPole, Material::kMetal, {0, 0, 0}, {0, 0, height + size}, 0.035f, kGalvanised);
    const int signs = rng.chance(0.25f) ? 2 : 1;
    for (int n = 0; n < signs; ++n) {
        const float z = height - static_cast<float>(n) * size * 2.1f;
        b.begin(Category::kTrafficSign, {});
        // disc, warning, yield, stop, priority, square, tall board
        static const int outlines[] = {0, 0, 0, 1, 1, 2, 3, 4, 5, 5, 6};
        const int outline = outlines[rng.integer(11)];
        const Vec3 half{outline == 6 ? size * 1.5f : size, 0.012f, outline == 6 ? size * 0.9f : size};
        Solid& plate = b.box(kTrafficSign, Material::kSign, {shift, 0.05f, z}, half, {0.6f, 0.6f, 0.6f},
                             turned(rng.uniform(-0.15f, 0.15f)));
        plate.p = {static_cast<float>(outline), static_cast<float>(rng.integer(6)),
                   static_cast<float>(rng.integer(16))};
        b.instance = -1;
    }
}

void add_signal(Builder& b, Rng rng, float arm, int state) {
    const float height = arm != 0 ? 5.6f : rng.uniform(2.5f, 3.0f);
    const Vec3 color = rng.chance(0.6f) ? kGalvanised : kBlack;
    b.capsule(kPole, Material::kMetal, {0, 0, 0}, {0, 0, height + 0.5f}, arm != 0 ? 0.1f : 0.06f, color);
    if (arm != 0) b.capsule(kPole, Material::kMetal, {0, 0, height + 0.3f}, {arm, 0, height + 0.45f}, 0.06f, color);
    const auto head = [&](float x, float z) {
        b.begin(Category::kTrafficLight, {});
        Solid& body = b.box(kTrafficLight, Material::kSignal, {x, 0.1f, z}, {0.15f, 0.11f, 0.46f}, kBlack);
        body.p = {static_cast<float>(state)};
        if (arm != 0 || rng.chance(0.3f))
            b.box(kTrafficLight, Material::kPlain, {x, -0.02f, z}, {0.3f, 0.015f, 0.6f}, kBlack);
        b.instance = -1;
    };
    head(0, 2.7f);
    if (arm != 0) head(arm, height + 0.2f);
}

void add_gantry(Builder& b, Rng rng, float half_span) {
    for (const float side : {-1.0f, 1.0f})
        b.box(kPole, Material::kMetal, {side * half_span, 0, 3.5f}, {0.16f, 0.16f, 3.5f}, kGalvanised);
    b.box(kPole, Material::kMetal, {0, 0, 6.9f}, {half_span, 0.15f, 0.22f}, kGalvanised);
    const int boards = 1 + rng.integer(3);
    for (int n = 0; n < boards; ++n) {
        b.begin(Category::kTrafficSign, {});
        const float x = half_span * (0.15f + 0.6f * static_cast<float>(n) / 2);
        Solid& board =
            b.box(kTrafficSign, Material::kSign, {x, 0.2f, 6.4f}, {half_span * 0.22f, 0.03f, 1.1f}, kGalvanised);
        board.p = {7, static_cast<float>(rng.integer(2)), static_cast<float>(rng.integer(16))};
        b.instance = -1;
    }
}

void add_building(Builder& b, Rng rng, float width, float depth, float height, bool shops) {
    static const Vec3 walls[] = {{0.42f, 0.37f, 0.28f}, {0.5f, 0.48f, 0.44f}, {0.24f, 0.1f, 0.07f},
                                 {0.33f, 0.3f, 0.27f},  {0.45f, 0.33f, 0.2f}, {0.28f, 0.29f, 0.3f},
                                 {0.4f, 0.27f, 0.22f},  {0.16f, 0.15f, 0.15f}};
    const float wall_level = rng.uniform(0.75f, 1.2f);
    const Vec3 wall = walls[rng.integer(8)] * wall_level;
    const float half = 0.5f * width, floor = rng.uniform(2.9f, 3.8f);
    Solid& block = b.box(kBuilding, Material::kFacade, {0, -0.5f * depth, 0.5f * height - 1},
                         {half, 0.5f * depth, 0.5f * height + 1}, wall);
    block.color2 = rng.chance(0.5f) ? wall * rng.uniform(0.5f, 1.5f) : random_color(rng, 0.1f, 0.5f, 0.3f);
    // floor height, window spacing, window width and height as parts of those, style, height of the ground floor
    const float style = static_cast<float>(rng.integer(5));
    block.p = {floor,
               rng.uniform(1.8f, 3.6f),
               rng.uniform(0.35f, 0.65f),
               rng.uniform(0.42f, 0.68f),
               style,
               shops ? rng.uniform(3.4f, 4.4f) : 0.0f};
    block.seed = rng.bits();
    const Solid face = block;
    if (rng.chance(0.55f))
        b.box(kBuilding, Material::kPlain, {0, 0.05f, height - 0.2f}, {half + 0.08f, 0.25f, 0.22f}, face.color2 * 0.9f);
    if (shops && rng.chance(0.5f))
        b.box(kBuilding, Material::kPlain, {0, 0.06f, face.p[5] - 0.1f}, {half, 0.12f, 0.1f}, face.color2);
    if (shops && rng.chance(0.45f)) {
        const float wide = half * rng.uniform(0.3f, 0.8f);
        b.prism(kBuilding, Material::kCloth, {{1.3f, 2.6f}, {1.3f, 2.66f}, {0, 3.25f}, {0, 3.15f}}, wide, 3, 0,
                random_color(rng, 0.1f, 0.5f, 0.9f));
    }
    if (rng.chance(0.35f)) {  // balconies
        const float x = half * rng.uniform(-0.6f, 0.6f), wide = rng.uniform(1.0f, 2.2f);
        for (float z = std::max(face.p[5], 3.2f); z < height - 2; z += floor)
            b.box(kBuilding, Material::kPlain, {x, 0.5f, z + 0.5f}, {wide, 0.5f, 0.55f}, face.color2 * 0.8f);
    }
    if (rng.chance(0.4f)) {  // a mansard or a pitched roof
        const float rise = rng.uniform(2.0f, 4.5f);
        b.prism(
            kBuilding, Material::kRoof,
            {{0.1f, height}, {-rise * 0.7f, height + rise}, {-depth + rise * 0.7f, height + rise}, {-depth, height}},
            half, height, 0.02f, mix({0.18f, 0.07f, 0.05f}, {0.1f, 0.1f, 0.11f}, rng.uniform()));
        for (int n = rng.integer(3); n > 0; --n)
            b.box(kBuilding, Material::kBrick, {half * rng.uniform(-0.8f, 0.8f), -0.4f * depth, height + rise},
                  {0.4f, 0.4f, 1.2f}, {0.2f, 0.1f, 0.08f});
    }
}

void add_house(Builder& b, Rng rng, float width, float depth, float height) {
    static const Vec3 walls[] = {
        {0.55f, 0.53f, 0.48f}, {0.28f, 0.12f, 0.08f}, {0.5f, 0.42f, 0.28f}, {0.36f, 0.38f, 0.4f}, {0.6f, 0.6f, 0.58f}};
    const float wall_level = rng.uniform(0.8f, 1.15f);
    const Vec3 wall = walls[rng.integer(5)] * wall_level;
    const float half = 0.5f * width;
    Solid& block = b.box(kBuilding, Material::kFacade, {0, -0.5f * depth, 0.5f * height - 1},
                         {half, 0.5f * depth, 0.5f * height + 1}, wall);
    block.color2 = wall * 0.7f;
    block.p = {2.8f, rng.uniform(2.0f, 3.5f), rng.uniform(0.35f, 0.5f), rng.uniform(0.4f, 0.5f), 5, 0};
    block.seed = rng.bits();
    const float rise = rng.uniform(0.3f, 0.5f) * depth;
    const Vec3 tile = mix({0.2f, 0.07f, 0.04f}, {0.08f, 0.08f, 0.09f}, rng.uniform());
    if (rng.chance(0.6f)) {  // the ridge along the street
        b.prism(kBuilding, Material::kRoof,
                {{0.5f, height - 0.15f},
                 {0.5f, height},
                 {-0.5f * depth, height + rise},
                 {-depth - 0.5f, height},
                 {-depth - 0.5f, height - 0.15f}},
                half + 0.4f, height, 0, tile);
    } else {  // the gable towards the street
        Builder across{b.scene, b.origin + b.axes.back({0, -0.5f * depth, 0}),
                       b.axes.child({{0, 1, 0}, {-1, 0, 0}, {0, 0, 1}}), -1};
        across.prism(kBuilding, Material::kRoof,
                     {{half + 0.5f, height - 0.15f},
                      {half + 0.5f, height},
                      {0, height + 0.7f * width * 0.5f},
                      {-half - 0.5f, height},
                      {-half - 0.5f, height - 0.15f}},
                     0.5f * depth + 0.2f, height, 0, tile);
    }
    b.box(kBuilding, Material::kBrick, {half * 0.5f, -0.35f * depth, height + rise * 0.8f}, {0.35f, 0.35f, 0.9f},
          {0.22f, 0.1f, 0.07f});
    if (rng.chance(0.4f))
        b.box(kBuilding, Material::kFacade, {half + 1.6f, -0.6f * depth, 1.3f}, {1.6f, 0.4f * depth, 1.4f}, wall).p = {
            2.8f, 9, 0.3f, 0.3f, 6, 0};
}

void add_barrier(Builder& b, Rng rng, int style, float length, float height) {
    const float half = 0.5f * length;
    switch (style) {
        case 0: {  // wall
            b.box(kWall, Material::kBrick, {0, 0, 0.5f * height}, {half, 0.12f, 0.5f * height},
                  mix({0.26f, 0.12f, 0.08f}, {0.4f, 0.39f, 0.36f}, rng.uniform()));
            b.box(kWall, Material::kPlain, {0, 0, height + 0.03f}, {half, 0.17f, 0.04f}, {0.35f, 0.34f, 0.32f});
            break;
        }
        case 1: {  // railings
            Solid& bars = b.box(kFence, Material::kBars, {0, 0, 0.5f * height}, {half, 0.02f, 0.5f * height},
                                rng.chance(0.5f) ? kBlack : kGalvanised);
            bars.p = {rng.uniform(0.12f, 0.2f), 0.22f, 0.05f, 0};
            break;
        }
        case 2: {  // boards or pickets
            Solid& bars = b.box(kFence, Material::kBars, {0, 0, 0.5f * height}, {half, 0.03f, 0.5f * height},
                                rng.chance(0.5f) ? Vec3{0.2f, 0.12f, 0.06f} : Vec3{0.6f, 0.6f, 0.58f});
            bars.p = {rng.uniform(0.13f, 0.22f), rng.uniform(0.6f, 0.95f), 0.1f, 1};
            break;
        }
        case 3: {  // hedge
            Solid& hedge = b.box(kVegetation, Material::kHedge, {0, 0, 0.5f * height}, {half, 0.4f, 0.5f * height},
                                 leaf_color(rng));
            hedge.seed = rng.bits();
            break;
        }
        default: {  // guard rail
            Solid& rail = b.box(kFence, Material::kMetal, {0, 0, 0.6f}, {half, 0.04f, 0.16f}, kGalvanised * 1.6f);
            rail.p = {};
            for (float x = -half + 1; x < half; x += 2)
                b.box(kFence, Material::kMetal, {x, -0.08f, 0.35f}, {0.05f, 0.05f, 0.35f}, kGalvanised);
        }
    }
}

}  // namespace roads
