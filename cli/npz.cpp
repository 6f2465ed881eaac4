#include "npz.hpp"

#include <zlib.h>

#include <cstring>
#include <limits>

#include "base/file.hpp"
#include "fovea/error.hpp"
#include "npy.hpp"

// The archive is a ZIP file; names and numbers of the records are those of PKWARE's APPNOTE 6.3.9, sections 4.3
// and 4.5.
namespace fovea::cli {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50, kEnd64 = 0x06064b50;
constexpr std::size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22, kLocator64Bytes = 20, kEnd64Bytes = 56;
constexpr std::uint32_t kOverflow = 0xFFFFFFFF;
constexpr std::uint16_t kStored = 0, kDeflated = 8, kExtra64 = 1;
constexpr std::uint64_t kMaxInflation = 1040;  ///< deflate's largest ratio, rounded up

[[noreturn]] void broken(const std::string& what) {
    throw Error(ErrorCode::io, "this is no whole .npz archive: " + what + "; write it with numpy.savez");
}

std::uint64_t number(Bytes bytes, std::size_t at, std::size_t width) {
    if (at > bytes.size() || width > bytes.size() - at) broken("it is cut off");
    std::uint64_t value = 0;
    for (std::size_t i = width; i-- > 0;) value = value << 8 | static_cast<std::uint64_t>(bytes[at + i]);
    return value;
}

Bytes part(Bytes bytes, std::uint64_t at, std::uint64_t length) {
    if (at > bytes.size() || length > bytes.size() - at) broken("a record lies outside of the file");
    return bytes.subspan(at, length);
}

struct Entry {
    std::string name;
    std::uint64_t method, crc, packed, unpacked, offset;
};

/// Replaces what does not fit into 32 bits by the numbers of the extra field, in their fixed order.
void read_extra(Bytes extra, Entry& entry) {
    for (std::size_t at = 0; at + 4 <= extra.size();) {
        const std::uint64_t tag = number(extra, at, 2), length = number(extra, at + 2, 2);
        const Bytes field = part(extra, at + 4, length);
        std::size_t next = 0;
        if (tag == kExtra64)
            for (std::uint64_t* value : {&entry.unpacked, &entry.packed, &entry.offset})
                if (*value == kOverflow) {
                    *value = number(field, next, 8);
                    next += 8;
                }
        at += 4 + length;
    }
}

/// Position of the central directory and number of entries.
std::pair<std::uint64_t, std::uint64_t> directory(Bytes file) {
    if (file.size() < kEndBytes) broken("it has " + std::to_string(file.size()) + " bytes");
    std::size_t end = file.size() - kEndBytes;
    for (std::size_t steps = 0; number(file, end, 4) != kEnd; --end, ++steps)
        if (end == 0 || steps > 0xFFFF) broken("it has no table of contents");
    const std::uint64_t count = number(file, end + 10, 2), offset = number(file, end + 16, 4);
    if (offset != kOverflow && count != 0xFFFF) return {offset, count};
    if (end < kLocator64Bytes) broken("its table of contents is cut off");
    const std::uint64_t end64 = number(file, end - kLocator64Bytes + 8, 8);
    const Bytes record = part(file, end64, kEnd64Bytes);
    if (number(record, 0, 4) != kEnd64) broken("its table of contents is damaged");
    return {number(record, 48, 8), number(record, 32, 8)};
}

std::vector<Entry> entries(Bytes file) {
    auto [at, count] = directory(file);
    std::vector<Entry> result;
    for (; count > 0; --count) {
        const Bytes record = part(file, at, kCentralBytes);
        if (number(record, 0, 4) != kCentral) broken("its table of contents is damaged");
        const std::uint64_t name = number(record, 28, 2), extra = number(record, 30, 2),
                            comment = number(record, 32, 2);
        const Bytes text = part(file, at + kCentralBytes, name);
        Entry entry{{reinterpret_cast<const char*>(text.data()), text.size()},
                    number(record, 10, 2),
                    number(record, 16, 4),
                    number(record, 20, 4),
                    number(record, 24, 4),
                    number(record, 42, 4)};
        read_extra(part(file, at + kCentralBytes + name, extra), entry);
        result.push_back(std::move(entry));
        at += kCentralBytes + name + extra + comment;
    }
    return result;
}

std::vector<std::byte> inflate(Bytes packed, std::uint64_t bytes) {
    if (bytes > packed.size() * kMaxInflation + 64) broken("an array claims more bytes than its data can hold");
    if (std::max<std::uint64_t>(bytes, packed.size()) > std::numeric_limits<uInt>::max())
        throw Error(ErrorCode::unsupported, "a compressed array has 4 GB or more; write it with numpy.savez");
    std::vector<std::byte> result(bytes);
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) throw Error(ErrorCode::internal, "zlib could not be started");
    stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(packed.data()));
    stream.avail_in = static_cast<uInt>(packed.size());
    stream.next_out = reinterpret_cast<Bytef*>(result.data());
    stream.avail_out = static_cast<uInt>(bytes);
    const int status = ::inflate(&stream, Z_FINISH);
    const bool whole = status == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    if (!whole) broken("compressed data is damaged");
    return result;
}

