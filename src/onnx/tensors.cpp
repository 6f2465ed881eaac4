#include "onnx/tensors.hpp"

#include <charconv>
#include <cstring>
#include <limits>
#include <optional>

#include "base/checked.hpp"
#include "base/dispatch.hpp"
#include "base/limits.hpp"
#include "onnx/fail.hpp"
#include "onnx/schema.hpp"
#include "ops/onnx_type.hpp"

namespace fovea::onnx {
namespace {

using schema::TensorProto;

constexpr const char* kFields[] = {
    "",           "", "", "", "float_data", "int32_data", "string_data", "int64_data", "", "raw_data", "double_data",
    "uint64_data"};

int bits_of(DType type) {
    switch (type) {
        case DType::i4:
        case DType::u4:
        case DType::f4e2m1: return 4;
        case DType::i2:
        case DType::u2: return 2;
        default: return static_cast<int>(element_bytes(type)) * 8;
    }
}

DType read_type(const TensorProto& proto) {
    const DType type = ops::dtype_from_onnx(proto.data_type());
    if (type != DType::undefined) return type;
    if (proto.data_type() == TensorProto::UNDEFINED) fail(kBroken, "the tensor has no element type", kExportAgain);
    fail(kUnsupported,
         "element type " + std::to_string(proto.data_type()) + " (texts, complex numbers) is not supported",
         "leave this part out of the exported network");
}

Shape read_shape(const TensorProto& proto) {
    if (proto.dims_size() > base::limits::kMaxRank)
        fail(kLimit,
             "the tensor has " + std::to_string(proto.dims_size()) + " dimensions, at most " +
                 std::to_string(base::limits::kMaxRank) + " are supported",
             kExportAgain);
    Shape shape(proto.dims().begin(), proto.dims().end());
    std::int64_t count = 1;
    for (const std::int64_t size : shape) {
        if (size < 0) fail(kBroken, "the tensor has the negative size " + std::to_string(size), kExportAgain);
        count = size == 0 ? 0 : base::checked_mul(count, size);
        if (count > base::limits::kMaxElements)
            fail(kLimit, "the tensor " + base::to_string(shape) + " exceeds the limit of 2^36 elements", kExportAgain);
    }
    return shape;
}

void require_bytes(std::size_t found, DType type, const Shape& shape) {
    const std::size_t expected = packed_bytes(type, base::element_count(shape));
    if (found == expected) return;
    fail(kBroken,
         "a tensor of type " + std::string(to_string(type)) + " and shape " + base::to_string(shape) + " takes " +
             std::to_string(expected) + " bytes, the file holds " + std::to_string(found),
         kExportAgain);
}

/// Sign-extended or plain elements out of packed ones, the first in the lowest bits.
Tensor unpack(DType type, Shape shape, std::span<const std::byte> bytes) {
    Tensor tensor(type, std::move(shape));
    const int bits = bits_of(type), per_byte = 8 / bits;
    const bool is_signed = type == DType::i4 || type == DType::i2;
    for (std::int64_t i = 0; i < tensor.size(); ++i) {
        int value = std::to_integer<int>(bytes[static_cast<std::size_t>(i / per_byte)]) >> (i % per_byte * bits) &
                    ((1 << bits) - 1);
        if (is_signed && value >= 1 << (bits - 1)) value -= 1 << bits;
        tensor.raw()[i] = static_cast<std::byte>(value);
    }
    return tensor;
}

/// Tensor over elements stored little-endian without gaps.
Tensor from_raw(DType type, Shape shape, std::span<const std::byte> bytes, const std::shared_ptr<const void>& owner) {
    require_bytes(bytes.size(), type, shape);
    if (bits_of(type) < 8) return unpack(type, std::move(shape), bytes);
    if (type == DType::boolean)
        for (const std::byte byte : bytes)
            if (byte > std::byte{1})
                fail(kBroken, "a bool is stored as " + std::to_string(std::to_integer<int>(byte)), kExportAgain);
    const bool aligned = reinterpret_cast<std::uintptr_t>(bytes.data()) % element_bytes(type) == 0;
    if (owner && aligned && !bytes.empty())
        return {type, std::move(shape), const_cast<std::byte*>(bytes.data()), owner};
    Tensor tensor(type, std::move(shape));
    if (!bytes.empty()) std::memcpy(tensor.raw(), bytes.data(), bytes.size());
    return tensor;
}

/// Calls `take(value)` for every varint.
template <class Function>
void for_each_varint(std::span<const std::byte> bytes, const Function& take) {
    std::uint64_t value = 0;
    int shift = 0;
    for (const std::byte byte : bytes) {
        if (shift >= 70) fail(kBroken, "an element is longer than 10 bytes", kExportAgain);
        const auto number = std::to_integer<std::uint64_t>(byte);
        if (shift < 64) value |= (number & 0x7F) << shift;
        shift += 7;
        if (number & 0x80) continue;
        take(value);
        value = 0;
        shift = 0;
    }
    if (shift != 0) fail(kBroken, "the last element is cut off", kExportAgain);
}

/// Stores one element given as a number or, for the small floating-point types, as its encoding.
template <class T>
void store(std::byte* target, std::uint64_t number) {
    const auto value = static_cast<std::int64_t>(number);
    const auto out_of_range = [&] {
        fail(kBroken, "the element " + std::to_string(value) + " does not fit the tensor's type", kExportAgain);
    };
    if constexpr (std::is_same_v<T, bool>) {
        if (number > 1) out_of_range();
        *target = static_cast<std::byte>(number);
    } else if constexpr (std::is_integral_v<T>) {
        if constexpr (sizeof(T) < 8)
            if (value < static_cast<std::int64_t>(std::numeric_limits<T>::min()) ||
                value > static_cast<std::int64_t>(std::numeric_limits<T>::max()))
                out_of_range();
        const auto element = static_cast<T>(number);
        std::memcpy(target, &element, sizeof element);
    } else {
        if constexpr (sizeof(T) < 4)
            if (number >> (8 * sizeof(T))) out_of_range();
        std::memcpy(target, &number, sizeof(T));
    }
}

/// Tensor from int32_data, int64_data or uint64_data.
Tensor from_varints(DType type, Shape shape, std::span<const std::byte> bytes) {
    if (bits_of(type) < 8) {
        std::vector<std::byte> packed;
        for_each_varint(bytes, [&](std::uint64_t number) { packed.push_back(static_cast<std::byte>(number)); });
        require_bytes(packed.size(), type, shape);
        return unpack(type, std::move(shape), packed);
    }
    std::size_t count = 0;
    for_each_varint(bytes, [&](std::uint64_t) { ++count; });
    require_bytes(count * element_bytes(type), type, shape);
    Tensor tensor(type, std::move(shape));
    std::byte* target = tensor.raw();
    base::visit(type, [&]<class T>() {
        for_each_varint(bytes, [&](std::uint64_t number) {
            store<T>(target, number);
            target += sizeof(T);
        });
    });
    return tensor;
}

/// The typed data field that holds elements of `type`.
int typed_field(DType type) {
    switch (type) {
        case DType::f32: return TensorProto::kFloatDataFieldNumber;
        case DType::f64: return TensorProto::kDoubleDataFieldNumber;
        case DType::i64: return TensorProto::kInt64DataFieldNumber;
        case DType::u32:
        case DType::u64: return TensorProto::kUint64DataFieldNumber;
        default: return TensorProto::kInt32DataFieldNumber;
    }
}

std::int64_t parse_bytes(const std::string& key, const std::string& text) {
    std::int64_t value = -1;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0)
        fail(kBroken, "external data: " + key + " must be a number of bytes, found \"" + text.substr(0, 40) + "\"",
             kExportAgain);
    return value;
}

}  // namespace

