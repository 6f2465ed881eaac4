#pragma once

#include <cstring>

#include "ops/index.hpp"

/// Operators that only move elements know nothing of their type but the number of bytes.
namespace fovea::ops {

/// Copies single elements from one tensor to another of the same type.
class ElementCopy {
  public:
    ElementCopy(const Tensor& source, Tensor& target)
        : source_(source.raw()), target_(target.raw()), bytes_(element_bytes(target.dtype())) {}

    /// target[to] = source[from]; both count elements.
    void operator()(std::size_t to, std::size_t from) const {
        const std::byte* source = source_ + from * bytes_;
        std::byte* target = target_ + to * bytes_;
        switch (bytes_) {
            case 1: *target = *source; break;
            case 2: std::memcpy(target, source, 2); break;
            case 4: std::memcpy(target, source, 4); break;
            default: std::memcpy(target, source, 8); break;
        }
    }

  private:
    const std::byte* source_;
    std::byte* target_;
    std::size_t bytes_;
};

/// Fills the box with elements of `source`: `place(output, input)` sets the place in the whole input that the place
/// `output` shows.
template <class Place>
void move_elements(BoxContext& c, const Window& source, const Place& place) {
    const ElementCopy copy(source.data, c.output);
    Shape from(source.full.size(), 0);
    std::size_t to = 0;
    for_each_index(c.box, [&](const Shape& output) {
        place(output, from);
        copy(to++, offset_in(source.box, from));
    });
}

}  // namespace fovea::ops
