#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

// libjpeg's header needs <cstdio> before it.
#include <jpeglib.h>

#include <jerror.h>

#include "fovea/error.hpp"
#include "media/codec.hpp"

namespace fovea::media {
namespace {

/// libjpeg reports errors through callbacks that must not return; they jump back to the last setjmp. The functions
/// that call libjpeg after a setjmp hold no object with a destructor.
struct ErrorManager {
    jpeg_error_mgr base;  // first, so that libjpeg's pointer is ours
    std::jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
};

void on_error(j_common_ptr info) {
    auto* errors = reinterpret_cast<ErrorManager*>(info->err);
    errors->base.format_message(info, errors->message);
    std::longjmp(errors->jump, 1);
}

/// Missing data is an error; stray bytes between segments, which many cameras write, are not.
void on_message(j_common_ptr info, int level) {
    const int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER)) on_error(info);
}

/// Scans of a progressive file; encoders write about ten.
void on_progress(j_common_ptr info) {
    constexpr int kMaxScans = 100;
    if (reinterpret_cast<j_decompress_ptr>(info)->input_scan_number > kMaxScans) {
        info->err->msg_code = JERR_BAD_PROGRESSION;
        on_error(info);
    }
}

void install(ErrorManager& errors, jpeg_error_mgr*& target) {
    target = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_error;
    errors.base.emit_message = on_message;
    errors.message[0] = '\0';
}

struct Decoder {
    Decoder() {
        install(errors, info.err);
        jpeg_create_decompress(&info);
        progress.progress_monitor = on_progress;
        info.progress = &progress;
    }
    Decoder(const Decoder&) = delete;
    Decoder& operator=(const Decoder&) = delete;
    ~Decoder() { jpeg_destroy_decompress(&info); }
    jpeg_decompress_struct info{};
    jpeg_progress_mgr progress{};
    ErrorManager errors;
};

bool read_header(Decoder& decoder, std::span<const std::byte> bytes) {
    jpeg_decompress_struct& info = decoder.info;
    if (setjmp(decoder.errors.jump)) return false;
    constexpr unsigned kMaxSegmentBytes = 0xFFFF;
    jpeg_save_markers(&info, JPEG_APP0 + 1, kMaxSegmentBytes);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&info, TRUE);
    switch (info.jpeg_color_space) {
        case JCS_GRAYSCALE: info.out_color_space = JCS_GRAYSCALE; break;
        case JCS_CMYK:
        case JCS_YCCK: info.out_color_space = JCS_CMYK; break;
        default: info.out_color_space = JCS_RGB;
    }
    jpeg_calc_output_dimensions(&info);
    return true;
}

