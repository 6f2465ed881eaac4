#pragma once

#include <string>
#include <vector>

namespace fovea::cli {

/// A text table. Lengths are counted in characters, not bytes.
class Table {
  public:
    enum class Align { left, right };
    struct Column {
        std::string title;
        Align align = Align::right;
        bool shrinks = false;  ///< is cut with "…" where the table would be too wide
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    /// Missing cells are empty.
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    /// Title and rows, each line indented by two spaces and at most `width` characters long where the shrinking columns
    /// allow it.
    [[nodiscard]] std::string text(int width) const;

  private:
    /// Cuts the widest shrinking column until the columns fit.
    void narrow(std::vector<std::size_t>& widths, std::size_t width) const;

    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

/// The first `width` characters, the last of them "…" where something was cut.
std::string shorten(const std::string& text, std::size_t width);

}  // namespace fovea::cli
