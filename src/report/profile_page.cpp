#include "report/profile_page.hpp"

#include <fmt/format.h>

#include "report/html.hpp"
#include "report/profile_charts.hpp"

namespace fovea::report {
namespace {

using Cell = Page::Cell;

Cell number(double value, const std::string& text) { return {text, value, true}; }

Cell number(double value, int digits) { return number(value, value > 0 ? fmt::format("{:.{}f}", value, digits) : ""); }

std::vector<Cell> row(std::size_t index, const KernelProfile& k, double whole) {
    std::string nodes;
    for (const std::string& node : k.nodes) nodes += (nodes.empty() ? "" : ", ") + node;
    const char* bound = k.bound == Bound::compute ? "compute" : k.bound == Bound::memory ? "memory" : "";
    return {number(static_cast<double>(index), std::to_string(index)),
            {nodes},
            {k.operators},
            {k.type},
            {k.tactic},
            number(k.microseconds, fmt::format("{:.4f}", k.microseconds / 1e3)),
            number(k.microseconds, whole > 0 ? fmt::format("{:.1f}", 100 * k.microseconds / whole) : ""),
            number(k.microseconds > 0 ? k.flops / k.microseconds / 1e3 : 0, 1),
            number(k.microseconds > 0 ? k.bytes / k.microseconds / 1e3 : 0, 1),
            number(k.limit_us, k.limit_us > 0 ? fmt::format("{:.4f}", k.limit_us / 1e3) : ""),
            {bound},
            number(k.gap(), 2)};
}

}  // namespace

std::string profile_page(const Profile& profile) {
    Page page(profile.title);
    std::vector<std::vector<Cell>> facts;
    for (const auto& [name, value] : profile.facts) facts.push_back({{name}, {value}});
    page.table({"", ""}, facts);
    page.heading("Timeline");
    page.paragraph("The kernels in the order in which they run, as wide as they take long. Pointing at one names it.");
    page.raw(timeline(profile));
    page.heading("Time by operators");
    page.raw(time_by_operator(profile));
    page.heading("Roofline");
    page.paragraph(
        "A disc per kernel, its area as large as its time. The dashed lines are what this machine reached in a short "
        "measurement.");
    page.raw(roofline(profile));
    page.heading("Kernels");
    page.paragraph(
        "Limit: the time that the roofline allows, by operations or by bytes. Gap: the measured time as a multiple of "
        "it.");
    double whole = 0;
    for (const KernelProfile& kernel : profile.kernels) whole += kernel.microseconds;
    std::vector<std::vector<Cell>> rows;
    for (std::size_t i = 0; i < profile.kernels.size(); ++i) rows.push_back(row(i, profile.kernels[i], whole));
    page.table({"#", "nodes", "operators", "type", "kernel", "ms", "%", "GFLOP/s", "GB/s", "limit ms", "bound", "gap"},
               rows);
    return page.html();
}

}  // namespace fovea::report