bool read_rows(Decoder& decoder, std::uint8_t* pixels) {
    jpeg_decompress_struct& info = decoder.info;
    if (setjmp(decoder.errors.jump)) return false;
    jpeg_start_decompress(&info);
    const std::size_t row_bytes = std::size_t{info.output_width} * static_cast<std::size_t>(info.output_components);
    while (info.output_scanline < info.output_height) {
        JSAMPROW row = pixels + info.output_scanline * row_bytes;
        jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
    return true;
}

/// Huffman coding spends at least one bit on each block of 8×8 samples, so a small file cannot rightly declare a large
/// picture. The factor leaves room for subsampled components.
void require_plausible(const jpeg_decompress_struct& info, std::size_t file_bytes) {
    constexpr std::size_t kMaxPixelsPerByte = 2048;
    if (info.arith_code)
        throw Error(ErrorCode::unsupported, "JPEG with arithmetic coding; convert it to a baseline JPEG or a PNG");
    if (std::size_t{info.output_width} * info.output_height / kMaxPixelsPerByte > file_bytes)
        throw Error(ErrorCode::io, "the header declares " + std::to_string(info.output_width) + "x" +
                                       std::to_string(info.output_height) + " pixels, more than a file of " +
                                       std::to_string(file_bytes) + " bytes can hold; it is broken or truncated");
}

[[noreturn]] void fail(const ErrorManager& errors) {
    throw Error(ErrorCode::io, std::string("not a readable JPEG: ") + errors.message);
}

int orientation_of(const jpeg_decompress_struct& info) {
    for (jpeg_saved_marker_ptr marker = info.marker_list; marker; marker = marker->next) {
        const int orientation = exif_orientation({marker->data, marker->data_length});
        if (orientation != 1) return orientation;
    }
    return 1;
}

/// Adobe's programs store CMYK inverted and say so by a marker. Rounded as Pillow rounds.
Image rgb_from_cmyk(const Image& cmyk, bool inverted) {
    const auto times_255th = [](unsigned a, unsigned b) {
        const unsigned product = a * b + 128;
        return ((product >> 8) + product) >> 8;
    };
    Image rgb(cmyk.width, cmyk.height, 3);
    const std::uint8_t* in = cmyk.pixels.data();
    for (std::size_t i = 0; i < rgb.pixels.size(); i += 3, in += 4) {
        const unsigned light = inverted ? in[3] : 255u - in[3];
        for (std::size_t c = 0; c < 3; ++c) {
            const unsigned ink = inverted ? 255u - in[c] : in[c];
            rgb.pixels[i + c] = static_cast<std::uint8_t>(light - times_255th(ink, light));
        }
    }
    return rgb;
}

}  // namespace

Decoded decode_jpeg(std::span<const std::byte> bytes, std::int64_t max_pixels) {
    Decoder decoder;
    if (!read_header(decoder, bytes)) fail(decoder.errors);
    const jpeg_decompress_struct& info = decoder.info;
    require_size(info.output_width, info.output_height, max_pixels);
    require_plausible(info, bytes.size());

    const int orientation = orientation_of(info);
    Image image(info.output_width, info.output_height, info.out_color_components);
    if (!read_rows(decoder, image.pixels.data())) fail(decoder.errors);
    if (info.out_color_space == JCS_CMYK) image = rgb_from_cmyk(image, info.saw_Adobe_marker != 0);
    return {std::move(image), orientation};
}

namespace {

struct Encoder {
    Encoder() {
        install(errors, info.err);
        jpeg_create_compress(&info);
    }
    Encoder(const Encoder&) = delete;
    Encoder& operator=(const Encoder&) = delete;
    ~Encoder() {
        jpeg_destroy_compress(&info);
        std::free(buffer);
    }
    jpeg_compress_struct info{};
    ErrorManager errors;
    unsigned char* buffer = nullptr;
    unsigned long size = 0;
};

bool write_rows(Encoder& encoder, const Image& image, int quality) {
    jpeg_compress_struct& info = encoder.info;
    if (setjmp(encoder.errors.jump)) return false;
    jpeg_mem_dest(&info, &encoder.buffer, &encoder.size);
    info.image_width = static_cast<JDIMENSION>(image.width);
    info.image_height = static_cast<JDIMENSION>(image.height);
    info.input_components = static_cast<int>(image.channels);
    info.in_color_space = image.channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
        JSAMPROW row = const_cast<std::uint8_t*>(image.row(info.next_scanline));
        jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
    return true;
}

}  // namespace

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
    if (image.channels != 1 && image.channels != 3)
        throw Error(ErrorCode::invalid_argument, "a JPEG holds 1 or 3 channels, not " + std::to_string(image.channels));
    if (quality < 1 || quality > 100)
        throw Error(ErrorCode::invalid_argument, "JPEG quality must be 1 to 100, not " + std::to_string(quality));
    Encoder encoder;
    if (!write_rows(encoder, image, quality))
        throw Error(ErrorCode::io, std::string("cannot encode a JPEG: ") + encoder.errors.message);
    const auto* data = reinterpret_cast<const std::byte*>(encoder.buffer);
    return {data, data + encoder.size};
}

}  // namespace fovea::media
