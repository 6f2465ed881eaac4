#include "compiler/places.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <type_traits>

#include "base/dispatch.hpp"
#include "base/parallel.hpp"

namespace fovea::compiler {
namespace {

/// Parts of a tensor of which each names one place.
constexpr std::int64_t kParts = 64;

double distance(double a, double b) {
    if (a == b || (!std::isfinite(a) && !std::isfinite(b))) return 0;
    return std::isfinite(a) && std::isfinite(b) ? std::fabs(a - b) : INFINITY;
}

/// The place of element `column` of row `row` in memory.
Shape index_of(const backend::TensorDesc& desc, std::int64_t row, std::int64_t column) {
    Shape index(desc.shape.size(), 0);
    const auto axes = backend::memory_axes(desc.shape.size(), desc.layout);
    if (axes.empty()) return index;
    index[axes.back()] = column;
    for (std::size_t i = axes.size() - 1; i-- > 0; row /= desc.shape[axes[i]])
        index[axes[i]] = row % desc.shape[axes[i]];
    return index;
}

/// An element in memory.
struct Element {
    std::int64_t row = 0, column = 0;
    double distance = 0;
};

/// Whether a row may hold a distance above `bound`, by one pass that several elements go through at once: of what is no
/// number on one side alone, the difference is none, and above everything.
bool may_exceed(const float* p, const float* q, std::int64_t width, float bound) {
    int beyond = 0;
#pragma omp simd reduction(| : beyond)
    for (std::int64_t i = 0; i < width; ++i) beyond |= static_cast<int>(!(std::fabs(p[i] - q[i]) <= bound));
    return beyond != 0;
}

template <class T>
Element largest(const backend::TensorDesc& a, const T* x, const backend::TensorDesc& b, const T* y, std::int64_t begin,
                std::int64_t end) {
    Element most;
    for (std::int64_t row = begin; row < end; ++row) {
        const T *p = x + row * a.pitch, *q = y + row * b.pitch;
        if constexpr (std::is_same_v<T, float>) {
            // Rounding to f32 shortens no distance by more than this.
            if (!may_exceed(p, q, a.row(), static_cast<float>(most.distance) * (1 - 0x1p-22f))) continue;
        } else {
            if (std::memcmp(p, q, static_cast<std::size_t>(a.row()) * sizeof(T)) == 0) continue;
        }
        for (std::int64_t i = 0; i < a.row(); ++i) {
            const double d = distance(static_cast<double>(static_cast<base::arithmetic_t<T>>(p[i])),
                                      static_cast<double>(static_cast<base::arithmetic_t<T>>(q[i])));
            if (d > most.distance) most = {row, i, d};
        }
    }
    return most;
}

/// A start of a box of `size` in part `part` of `parts` of a tensor, its channels (axis 1) left out of the division.
Shape part_start(const Shape& shape, const Shape& size, std::int64_t part, std::int64_t parts, std::mt19937& random) {
    std::int64_t places = 1;
    for (std::size_t axis = 0; axis < shape.size(); ++axis)
        if (axis != 1) places *= shape[axis];
    const std::int64_t begin = places * part / parts,
                       length = std::max<std::int64_t>(1, places * (part + 1) / parts - begin);
    std::int64_t place = begin + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length));
    Shape start(shape.size());
    for (std::size_t axis = shape.size(); axis-- > 0;) {
        const auto extent = static_cast<std::uint64_t>(shape[axis]);
        start[axis] = axis == 1 ? static_cast<std::int64_t>(random() % extent) : place % shape[axis];
        if (axis != 1) place /= shape[axis];
        start[axis] = std::min(start[axis], shape[axis] - size[axis]);
    }
    return start;
}

}  // namespace

