#include "builder.hpp"

namespace roads {

/// A figure of capsules: walks with `stride` (radians of the hip), arms against the legs.
void add_person(Builder& b, Rng rng, const Action& action) {
    b.begin(Category::kPerson, {0.25f, 0.2f, 0});
    const float size = rng.chance(0.12f) ? rng.uniform(0.6f, 0.8f) : rng.uniform(0.9f, 1.08f);
    const float build = rng.uniform(0.85f, 1.25f);
    static const Vec3 skins[] = {
        {0.5f, 0.32f, 0.24f}, {0.55f, 0.38f, 0.3f}, {0.3f, 0.17f, 0.1f}, {0.12f, 0.06f, 0.04f}};
    static const Vec3 hairs[] = {
        {0.02f, 0.015f, 0.01f}, {0.1f, 0.06f, 0.03f}, {0.35f, 0.25f, 0.12f}, {0.4f, 0.4f, 0.4f}};
    const Vec3 skin = skins[rng.integer(4)], hair = hairs[rng.integer(4)];
    const Vec3 top = rng.chance(0.4f) ? random_color(rng, 0.02f, 0.12f, 0.5f) : random_color(rng, 0.1f, 0.6f, 0.9f);
    const Vec3 bottom = rng.chance(0.6f) ? random_color(rng, 0.02f, 0.1f, 0.4f) : random_color(rng, 0.08f, 0.4f, 0.5f);
    const bool coat = rng.chance(0.3f), skirt = !coat && rng.chance(0.2f), shorts = !coat && rng.chance(0.15f);
    const float hip = 0.9f * size, shoulder = 1.42f * size, lean = 0.04f * size;
    const float swing = static_cast<float>(sine(6.2831853 * action.phase)) * action.stride;

    for (const float side : {-1.0f, 1.0f}) {
        const float angle = swing * side, bend = action.stride > 0 ? std::max(0.0f, -angle) * 1.3f + 0.1f : 0.02f;
        const auto at = [&](Vec3 from, float turn, float reach) {
            return from + Vec3{0, static_cast<float>(sine(turn)) * reach, -static_cast<float>(cosine(turn)) * reach};
        };
        const Vec3 joint{side * 0.09f * size, 0, hip}, knee = at(joint, angle, 0.43f * size),
                                                       foot = at(knee, angle - bend, 0.41f * size);
        b.capsule(kPerson, Material::kCloth, joint, knee, 0.082f * size * build, bottom);
        b.capsule(kPerson, shorts ? Material::kSkin : Material::kCloth, knee, foot, 0.058f * size * build,
                  shorts || skirt ? skin : bottom);
        b.ellipsoid(kPerson, Material::kPlain, foot + Vec3{0, 0.06f * size, -0.01f}, {0.05f, 0.14f * size, 0.055f},
                    {0.03f, 0.03f, 0.03f});
        const Vec3 arm{side * 0.2f * size * build, lean, shoulder - 0.03f};
        const float reach = -angle * 0.8f;
        const Vec3 elbow = at(arm + Vec3{side * 0.03f, 0, 0}, reach - 0.1f, 0.29f * size),
                   hand = at(elbow, reach + 0.35f, 0.26f * size);
        b.capsule(kPerson, Material::kCloth, arm, elbow, 0.052f * size * build, top);
        const Vec3 sleeve = rng.chance(0.3f) ? skin : top;
        b.capsule(kPerson, rng.chance(0.3f) ? Material::kSkin : Material::kCloth, elbow, hand, 0.04f * size, sleeve);
        b.ellipsoid(kPerson, Material::kSkin, hand, {0.04f, 0.05f, 0.05f}, skin);
    }
    const Mat3 upright;
    b.ellipsoid(kPerson, Material::kCloth, {0, 0.5f * lean, 0.5f * (hip + shoulder) + 0.02f},
                {0.2f * size * build, 0.13f * size * build, 0.36f * size}, top, upright);
    b.capsule(kPerson, Material::kCloth, {-0.13f * size * build, lean, shoulder - 0.05f},
              {0.13f * size * build, lean, shoulder - 0.05f}, 0.075f * size, top);
    b.ellipsoid(kPerson, Material::kCloth, {0, 0, hip}, {0.17f * size * build, 0.13f * size * build, 0.14f * size},
                bottom);
    if (coat || skirt) {
        const float low = coat ? 0.5f * size : 0.42f * size, high = coat ? shoulder - 0.1f : hip + 0.08f;
        b.prism(kPerson, Material::kCloth,
                {{0.21f * size, low}, {0.12f * size, high}, {-0.12f * size, high}, {-0.2f * size, low}},
                0.23f * size * build, low, 0.12f, coat ? top : bottom);
    }
    if (rng.chance(0.3f))
        b.ellipsoid(kPerson, Material::kCloth, {0, -0.17f * size, shoulder - 0.22f * size}, {0.14f, 0.1f, 0.22f * size},
                    random_color(rng, 0.03f, 0.4f, 0.9f));
    else if (rng.chance(0.2f))
        b.box(kPerson, Material::kPlain, {0.34f * size, 0.05f, 0.55f * size}, {0.06f, 0.17f, 0.14f},
              random_color(rng, 0.03f, 0.5f, 0.8f));
    b.capsule(kPerson, Material::kSkin, {0, lean, shoulder}, {0, lean + 0.02f, shoulder + 0.1f * size}, 0.05f * size,
              skin);
    const Vec3 head{0, lean + 0.03f, shoulder + 0.2f * size};
    b.ellipsoid(kPerson, Material::kSkin, head, {0.078f * size, 0.098f * size, 0.118f * size}, skin);
    b.ellipsoid(kPerson, Material::kCloth, head + Vec3{0, -0.022f, 0.03f}, {0.086f * size, 0.1f * size, 0.105f * size},
                rng.chance(0.2f) ? random_color(rng, 0.05f, 0.5f, 0.9f) : hair);
}

}  // namespace roads
