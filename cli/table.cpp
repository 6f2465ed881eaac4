#include "table.hpp"

#include <algorithm>

namespace fovea::cli {
namespace {

constexpr std::size_t kGap = 2, kNarrowest = 12;

bool begins_character(char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }

std::size_t length(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), begins_character));
}

}  // namespace

std::string shorten(const std::string& text, std::size_t width) {
    if (length(text) <= width || width == 0) return text;
    std::size_t bytes = 0, characters = 0;
    for (; bytes < text.size(); ++bytes)
        if (begins_character(text[bytes]) && ++characters == width) break;
    return text.substr(0, bytes) + "…";
}

void Table::narrow(std::vector<std::size_t>& widths, std::size_t width) const {
    std::size_t total = 0;
    for (const std::size_t w : widths) total += w + kGap;
    for (; total > width; --total) {
        std::size_t* widest = nullptr;
        for (std::size_t c = 0; c < columns_.size(); ++c)
            if (columns_[c].shrinks && widths[c] > kNarrowest && (!widest || widths[c] > *widest)) widest = &widths[c];
        if (!widest) return;
        --*widest;
    }
}

std::string Table::text(int width) const {
    std::vector<std::size_t> widths;
    for (std::size_t c = 0; c < columns_.size(); ++c) {
        widths.push_back(length(columns_[c].title));
        for (const auto& row : rows_)
            if (c < row.size()) widths[c] = std::max(widths[c], length(row[c]));
    }
    narrow(widths, static_cast<std::size_t>(width));
    std::string result;
    const auto line = [&](const auto& cell_of) {
        std::string text;
        for (std::size_t c = 0; c < columns_.size(); ++c) {
            const std::string cell = shorten(cell_of(c), widths[c]);
            const std::string padding(widths[c] - std::min(widths[c], length(cell)), ' ');
            text += std::string(kGap, ' ') + (columns_[c].align == Align::left ? cell + padding : padding + cell);
        }
        text.erase(text.find_last_not_of(' ') + 1);
        result += text + "\n";
    };
    line([&](std::size_t c) { return columns_[c].title; });
    for (const auto& row : rows_) line([&](std::size_t c) { return c < row.size() ? row[c] : std::string(); });
    return result;
}

}  // namespace fovea::cli
