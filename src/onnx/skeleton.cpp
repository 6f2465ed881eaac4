#include "onnx/skeleton.hpp"

#include <algorithm>
#include <cstring>

#include "base/limits.hpp"
#include "onnx/fail.hpp"

namespace fovea::onnx {
namespace {

enum class Kind : std::uint8_t {
    model,
    graph,
    node,
    attribute,
    tensor,
    sparse,
    function,
    value_info,
    input,
    entry,
    type,
    shape,
    dim,
    opset,
    other
};

/// Length-delimited fields that hold messages. Everything else of that wire type is text, bytes or numbers.
struct MessageField {
    Kind parent;
    std::uint32_t number;
    Kind child;
};

constexpr MessageField kMessageFields[] = {
    {Kind::model, 7, Kind::graph},         {Kind::model, 8, Kind::opset},
    {Kind::model, 14, Kind::entry},        {Kind::model, 20, Kind::other},
    {Kind::model, 25, Kind::function},     {Kind::model, 26, Kind::other},
    {Kind::graph, 1, Kind::node},          {Kind::graph, 5, Kind::tensor},
    {Kind::graph, 11, Kind::input},        {Kind::graph, 12, Kind::value_info},
    {Kind::graph, 13, Kind::value_info},   {Kind::graph, 14, Kind::other},
    {Kind::graph, 15, Kind::sparse},       {Kind::graph, 16, Kind::entry},
    {Kind::node, 5, Kind::attribute},      {Kind::node, 9, Kind::entry},
    {Kind::node, 10, Kind::other},         {Kind::attribute, 5, Kind::tensor},
    {Kind::attribute, 6, Kind::graph},     {Kind::attribute, 10, Kind::tensor},
    {Kind::attribute, 11, Kind::graph},    {Kind::attribute, 14, Kind::type},
    {Kind::attribute, 15, Kind::type},     {Kind::attribute, 22, Kind::sparse},
    {Kind::attribute, 23, Kind::sparse},   {Kind::tensor, 3, Kind::other},
    {Kind::tensor, 13, Kind::entry},       {Kind::tensor, 16, Kind::entry},
    {Kind::sparse, 1, Kind::tensor},       {Kind::sparse, 2, Kind::tensor},
    {Kind::function, 7, Kind::node},       {Kind::function, 9, Kind::opset},
    {Kind::function, 11, Kind::attribute}, {Kind::function, 12, Kind::value_info},
    {Kind::function, 14, Kind::entry},     {Kind::value_info, 2, Kind::type},
    {Kind::value_info, 4, Kind::entry},    {Kind::input, 2, Kind::type},
    {Kind::input, 4, Kind::entry},         {Kind::type, 1, Kind::type},
    {Kind::type, 2, Kind::shape},          {Kind::type, 4, Kind::type},
    {Kind::type, 5, Kind::type},           {Kind::type, 7, Kind::type},
    {Kind::type, 8, Kind::type},           {Kind::type, 9, Kind::type},
    {Kind::shape, 1, Kind::dim},
};

/// Bytes of memory that a record of each kind takes until it stands in the graph, without what it holds itself.
constexpr std::size_t kMessageBytes[] = {256, 256, 600, 300, 1100, 1200, 320, 80, 800, 64, 64, 64, 64, 64, 96};
constexpr std::size_t kTextBytes = 56, kNodeOutputBytes = 750;
/// A file may take this many times its length, and a fixed amount that small files need.
constexpr std::size_t kGrowthFactor = 16, kGrowthBytes = 32u << 20;
constexpr int kMaxDepth = 96;

/// Data fields of TensorProto.
constexpr std::uint32_t kFloatData = 4, kInt32Data = 5, kStringData = 6, kInt64Data = 7, kRawData = 9, kDoubleData = 10,
                        kUint64Data = 11;

bool is_data(std::uint32_t field) {
    return field == kFloatData || field == kInt32Data || field == kStringData || field == kInt64Data ||
           field == kRawData || field == kDoubleData || field == kUint64Data;
}

Kind child_kind(Kind parent, std::uint32_t number, bool& is_message) {
    for (const MessageField& field : kMessageFields)
        if (field.parent == parent && field.number == number) {
            is_message = true;
            return field.child;
        }
    is_message = false;
    return Kind::other;
}

void append_varint(std::string& text, std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) text += static_cast<char>((value & 0x7F) | 0x80);
    text += static_cast<char>(value);
}

/// Cursor over one message.
class Reader {
  public:
    explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}
    [[nodiscard]] bool done() const { return at_ == bytes_.size(); }
    [[nodiscard]] std::size_t position() const { return at_; }
    [[nodiscard]] std::span<const std::byte> since(std::size_t begin) const {
        return bytes_.subspan(begin, at_ - begin);
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (int shift = 0; shift < 70; shift += 7) {
            const auto byte = std::to_integer<std::uint64_t>(take(1)[0]);
            if (shift < 64) value |= (byte & 0x7F) << shift;
            if (!(byte & 0x80)) return value;
        }
        fail(kBroken, "a number is longer than 10 bytes", kExportAgain);
    }

