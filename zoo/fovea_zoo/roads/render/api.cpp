#include "render.hpp"

// The interface that Python loads; see native.py for the other side of it.
namespace {

struct Box {
    std::int32_t category, x, y, width, height;
    float distance, visible;
    std::int32_t ignore;
};

struct Pose {
    double matrix[16];  ///< camera to world, row by row; camera axes: x right, y down, z forward
    float fx, fy, cx, cy, height, pitch;
};

using namespace roads;

int collect_boxes(const Scene& scene, const Samples& samples, int height, int width, Box* boxes, int limit,
                  std::int16_t* objects) {
    struct Extent {
        int x0 = 1 << 20, y0 = 1 << 20, x1 = -1, y1 = -1;
        std::vector<float> depths;
    };
    std::vector<Extent> extents(scene.instances.size());
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const auto n = static_cast<std::size_t>((2 * y + 1) * samples.width + 2 * x + 1);
            if (samples.solid[n] < 0) continue;
            const int instance = scene.solids[static_cast<std::size_t>(samples.solid[n])].instance;
            if (instance < 0) continue;
            Extent& e = extents[static_cast<std::size_t>(instance)];
            e.x0 = std::min(e.x0, x), e.x1 = std::max(e.x1, x), e.y0 = std::min(e.y0, y), e.y1 = std::max(e.y1, y);
            e.depths.push_back(samples.depth[n]);
        }
    int count = 0;
    std::vector<std::int16_t> box_of(extents.size(), -1);
    for (std::size_t n = 0; n < extents.size() && count < limit; ++n) {
        Extent& e = extents[n];
        if (e.depths.empty()) continue;
        box_of[n] = static_cast<std::int16_t>(count);
        const auto middle = e.depths.begin() + static_cast<std::ptrdiff_t>(e.depths.size() / 2);
        std::nth_element(e.depths.begin(), middle, e.depths.end());
        const float visible =
            static_cast<float>(e.depths.size()) / static_cast<float>(std::max(1, samples.total_pixels[n]));
        const int w = e.x1 - e.x0 + 1, h = e.y1 - e.y0 + 1;
        const float scale = static_cast<float>(height) / 256;
        const bool small =
            static_cast<float>(std::max(w, h)) < 8 * scale || static_cast<float>(std::min(w, h)) < 4 * scale;
        boxes[count++] = {static_cast<std::int32_t>(scene.instances[n].category),
                          e.x0,
                          e.y0,
                          w,
                          h,
                          *middle,
                          visible,
                          small || visible < 0.25f};
    }
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const int hit = samples.solid[static_cast<std::size_t>((2 * y + 1) * samples.width + 2 * x + 1)];
            const int instance = hit >= 0 ? scene.solids[static_cast<std::size_t>(hit)].instance : -1;
            objects[y * width + x] = instance >= 0 ? box_of[static_cast<std::size_t>(instance)] : std::int16_t{-1};
        }
    return count;
}

}  // namespace

/// Renders one frame into the caller's arrays; `boxes` has room for `limit` entries. Returns the number of boxes.
/// `objects` receives the index of each pixel's box, -1 where there is none.
extern "C" int roads_render(std::uint64_t seed, std::uint64_t index, float time, float reach, int lasting, int height,
                            int width, std::uint8_t* image, float* depth, std::uint8_t* labels, std::int16_t* objects,
                            Box* boxes, int limit, Pose* pose) {
    const Scene scene = compose(seed, index, time, reach, lasting != 0, height, width);
    const Samples samples = cast(scene, height, width);
    expose(scene, samples, shade(scene, samples), height, width, image);
    for (int y = 0; y < height; ++y)
        for (int x = 0; x < width; ++x) {
            const int n = (2 * y + 1) * samples.width + 2 * x + 1;
            const float d = samples.depth[static_cast<std::size_t>(n)];
            depth[y * width + x] = d >= kFar ? 0 : d;
            labels[y * width + x] = label_of(scene, samples, n);
        }
    const Camera& c = scene.camera;
    *pose = {{c.right.x, c.down.x, c.forward.x, c.x, c.right.y, c.down.y, c.forward.y, c.y, c.right.z, c.down.z,
              c.forward.z, c.z, 0, 0, 0, 1},
             c.fx,
             c.fy,
             c.cx,
             c.cy,
             c.height,
             c.pitch};
    return collect_boxes(scene, samples, height, width, boxes, limit, objects);
}
