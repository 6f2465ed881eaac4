#include <png.h>

#include <csetjmp>
#include <cstring>
#include <string>
#include <utility>

#include "fovea/error.hpp"
#include "media/codec.hpp"

namespace fovea::media {
namespace {

/// What libpng's callbacks share with the caller; libpng returns by longjmp, so it holds no object with a destructor
/// that a jump could skip.
struct Reader {
    const std::byte* data;
    std::size_t left;
    char message[128];
};

void copy_message(char (&target)[128], const char* text) {
    std::strncpy(target, text, sizeof target - 1);
    target[sizeof target - 1] = '\0';
}

void on_error(png_structp png, png_const_charp text) {
    copy_message(static_cast<Reader*>(png_get_error_ptr(png))->message, text);
    png_longjmp(png, 1);
}

void on_warning(png_structp, png_const_charp) {}

void on_read(png_structp png, png_bytep target, png_size_t size) {
    auto* reader = static_cast<Reader*>(png_get_io_ptr(png));
    if (size > reader->left) png_error(png, "the file ends early");
    std::memcpy(target, reader->data, size);
    reader->data += size;
    reader->left -= size;
}

/// Owns libpng's state.
struct Decoder {
    explicit Decoder(Reader& reader)
        : png(png_create_read_struct(PNG_LIBPNG_VER_STRING, &reader, on_error, on_warning)) {
        if (png) info = png_create_info_struct(png);
        if (!info) throw Error(ErrorCode::internal, "libpng could not be started");
        png_set_read_fn(png, &reader, on_read);
        constexpr png_alloc_size_t kMaxChunkBytes = 8 << 20;
        constexpr png_uint_32 kMaxChunks = 128, kMaxSide = 1'000'000;
        png_set_chunk_malloc_max(png, kMaxChunkBytes);
        png_set_chunk_cache_max(png, kMaxChunks);
        png_set_user_limits(png, kMaxSide, kMaxSide);
    }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    ~Decoder() { png_destroy_read_struct(&png, &info, nullptr); }
    png_structp png;
    png_infop info = nullptr;
    std::size_t stored_row_bytes = 0;  ///< of one row as the file holds it
};

/// Reads the header and asks for 8-bit grey, RGB or RGBA.
bool read_header(Decoder& decoder) {
    png_structp png = decoder.png;
    if (setjmp(png_jmpbuf(png))) return false;
    png_read_info(png, decoder.info);
    decoder.stored_row_bytes = png_get_rowbytes(png, decoder.info);
    const int color = png_get_color_type(png, decoder.info);
    const bool transparent = png_get_valid(png, decoder.info, PNG_INFO_tRNS) != 0;
    png_set_strip_16(png);
    png_set_expand(png);
    if (color == PNG_COLOR_TYPE_GRAY_ALPHA || (color == PNG_COLOR_TYPE_GRAY && transparent)) png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, decoder.info);
    return true;
}

bool read_rows(Decoder& decoder, png_bytep* rows) {
    if (setjmp(png_jmpbuf(decoder.png))) return false;
    png_read_image(decoder.png, rows);
    png_read_end(decoder.png, nullptr);
    return true;
}

/// Deflate packs at most 1032 bytes into one, so a small file cannot rightly declare a large picture.
void require_plausible(std::int64_t stored_bytes, std::size_t file_bytes) {
    constexpr std::int64_t kMaxRatio = 1032;
    if (stored_bytes / kMaxRatio > static_cast<std::int64_t>(file_bytes))
        throw Error(ErrorCode::io, "the header declares " + std::to_string(stored_bytes) +
                                       " bytes of pixels, more than a file of " + std::to_string(file_bytes) +
                                       " bytes can hold; it is broken or truncated");
}

[[noreturn]] void fail(const Reader& reader) {
    throw Error(ErrorCode::io, std::string("not a readable PNG: ") + reader.message);
}

}  // namespace

Decoded decode_png(std::span<const std::byte> bytes, std::int64_t max_pixels) {
    Reader reader{bytes.data(), bytes.size(), {}};
    Decoder decoder(reader);
    if (!read_header(decoder)) fail(reader);
    const std::int64_t width = png_get_image_width(decoder.png, decoder.info);
    const std::int64_t height = png_get_image_height(decoder.png, decoder.info);
    require_size(width, height, max_pixels);
    require_plausible(height * static_cast<std::int64_t>(decoder.stored_row_bytes), bytes.size());

    Image image(width, height, png_get_channels(decoder.png, decoder.info));
    std::vector<png_bytep> rows(static_cast<std::size_t>(height));
    for (std::int64_t y = 0; y < height; ++y) rows[static_cast<std::size_t>(y)] = image.row(y);
    if (!read_rows(decoder, rows.data())) fail(reader);
    return {std::move(image), 1};
}

std::vector<std::byte> encode_png(const Image& image) {
    png_image header{};
    header.version = PNG_IMAGE_VERSION;
    header.width = static_cast<png_uint_32>(image.width);
    header.height = static_cast<png_uint_32>(image.height);
    header.format = image.channels == 1 ? PNG_FORMAT_GRAY : image.channels == 3 ? PNG_FORMAT_RGB : PNG_FORMAT_RGBA;
    std::vector<std::byte> bytes(PNG_IMAGE_PNG_SIZE_MAX(header));
    png_alloc_size_t size = bytes.size();
    if (!png_image_write_to_memory(&header, bytes.data(), &size, 0, image.pixels.data(), 0, nullptr))
        throw Error(ErrorCode::io, std::string("cannot encode a PNG: ") + header.message);
    bytes.resize(size);
    return bytes;
}

}  // namespace fovea::media