Tensor read_entry(Bytes file, const Entry& entry) {
    const Bytes local = part(file, entry.offset, kLocalBytes);
    if (number(local, 0, 4) != kLocal) broken("a record is damaged");
    const std::uint64_t begin = entry.offset + kLocalBytes + number(local, 26, 2) + number(local, 28, 2);
    Bytes data = part(file, begin, entry.packed);
    std::vector<std::byte> inflated;
    if (entry.method == kDeflated)
        data = inflated = inflate(data, entry.unpacked);
    else if (entry.method != kStored)
        broken("it uses compression method " + std::to_string(entry.method));
    if (crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()) != entry.crc)
        broken("a checksum does not match");
    return read_npy(data);
}

void append(std::string& text, std::uint64_t value, int width) {
    for (int i = 0; i < width; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
}

/// The fields that local and central records share, from "version needed" to the length of the extra field.
std::string common_fields(const std::string& name, const std::string& data) {
    constexpr std::uint64_t kVersion = 20, kUtf8 = 0x0800,
                            kDate = 0x21;  // 1 January 1980: equal arrays give equal bytes
    std::string text;
    append(text, kVersion, 2);
    append(text, kUtf8, 2);
    append(text, kStored, 2);
    append(text, kDate << 16, 4);
    append(text, crc32_z(0, reinterpret_cast<const Bytef*>(data.data()), data.size()), 4);
    append(text, data.size(), 4);
    append(text, data.size(), 4);
    append(text, name.size(), 2);
    append(text, 0, 2);
    return text;
}

}  // namespace

Tensors read_npz(const std::filesystem::path& path) {
    const base::MappedFile file = base::map_file(path);
    Tensors tensors;
    try {
        if (path.extension() == ".npy") return {{"", read_npy(file.bytes)}};
        for (const Entry& entry : entries(file.bytes)) {
            std::string name = entry.name;
            if (name.ends_with(".npy")) name.resize(name.size() - 4);
            try {
                if (!tensors.emplace(name, read_entry(file.bytes, entry)).second)
                    broken("the array stands in it twice");
            } catch (Error& error) {
                throw error.in("array " + name);
            }
        }
    } catch (Error& error) {
        throw error.in(path.string());
    }
    return tensors;
}

void write_npz(const std::filesystem::path& path, const Tensors& tensors) {
    std::string file, table;
    for (const auto& [tensor_name, tensor] : tensors) {
        const std::string name = tensor_name + ".npy", data = write_npy(tensor), fields = common_fields(name, data);
        append(table, kCentral, 4);
        append(table, 20, 2);
        table += fields;
        table += std::string(10, '\0');  // comment, disk, attributes
        append(table, file.size(), 4);
        table += name;
        append(file, kLocal, 4);
        file += fields + name + data;
        if (file.size() >= kOverflow)
            throw Error(ErrorCode::out_of_range, "the arrays take 4 GB or more together; run fewer images at once")
                .in(path.string());
    }
    const std::size_t begin = file.size(), count = tensors.size();
    file += table;
    append(file, kEnd, 4);
    append(file, 0, 4);
    append(file, count, 2);
    append(file, count, 2);
    append(file, table.size(), 4);
    append(file, begin, 4);
    append(file, 0, 2);
    base::write_text(path, file);
}

}  // namespace fovea::cli
