#include "npy.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/dispatch.hpp"
#include "base/limits.hpp"
#include "fovea/error.hpp"

namespace fovea::cli {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kHeaderAlignment = 64;

struct Descriptor {
    DType type;
    std::string_view text;  ///< without the byte order
};
constexpr std::array kDescriptors = {
    Descriptor{DType::f16, "f2"}, Descriptor{DType::f32, "f4"}, Descriptor{DType::f64, "f8"},
    Descriptor{DType::i8, "i1"},  Descriptor{DType::u8, "u1"},  Descriptor{DType::i16, "i2"},
    Descriptor{DType::u16, "u2"}, Descriptor{DType::i32, "i4"}, Descriptor{DType::u32, "u4"},
    Descriptor{DType::i64, "i8"}, Descriptor{DType::u64, "u8"}, Descriptor{DType::boolean, "b1"},
};

[[noreturn]] void broken(const std::string& what) {
    throw Error(ErrorCode::io, "this is no whole NumPy array: " + what + "; write it with numpy.save or numpy.savez");
}

/// What stands behind `'key':` in the header, up to the next comma that is outside of parentheses.
std::string_view member(std::string_view header, std::string_view key) {
    const std::string quoted = "'" + std::string(key) + "':";
    const std::size_t at = header.find(quoted);
    if (at == std::string_view::npos) broken("the header has no '" + std::string(key) + "'");
    std::string_view rest = header.substr(at + quoted.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    std::size_t end = 0;
    for (int depth = 0; end < rest.size() && !(depth == 0 && (rest[end] == ',' || rest[end] == '}')); ++end)
        depth += rest[end] == '(' || rest[end] == '[' ? 1 : rest[end] == ')' || rest[end] == ']' ? -1 : 0;
    return rest.substr(0, end);
}

DType dtype_of_descriptor(std::string_view text) {
    const std::string shown(text);
    if (text.size() < 4 || text.front() != '\'' || text.back() != '\'') broken("the type is " + shown);
    text = text.substr(1, text.size() - 2);
    const char order = text.front();
    if (order == '<' || order == '|' || order == '=') text.remove_prefix(1);
    for (const Descriptor& descriptor : kDescriptors)
        if (descriptor.text == text) return descriptor.type;
    throw Error(ErrorCode::unsupported,
                "the array has NumPy's type " + shown + "; convert it, for example with .astype('float32')");
}

Shape parse_tuple(std::string_view text) {
    if (text.size() < 2 || text.front() != '(' || text.back() != ')') broken("the shape is " + std::string(text));
    Shape shape;
    const char* at = text.data() + 1;
    const char* const end = text.data() + text.size() - 1;
    while (at < end) {
        if (*at == ' ' || *at == ',' || *at == 'L') {
            ++at;
            continue;
        }
        std::int64_t size = 0;
        const auto [next, problem] = std::from_chars(at, end, size);
        if (problem != std::errc() || size < 0) broken("the shape is " + std::string(text));
        shape.push_back(size);
        at = next;
    }
    if (shape.size() > static_cast<std::size_t>(base::limits::kMaxRank)) broken("the shape has too many dimensions");
    return shape;
}

/// Copies column-major `source` into row-major `target`.
void copy_transposed(const std::byte* source, Tensor& target) {
    const Shape& shape = target.shape();
    const std::size_t bytes = element_bytes(target.dtype());
    Shape index(shape.size(), 0);
    for (std::int64_t i = 0; i < target.size(); ++i) {
        std::int64_t from = 0;
        for (std::size_t axis = shape.size(); axis-- > 0;) from = from * shape[axis] + index[axis];
        std::memcpy(target.raw() + static_cast<std::size_t>(i) * bytes, source + static_cast<std::size_t>(from) * bytes,
                    bytes);
        for (std::size_t axis = shape.size(); axis-- > 0 && ++index[axis] == shape[axis];) index[axis] = 0;
    }
}

struct Split {
    std::string_view header;
    std::span<const std::byte> data;
};

Split split(std::span<const std::byte> bytes) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (text.size() < 12 || text.substr(0, kMagic.size()) != kMagic) broken("it does not begin with NumPy's mark");
    const int version = static_cast<unsigned char>(text[6]);
    if (version < 1 || version > 3) broken("format version " + std::to_string(version));
    const std::size_t digits = version == 1 ? 2 : 4;
    std::size_t length = 0;
    for (std::size_t i = digits; i-- > 0;) length = length << 8 | static_cast<unsigned char>(text[8 + i]);
    const std::size_t begin = 8 + digits;
    if (length > text.size() - begin) broken("the header is cut off");
    return {text.substr(begin, length), bytes.subspan(begin + length)};
}

}  // namespace

Tensor read_npy(std::span<const std::byte> bytes) {
    const Split parts = split(bytes);
    const DType type = dtype_of_descriptor(member(parts.header, "descr"));
    const Shape shape = parse_tuple(member(parts.header, "shape"));
    const bool fortran = member(parts.header, "fortran_order") == "True";
    const auto count = static_cast<std::uint64_t>(base::element_count(shape));
    if (count > parts.data.size() / element_bytes(type) || count * element_bytes(type) != parts.data.size())
        broken("the shape " + base::to_string(shape) + " and " + std::to_string(parts.data.size()) +
               " bytes of data do not fit");
    Tensor tensor(type, shape);
    if (fortran && shape.size() > 1)
        copy_transposed(parts.data.data(), tensor);
    else if (tensor.bytes() > 0)
        std::memcpy(tensor.raw(), parts.data.data(), tensor.bytes());
    return tensor;
}

DType numpy_dtype(DType type) {
    for (const Descriptor& descriptor : kDescriptors)
        if (descriptor.type == type) return type;
    if (base::is_float(type)) return DType::f32;
    return type == DType::i4 || type == DType::i2 ? DType::i8 : DType::u8;
}

std::string write_npy(const Tensor& tensor) {
    const DType type = numpy_dtype(tensor.dtype());
    const Tensor stored = type == tensor.dtype() ? tensor : tensor.cast(type);
    std::string descriptor;
    for (const Descriptor& known : kDescriptors)
        if (known.type == type) descriptor = (element_bytes(type) == 1 ? "|" : "<") + std::string(known.text);
    std::string shape;
    for (const std::int64_t size : tensor.shape()) shape += std::to_string(size) + ",";
    std::string header = "{'descr': '" + descriptor + "', 'fortran_order': False, 'shape': (" + shape + "), }";
    const std::size_t unpadded = kMagic.size() + 4 + header.size() + 1;
    header += std::string((kHeaderAlignment - unpadded % kHeaderAlignment) % kHeaderAlignment, ' ') + "\n";
    std::string result(kMagic);
    result += {'\x01', '\x00', static_cast<char>(header.size() & 0xFF), static_cast<char>(header.size() >> 8)};
    result += header;
    result.append(reinterpret_cast<const char*>(stored.raw()), stored.bytes());
    return result;
}

}  // namespace fovea::cli
