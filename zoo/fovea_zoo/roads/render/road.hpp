#pragma once

#include <vector>

#include "math.hpp"

// The road's shape and what lies where on the ground.
namespace roads {

enum class Family : std::uint8_t { kCity, kAvenue, kHighway, kCountry, kIntersection, kResidential };

/// A painted line along the road.
struct Line {
    float offset = 0, width = 0.12f, dash = 0, gap = 0;  ///< dash 0: solid
    bool yellow = false;
};

/// A road that crosses or joins at right angles at station `at`, to the left, the right or both.
struct SideStreet {
    float at = 0, half = 3;
    bool left = false, right = false;
};

/// A band across the road: a zebra crossing, two dashed lines, or a stop line.
struct Crossing {
    float at = 0, half = 2;
    int style = 0;
};

enum class Zone : std::uint8_t { kTarmac, kKerb, kPavement, kVerge, kBeyond };

/// What lies at a point of the ground: zone, offset from the centre line (right positive), distance from the tarmac.
struct GroundPoint {
    Zone zone;
    float offset, distance;
    bool in_side_street;
};

struct Road {
    Family family = Family::kCity;
    float bend = 0;                       ///< curvature at the start, 1/m
    float max_slope = 0.3f;               ///< largest sideways slope of the centre line
    float half_left = 3, half_right = 3;  ///< tarmac beside the centre line
    float lane = 3.2f;
    int lanes_left = 1, lanes_right = 1;
    float parking_left = 0, parking_right = 0;  ///< width of the parking strips
    float median = 0;                           ///< half width of a strip between the directions
    float pavement = 3;                         ///< width of the pavement; 0: none
    float verge = 0;                            ///< grass between kerb and pavement
    float kerb_height = 0.13f;                  ///< 0: level
    float corner = 4;                           ///< radius of the kerb at side streets
    bool grass_beyond = false;
    std::vector<Line> lines;
    std::vector<SideStreet> sides;
    std::vector<Crossing> crossings;
    std::uint32_t seed = 0;
    float tarmac_shade = 0.12f, wear = 0.3f;
    int pavement_style = 0;
    Vec3 grass, pavement_color;

    static constexpr float kStart = -60, kStep = 20;
    static constexpr int kSteps = 40;
    std::array<float, kSteps + 1> profile{};  ///< heights every kStep metres from kStart

    float center(float y) const;  ///< x of the centre line
    float slope(float y) const;   ///< its derivative
    float height(float y) const;  ///< of the tarmac
    float grade(float y) const;   ///< derivative of the height
    GroundPoint at(float x, float y) const;
    float surface(float x, float y) const;  ///< height with the kerb
    /// The world position at an offset from the centre line at a station, on the surface.
    Vec3 place(float offset, float station) const;
    /// Axes of an object there: y along the road (or against it), z up along the slope.
    Mat3 axes(float station, bool against) const;
    /// First hit of a ray with the ground; distance in units of `direction`.
    bool intersect(Vec3 origin, Vec3 direction, float& distance, bool& kerb_face) const;

  private:
    bool intersect_raised(Vec3 origin, Vec3 direction, float raise, float& distance) const;
};

}  // namespace roads
