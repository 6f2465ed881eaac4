#include "media/image_file.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "base/file.hpp"
#include "fovea/error.hpp"
#include "media/codec.hpp"

namespace fovea::media {
namespace {

template <std::size_t kSize>
bool starts_with(std::span<const std::byte> bytes, const std::array<std::uint8_t, kSize>& signature) {
    return bytes.size() >= kSize && std::equal(signature.begin(), signature.end(), bytes.begin(),
                                               [](std::uint8_t a, std::byte b) { return std::byte{a} == b; });
}

Decoded decode(std::span<const std::byte> bytes, std::int64_t max_pixels) {
    constexpr std::array<std::uint8_t, 8> kPng = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    constexpr std::array<std::uint8_t, 3> kJpeg = {0xFF, 0xD8, 0xFF};
    if (starts_with(bytes, kPng)) return decode_png(bytes, max_pixels);
    if (starts_with(bytes, kJpeg)) return decode_jpeg(bytes, max_pixels);
    throw Error(ErrorCode::unsupported, "expected a PNG or JPEG picture, found something else");
}

}  // namespace

void require_size(std::int64_t width, std::int64_t height, std::int64_t max_pixels) {
    if (width > 0 && height > 0 && height <= max_pixels / width) return;
    throw Error(ErrorCode::out_of_range, "a picture of " + std::to_string(width) + "x" + std::to_string(height) +
                                             " pixels; at most " + std::to_string(max_pixels) + " are allowed");
}

Image decode_image(std::span<const std::byte> bytes, const DecodeOptions& options) {
    Decoded decoded = decode(bytes, options.max_pixels);
    if (options.apply_orientation) decoded.image = upright(std::move(decoded.image), decoded.orientation);
    if (options.channels == 0 || options.channels == decoded.image.channels) return std::move(decoded.image);
    return base::convert_channels(decoded.image, options.channels);
}

Image read_image(const std::filesystem::path& path, const DecodeOptions& options) {
    const base::MappedFile file = base::map_file(path);
    try {
        return decode_image(file.bytes, options);
    } catch (Error& error) {
        throw error.in(path.string());
    }
}

void write_image(const std::filesystem::path& path, const Image& image) {
    std::string extension = path.extension().string();
    std::transform(extension.begin(), extension.end(), extension.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (extension == ".png") return base::write_file(path, encode_png(image));
    if (extension == ".jpg" || extension == ".jpeg") return base::write_file(path, encode_jpeg(image));
    throw Error(ErrorCode::invalid_argument, "expected a name ending in .png, .jpg or .jpeg").in(path.string());
}

}  // namespace fovea::media