    std::span<const std::byte> take(std::uint64_t count) {
        if (count > bytes_.size() - at_)
            fail(kBroken, "the file ends inside a message; it is truncated or not ONNX", "copy it again");
        const auto result = bytes_.subspan(at_, count);
        at_ += count;
        return result;
    }

  private:
    std::span<const std::byte> bytes_;
    std::size_t at_ = 0;
};

class Walker {
  public:
    explicit Walker(std::size_t file_bytes) : budget_(kGrowthBytes + kGrowthFactor * file_bytes) {}

    /// The message without the elements of its tensors.
    std::string walk(Kind kind, std::span<const std::byte> bytes, int depth, int graphs) {
        charge(kMessageBytes[static_cast<std::size_t>(kind)]);
        graphs += kind == Kind::graph;
        if (depth > kMaxDepth || graphs > base::limits::kMaxNesting + 1)
            fail(kBroken, "bodies or types nest deeper than " + std::to_string(base::limits::kMaxNesting) + " levels",
                 kFlatten);
        if (kind == Kind::node && ++nodes_ > base::limits::kMaxNodes)
            fail(kLimit, "the model has more than " + std::to_string(base::limits::kMaxNodes) + " nodes",
                 "split the model");
        std::string text;
        Payload payload;
        int model_graphs = 0;
        Reader reader(bytes);
        while (!reader.done()) {
            const std::size_t begin = reader.position();
            const std::uint64_t tag = reader.varint();
            const auto number = static_cast<std::uint32_t>(tag >> 3);
            if (number == 0 || tag >> 32)
                fail(kBroken, "a field has no valid number; the file is not ONNX", kExportAgain);
            if (kind == Kind::tensor && is_data(number)) {
                add_chunk(payload, number, tag & 7, reader);
                continue;
            }
            if (kind == Kind::model && number == 7 && ++model_graphs > 1)
                fail(kBroken, "the model has two graphs", kExportAgain);
            if ((tag & 7) == 2) {
                field(kind, number, reader, begin, depth, graphs, text);
            } else {
                skip(tag & 7, reader);
                append(text, reader.since(begin));
            }
        }
        if (!payload.chunks.empty()) append_index(text, std::move(payload));
        return text;
    }

    std::vector<Payload> take_payloads() { return std::move(payloads_); }

  private:
    static void append(std::string& text, std::span<const std::byte> bytes) {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }

    void field(Kind kind, std::uint32_t number, Reader& reader, std::size_t begin, int depth, int graphs,
               std::string& text) {
        const auto content = reader.take(reader.varint());
        bool is_message = false;
        const Kind child = child_kind(kind, number, is_message);
        if (!is_message) {
            charge(kind == Kind::node && number == 2 ? kNodeOutputBytes : kTextBytes);
            return append(text, reader.since(begin));
        }
        if (child == Kind::other) return;  // training, sharding, annotations: not read
        const std::string inner = walk(child, content, depth + 1, graphs);
        append_varint(text, std::uint64_t{number} << 3 | 2);
        append_varint(text, inner.size());
        text += inner;
    }

    void add_chunk(Payload& payload, std::uint32_t number, std::uint64_t wire_type, Reader& reader) {
        if (wire_type != 2) fail(kBroken, "the elements of a tensor are not packed", kExportAgain);
        const auto content = reader.take(reader.varint());
        const bool repeats =
            std::any_of(payload.chunks.begin(), payload.chunks.end(),
                        [&](const Payload::Chunk& chunk) { return chunk.field == static_cast<int>(number); });
        if (repeats && number == kStringData) return;
        if (repeats) fail(kBroken, "a tensor has one of its data fields twice", kExportAgain);
        payload.chunks.push_back({static_cast<int>(number), content});
    }

    void append_index(std::string& text, Payload payload) {
        charge(sizeof(Payload) + sizeof(Payload::Chunk));
        const std::uint64_t index = payloads_.size();
        payloads_.push_back(std::move(payload));
        append_varint(text, std::uint64_t{kRawData} << 3 | 2);
        append_varint(text, sizeof index);
        text.append(reinterpret_cast<const char*>(&index), sizeof index);
    }

    static void skip(std::uint64_t wire_type, Reader& reader) {
        switch (wire_type) {
            case 0: reader.varint(); return;
            case 1: reader.take(8); return;
            case 5: reader.take(4); return;
            default: fail(kBroken, "a field has an unknown wire type; the file is not ONNX", kExportAgain);
        }
    }

    void charge(std::size_t bytes) {
        cost_ += bytes;
        if (cost_ > budget_)
            fail(kLimit,
                 "the file holds so many small records that reading it would take far more memory than it is long",
                 kExportAgain);
    }

    std::size_t budget_, cost_ = 0;
    std::int64_t nodes_ = 0;
    std::vector<Payload> payloads_;
};

}  // namespace

Skeleton read_skeleton(std::span<const std::byte> model) {
    Walker walker(model.size());
    Skeleton skeleton;
    skeleton.message = walker.walk(Kind::model, model, 0, 0);
    skeleton.payloads = walker.take_payloads();
    return skeleton;
}

}  // namespace fovea::onnx