std::vector<ops::Box> sample_boxes(const Shape& shape, std::int64_t elements, bool spread, std::mt19937& random) {
    constexpr std::int64_t kTiles[] = {4, 6, 8, 16, 32, 64}, kPiece = 32;
    std::vector<ops::Box> boxes;
    const auto somewhere = [&](std::int64_t room) {
        return room > 0 ? static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(room + 1)) : 0;
    };
    if (shape.size() >= 3)
        for (std::int64_t left = elements / 2, i = 0; left > 0 && i < 4; ++i) {
            ops::Box line{Shape(shape.size()), Shape(shape.size(), 1)};
            line.size[1] = std::min(shape[1], left);
            left -= line.size[1];
            for (std::size_t axis = 0; axis < shape.size(); ++axis) {
                const std::int64_t room = shape[axis] - line.size[axis];
                line.start[axis] = i == 0 ? room : somewhere(room);
            }
            // In pieces, which threads can share.
            for (std::int64_t end = line.start[1] + line.size[1]; line.start[1] < end; line.start[1] += kPiece) {
                boxes.push_back(line);
                boxes.back().size[1] = std::min(kPiece, end - line.start[1]);
            }
        }
    const std::int64_t rest = shape.size() >= 3 ? elements / 2 : elements;
    const auto count = spread ? std::clamp<std::int64_t>(rest / 2, 3, 64) : std::clamp<std::int64_t>(rest / 6, 3, 10);
    for (std::int64_t i = 0; i < count; ++i) {
        ops::Box box = ops::Box::whole(shape);
        std::int64_t left = std::max<std::int64_t>(1, rest / count);
        for (std::size_t axis = shape.size(); axis-- > 0;) {
            const std::int64_t want = axis + 1 == shape.size() ? 4 : 3;
            box.size[axis] = std::min({shape[axis], want, left});
            left = std::max<std::int64_t>(1, left / box.size[axis]);
            const std::int64_t room = shape[axis] - box.size[axis];
            const std::int64_t tile = kTiles[random() % std::size(kTiles)];
            box.start[axis] = i == 0   ? 0
                              : i == 1 ? room
                                       : std::clamp<std::int64_t>(somewhere(room) / tile * tile - 1, 0, room);
        }
        if (spread && i > 1) box.start = part_start(shape, box.size, i, count, random);
        boxes.push_back(std::move(box));
    }
    return boxes;
}

std::vector<Distance> largest_distances(const backend::TensorDesc& a, const std::byte* a_data,
                                        const backend::TensorDesc& b, const std::byte* b_data, std::size_t count) {
    const std::int64_t rows = a.rows(), parts = std::min(kParts, rows);
    std::vector<Element> found(static_cast<std::size_t>(parts));
    base::visit(a.dtype, [&]<class T>() {
        base::parallel_for(parts, 1, [&](std::int64_t begin, std::int64_t end) {
            for (std::int64_t part = begin; part < end; ++part)
                found[static_cast<std::size_t>(part)] =
                    largest(a, reinterpret_cast<const T*>(a_data), b, reinterpret_cast<const T*>(b_data),
                            rows * part / parts, rows * (part + 1) / parts);
        });
    });
    std::ranges::stable_sort(found, std::greater(), &Element::distance);
    std::vector<Distance> result;
    for (const Element& element : found)
        if (result.size() < count && element.distance > 0)
            result.push_back({index_of(a, element.row, element.column), element.distance});
    return result;
}

bool equal_bits(const backend::TensorDesc& desc, const std::byte* a, const std::byte* b) {
    const std::size_t width = element_bytes(desc.dtype), step = static_cast<std::size_t>(desc.pitch) * width,
                      row = static_cast<std::size_t>(desc.row()) * width;
    std::atomic<bool> equal = true;
    base::parallel_for(desc.rows(), static_cast<std::int64_t>(1 + (1 << 18) / (row + 1)),
                       [&](std::int64_t begin, std::int64_t end) {
                           for (auto i = static_cast<std::size_t>(begin); i < static_cast<std::size_t>(end); ++i)
                               if (std::memcmp(a + i * step, b + i * step, row) != 0) equal = false;
                       });
    return equal;
}

}  // namespace fovea::compiler