std::size_t packed_bytes(DType type, std::int64_t count) {
    return static_cast<std::size_t>(base::ceil_div(base::checked_mul(count, bits_of(type)), 8));
}

Tensor TensorReader::read(const TensorProto& proto) {
    const DType type = read_type(proto);
    Shape shape = read_shape(proto);
    static const Payload kNothing;
    const Payload* payload = &kNothing;
    if (proto.has_raw_data()) {
        std::uint64_t index;
        std::memcpy(&index, proto.raw_data().data(), sizeof index);
        payload = &payloads_[index];
    }
    if (proto.data_location() == TensorProto::EXTERNAL) {
        if (payload != &kNothing)
            fail(kBroken, "the tensor has elements both inside the model and outside", kExportAgain);
        return read_external(proto, type, std::move(shape));
    }
    // An empty data field says nothing; some writers emit one beside the field that they use.
    const Payload::Chunk* chunk = nullptr;
    for (const Payload::Chunk& candidate : payload->chunks) {
        if (candidate.bytes.empty()) continue;
        if (chunk)
            fail(kBroken,
                 std::string("the tensor has elements in both ") + kFields[chunk->field] + " and " +
                     kFields[candidate.field],
                 kExportAgain);
        chunk = &candidate;
    }
    if (!chunk) return from_raw(type, std::move(shape), {}, nullptr);
    if (chunk->field == TensorProto::kRawDataFieldNumber)
        return from_raw(type, std::move(shape), chunk->bytes, file_.owner);
    if (chunk->field != typed_field(type))
        fail(kBroken,
             "elements of type " + std::string(to_string(type)) + " belong in " + kFields[typed_field(type)] +
                 ", found " + kFields[chunk->field],
             kExportAgain);
    if (type == DType::f32 || type == DType::f64) return from_raw(type, std::move(shape), chunk->bytes, file_.owner);
    return from_varints(type, std::move(shape), chunk->bytes);
}

Tensor TensorReader::read_external(const TensorProto& proto, DType type, Shape shape) {
    std::optional<std::string> location;
    std::int64_t offset = 0;
    std::optional<std::int64_t> length;
    for (const auto& entry : proto.external_data()) {
        if (entry.key() == "location")
            location = entry.value();
        else if (entry.key() == "offset")
            offset = parse_bytes("offset", entry.value());
        else if (entry.key() == "length")
            length = parse_bytes("length", entry.value());
    }
    if (!location) fail(kBroken, "external data: the location is missing", kExportAgain);
    const base::MappedFile& file = external_.open(*location);
    const auto size = static_cast<std::int64_t>(file.bytes.size());
    const auto needed = static_cast<std::int64_t>(packed_bytes(type, base::element_count(shape)));
    if (length) require_bytes(static_cast<std::size_t>(*length), type, shape);
    if (offset > size || needed > size - offset)
        fail(kBroken,
             "external data: bytes " + std::to_string(offset) + " to " +
                 std::to_string(base::checked_add(offset, needed)) + " do not exist; the file \"" + *location +
                 "\" has " + std::to_string(size),
             "copy the file again");
    return from_raw(type, std::move(shape),
                    file.bytes.subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(needed)), file.owner);
}

}  // namespace fovea::onnx
