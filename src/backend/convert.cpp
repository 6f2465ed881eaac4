#include <cstring>

#include "backend/backend.hpp"
#include "base/dispatch.hpp"
#include "fovea/error.hpp"

namespace fovea::backend {
namespace {

/// A tensor as [outer][channels][inner] with the memory stride of each.
struct Strided {
    std::int64_t outer, channels, inner, outer_stride, channel_stride, inner_stride;
};

Strided strided(const TensorDesc& desc) {
    const Shape& s = desc.shape;
    if (s.size() < 2) return {1, 1, base::element_count(s), 0, 0, 1};
    std::int64_t spatial = 1;
    for (std::size_t i = 2; i < s.size(); ++i) spatial *= s[i];
    if (desc.layout == Layout::channels_last) return {s[0], s[1], spatial, spatial * desc.pitch, 1, desc.pitch};
    if (desc.pitch == desc.row()) return {s[0], s[1], spatial, s[1] * spatial, spatial, 1};
    if (s.size() == 2) return {s[0], s[1], 1, desc.pitch, 1, 1};
    if (s.size() == 3) return {s[0], s[1], s[2], s[1] * desc.pitch, desc.pitch, 1};
    throw Error(ErrorCode::internal,
                "a pitched plain tensor of rank " + std::to_string(s.size()) + " cannot be converted");
}

/// Plain tensors, slices of wider ones too, as rows.
Strided rows(const TensorDesc& desc) { return {1, desc.rows(), desc.row(), 0, desc.pitch, 1}; }

template <class To, class From>
To converted(From value) {
    if constexpr (std::is_same_v<To, From>)
        return value;
    else
        return static_cast<To>(static_cast<base::arithmetic_t<To>>(static_cast<base::arithmetic_t<From>>(value)));
}

template <class To, class From>
void copy(const TensorDesc& from, const From* source, const TensorDesc& to, To* target) {
    const bool plain = from.layout == Layout::plain && to.layout == Layout::plain;
    const Strided f = plain ? rows(from) : strided(from), t = plain ? rows(to) : strided(to);
    for (std::int64_t n = 0; n < f.outer; ++n)
        for (std::int64_t i = 0; i < f.inner; ++i)
            for (std::int64_t c = 0; c < f.channels; ++c)
                target[n * t.outer_stride + c * t.channel_stride + i * t.inner_stride] =
                    converted<To>(source[n * f.outer_stride + c * f.channel_stride + i * f.inner_stride]);
}

template <class Word>
void copy_words(const TensorDesc& from, const std::byte* source, const TensorDesc& to, std::byte* target) {
    copy(from, reinterpret_cast<const Word*>(source), to, reinterpret_cast<Word*>(target));
}

}  // namespace

void convert(const TensorDesc& from, const std::byte* source, const TensorDesc& to, std::byte* target) {
    if (from.dtype == to.dtype) {
        switch (element_bytes(from.dtype)) {
            case 1: return copy_words<std::uint8_t>(from, source, to, target);
            case 2: return copy_words<std::uint16_t>(from, source, to, target);
            case 4: return copy_words<std::uint32_t>(from, source, to, target);
            default: return copy_words<std::uint64_t>(from, source, to, target);
        }
    }
    const auto float_type = [](DType type) { return type == DType::f32 || type == DType::bf16 || type == DType::f16; };
    if (!float_type(from.dtype) || !float_type(to.dtype))
        throw Error(ErrorCode::internal, "a conversion between these element types is an operator, not a copy");
    const auto dispatch = [](DType type, const auto& function) {
        if (type == DType::f32)
            function.template operator()<float>();
        else if (type == DType::bf16)
            function.template operator()<base::BFloat16>();
        else
            function.template operator()<base::Half>();
    };
    dispatch(from.dtype, [&]<class From>() {
        dispatch(to.dtype, [&]<class To>() {
            copy(from, reinterpret_cast<const From*>(source), to, reinterpret_cast<To*>(target));
        });
    });
}

}  // namespace fovea::backend
