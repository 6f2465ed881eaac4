#include "report/html.hpp"

#include <fmt/format.h>

namespace fovea::report {
namespace {

constexpr std::string_view kStyle = R"(
:root { color-scheme: light dark; --ink: #1c2330; --soft: #66708a; --line: #d9deea; --back: #ffffff; --band: #f4f6fb; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8f1; --soft: #98a2b8; --line: #343b4b; --back: #151922; --band: #1d2330; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--back); max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; } p { max-width: 50rem; color: var(--soft); }
svg { width: 100%; height: auto; } svg text { fill: var(--soft); font-size: 11px; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; cursor: pointer; position: sticky; top: 0; background: var(--back); border-bottom: 1px solid var(--ink); }
th, td { padding: .25rem .5rem; vertical-align: top; } td { border-bottom: 1px solid var(--line); overflow-wrap: anywhere; }
tr:hover td { background: var(--band); } .n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
)";

constexpr std::string_view kScript = R"(
document.querySelectorAll('th').forEach(head => head.addEventListener('click', () => {
  const table = head.closest('table'), body = table.tBodies[0], column = head.cellIndex;
  const down = head.dataset.down !== '1';
  table.querySelectorAll('th').forEach(other => delete other.dataset.down);
  head.dataset.down = down ? '1' : '0';
  const key = row => row.cells[column].dataset.key;
  const compare = (a, b) => key(a) !== undefined ? key(a) - key(b) : a.cells[column].textContent.localeCompare(b.cells[column].textContent);
  [...body.rows].sort((a, b) => down ? compare(b, a) : compare(a, b)).forEach(row => body.append(row));
}));
)";

}  // namespace

std::string escape(std::string_view text) {
    std::string result;
    for (const char c : text) {
        switch (c) {
            case '&': result += "&amp;"; break;
            case '<': result += "&lt;"; break;
            case '>': result += "&gt;"; break;
            case '"': result += "&quot;"; break;
            case '\'': result += "&#39;"; break;
            default: result += c;
        }
    }
    return result;
}

void Page::heading(std::string_view text) { body_ += "<h2>" + escape(text) + "</h2>\n"; }

void Page::paragraph(std::string_view text) { body_ += "<p>" + escape(text) + "</p>\n"; }

void Page::table(const std::vector<std::string>& titles, const std::vector<std::vector<Cell>>& rows) {
    body_ += "<table><thead><tr>";
    for (const std::string& title : titles) body_ += "<th>" + escape(title) + "</th>";
    body_ += "</tr></thead>\n<tbody>\n";
    for (const auto& row : rows) {
        body_ += "<tr>";
        for (const Cell& cell : row)
            body_ += cell.number
                         ? fmt::format("<td class=\"n\" data-key=\"{:.9g}\">{}</td>", cell.sort_key, escape(cell.text))
                         : "<td>" + escape(cell.text) + "</td>";
        body_ += "</tr>\n";
    }
    body_ += "</tbody></table>\n";
}

std::string Page::html() const {
    return fmt::format(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width\">\n"
        "<title>{0}</title>\n<style>{1}</style>\n</head>\n<body>\n<h1>{0}</h1>\n{2}<script>{3}</script>\n</body>\n</"
        "html>\n",
        escape(title_), kStyle, body_, kScript);
}

}  // namespace fovea::report
