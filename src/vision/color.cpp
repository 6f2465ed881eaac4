#include "vision/color.hpp"

#include <algorithm>
#include <cmath>

namespace fovea::vision {

const std::vector<Color>& cityscapes_palette() {
    static const std::vector<Color> kColors = {
        {128, 64, 128},   // road
        {244, 35, 232},   // sidewalk
        {70, 70, 70},     // building
        {102, 102, 156},  // wall
        {190, 153, 153},  // fence
        {153, 153, 153},  // pole
        {250, 170, 30},   // traffic light
        {220, 220, 0},    // traffic sign
        {107, 142, 35},   // vegetation
        {152, 251, 152},  // terrain
        {70, 130, 180},   // sky
        {220, 20, 60},    // person
        {255, 0, 0},      // rider
        {0, 0, 142},      // car
        {0, 0, 70},       // truck
        {0, 60, 100},     // bus
        {0, 80, 100},     // train
        {0, 0, 230},      // motorcycle
        {119, 11, 32},    // bicycle
    };
    return kColors;
}

Color viridis(float fraction) {
    constexpr std::array<std::array<float, 3>, 7> kCoefficients = {{
        {0.2777273272f, 0.0054073445f, 0.3340998054f},
        {0.1050930431f, 1.4046135299f, 1.3845901626f},
        {-0.3308618287f, 0.2148475595f, 0.0950951630f},
        {-4.6342304990f, -5.7991009734f, -19.3324409563f},
        {6.2282699363f, 14.1799333668f, 56.6905526007f},
        {4.7763849977f, -13.7451453777f, -65.3530326334f},
        {-5.4354558559f, 4.6458526122f, 26.3124352496f},
    }};
    const float t = std::isnan(fraction) ? 0.0f : std::clamp(fraction, 0.0f, 1.0f);
    Color color{};
    for (std::size_t channel = 0; channel < color.size(); ++channel) {
        float value = 0;
        for (auto power = kCoefficients.rbegin(); power != kCoefficients.rend(); ++power)
            value = value * t + (*power)[channel];
        color[channel] = static_cast<std::uint8_t>(std::lround(std::clamp(value, 0.0f, 1.0f) * 255.0f));
    }
    return color;
}

}  // namespace fovea::vision
