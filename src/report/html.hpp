#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace fovea::report {

/// `text` with what HTML and SVG treat specially replaced, for elements and quoted attributes.
std::string escape(std::string_view text);

/// A page that needs no other file: style and script stand in it, nothing is fetched. Follows the reader's light or
/// dark setting.
class Page {
  public:
    explicit Page(std::string title) : title_(std::move(title)) {}

    void heading(std::string_view text);
    void paragraph(std::string_view text);
    /// HTML or SVG as it is.
    void raw(std::string_view markup) { body_ += markup; }

    struct Cell {
        std::string text;
        double sort_key = 0;  ///< numbers sort by it
        bool number = false;
    };
    /// A table that a click on a column's title sorts.
    void table(const std::vector<std::string>& titles, const std::vector<std::vector<Cell>>& rows);

    [[nodiscard]] std::string html() const;

  private:
    std::string title_, body_;
};

}  // namespace fovea::report
