#include "report/profile_charts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "report/html.hpp"

namespace fovea::report {
namespace {

constexpr double kWidth = 1100;
constexpr std::array kColors = {"#3b6fd4", "#d9822b", "#3a9a5b", "#b24a8f", "#8a7a2c", "#4aa3b5", "#c04a43", "#6d5bd0"};

/// A colour per name, in the order of first use.
class Palette {
  public:
    const char* operator()(const std::string& name) {
        return kColors[static_cast<std::size_t>(
                           numbers_.emplace(name, static_cast<int>(numbers_.size())).first->second) %
                       kColors.size()];
    }

  private:
    std::map<std::string, int> numbers_;
};

double total_us(const Profile& profile) {
    double total = 0;
    for (const KernelProfile& kernel : profile.kernels) total += kernel.microseconds;
    return total;
}

std::string names(const KernelProfile& kernel) {
    std::string text;
    for (const std::string& node : kernel.nodes) text += (text.empty() ? "" : ", ") + node;
    return text;
}

std::string tooltip(const KernelProfile& kernel) {
    return fmt::format("<title>{}\n{} {}, {}\n{:.4f} ms, {:.3g} GFLOP/s</title>", escape(names(kernel)),
                       escape(kernel.operators), escape(kernel.type), escape(kernel.tactic), kernel.microseconds / 1e3,
                       kernel.microseconds > 0 ? kernel.flops / kernel.microseconds / 1e3 : 0);
}

std::string svg(double height, const std::string& content) {
    return fmt::format("<svg viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n{}</svg>\n", kWidth, height, content);
}

/// The range of a logarithmic axis: whole decades around all values.
struct Decades {
    int low = 0, high = 1;

    explicit Decades(const std::vector<double>& values) {
        const auto [least, most] = std::minmax_element(values.begin(), values.end());
        if (values.empty()) return;
        low = static_cast<int>(std::floor(std::log10(*least)));
        high = std::max(low + 1, static_cast<int>(std::ceil(std::log10(*most))));
    }
    /// 0 at the low end, 1 at the high end.
    [[nodiscard]] double place(double value) const {
        return std::clamp((std::log10(value) - low) / (high - low), 0.0, 1.0);
    }
};

struct Point {
    const KernelProfile* kernel;
    double intensity, rate;
};

class RooflineChart {
  public:
    explicit RooflineChart(const Profile& profile)
        : profile_(profile), points_(points(profile)), x_(intensities()), y_(rates()) {}

    std::string draw() {
        if (points_.empty()) return {};
        grid();
        roofs();
        const double whole = std::max(total_us(profile_), 1e-9);
        for (const Point& point : points_)
            content_ += fmt::format(
                "<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" fill=\"{}\" fill-opacity=\".65\">{}</circle>\n",
                x(point.intensity), y(point.rate), 3 + 40 * std::sqrt(point.kernel->microseconds / whole),
                palette_(point.kernel->type), tooltip(*point.kernel));
        legend();
        return svg(kHeight, content_);
    }

  private:
    static constexpr double kHeight = 420, kLeft = 70, kTop = 16, kBottom = 44, kRight = 20;

    static std::vector<Point> points(const Profile& profile) {
        std::vector<Point> result;
        for (const KernelProfile& k : profile.kernels)
            if (k.flops > 0 && k.bytes > 0 && k.microseconds > 0)
                result.push_back({&k, k.flops / k.bytes, k.flops / k.microseconds * 1e6});
        return result;
    }
    [[nodiscard]] std::vector<double> intensities() const {
        std::vector<double> values;
        for (const Point& point : points_) values.push_back(point.intensity);
        return values;
    }
    [[nodiscard]] std::vector<double> rates() const {
        std::vector<double> values;
        for (const Point& point : points_) values.push_back(point.rate);
        for (const auto& [type, peak] : profile_.flops_per_second) values.push_back(peak);
        return values;
    }
    [[nodiscard]] double x(double intensity) const { return kLeft + x_.place(intensity) * (kWidth - kLeft - kRight); }
    [[nodiscard]] double y(double rate) const {
        return kHeight - kBottom - y_.place(rate) * (kHeight - kTop - kBottom);
    }

    void line(double x1, double y1, double x2, double y2, const char* style) {
        content_ +=
            fmt::format("<line x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\" {}/>\n", x1, y1, x2, y2, style);
    }
    void text(double x, double y, const char* anchor, const std::string& words) {
        content_ +=
            fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n", x, y, anchor, escape(words));
    }

    void grid() {
        constexpr const char* kStyle = "stroke=\"var(--line)\"";
        for (int decade = x_.low; decade <= x_.high; ++decade) {
            const double at = x(std::pow(10.0, decade));
            line(at, kTop, at, kHeight - kBottom, kStyle);
            text(at, kHeight - kBottom + 16, "middle", fmt::format("{:g}", std::pow(10.0, decade)));
        }
        for (int decade = y_.low; decade <= y_.high; ++decade) {
            const double at = y(std::pow(10.0, decade));
            line(kLeft, at, kWidth - kRight, at, kStyle);
            text(kLeft - 6, at + 4, "end", fmt::format("{:g}", std::pow(10.0, decade - 9)));
        }
        text((kLeft + kWidth) / 2, kHeight - 8, "middle", "FLOPs per byte");
        text(kLeft, kTop - 4, "end", "GFLOP/s");
    }

    /// Per type: up along the memory's bandwidth, then flat.
    void roofs() {
        if (profile_.bytes_per_second <= 0) return;
        const double low = std::pow(10.0, x_.low), high = std::pow(10.0, x_.high);
        for (const auto& [type, peak] : profile_.flops_per_second) {
            const double ridge = std::clamp(peak / profile_.bytes_per_second, low, high);
            const std::string style =
                fmt::format("stroke=\"{}\" stroke-width=\"1.5\" stroke-dasharray=\"5 4\"", palette_(type));
            const double floor = std::pow(10.0, y_.low) / profile_.bytes_per_second, from = std::max(low, floor);
            if (from < ridge)
                line(x(from), y(from * profile_.bytes_per_second), x(ridge), y(ridge * profile_.bytes_per_second),
                     style.c_str());
            if (ridge < high) line(x(ridge), y(peak), x(high), y(peak), style.c_str());
            text(kWidth - kRight, y(peak) - 4, "end", fmt::format("{} {:.0f} GFLOP/s", type, peak / 1e9));
        }
    }

    void legend() {
        std::map<std::string, bool> types;
        for (const Point& point : points_) types[point.kernel->type] = true;
        double at = kLeft + 10;
        for (const auto& [type, shown] : types) {
            content_ += fmt::format("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"5\" fill=\"{}\"/>\n", at, kTop + 8,
                                    palette_(type));
            text(at + 9, kTop + 12, "start", type);
            at += 70;
        }
    }

    const Profile& profile_;
    std::vector<Point> points_;
    Decades x_, y_;
    Palette palette_;
    std::string content_;
};

}  // namespace

std::string timeline(const Profile& profile) {
    constexpr double kHeight = 46;
    const double whole = total_us(profile);
    if (whole <= 0) return {};
    Palette palette;
    std::string content;
    double at = 0;
    for (const KernelProfile& kernel : profile.kernels) {
        const double width = kernel.microseconds / whole * kWidth;
        content += fmt::format(
            "<rect x=\"{:.2f}\" y=\"2\" width=\"{:.2f}\" height=\"{}\" fill=\"{}\" stroke=\"var(--back)\" "
            "stroke-width=\".5\">{}</rect>\n",
            at, width, kHeight - 4, palette(kernel.operators), tooltip(kernel));
        at += width;
    }
    return svg(kHeight, content);
}

std::string time_by_operator(const Profile& profile) {
    constexpr double kRow = 22, kLabel = 330;
    std::map<std::string, double> times;
    for (const KernelProfile& kernel : profile.kernels) times[kernel.operators] += kernel.microseconds;
    std::vector<std::pair<std::string, double>> order(times.begin(), times.end());
    std::stable_sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    const double whole = total_us(profile), longest = order.empty() ? 0 : order[0].second;
    if (longest <= 0) return {};
    Palette palette;
    for (const KernelProfile& kernel : profile.kernels) palette(kernel.operators);  // the timeline's colours
    std::string content;
    double y = 0;
    for (const auto& [operators, microseconds] : order) {
        content += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" text-anchor=\"end\">{}</text>", kLabel - 8, y + 15,
                               escape(operators.substr(0, 52)));
        content +=
            fmt::format("<rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.1f}\" height=\"{:.0f}\" fill=\"{}\"/>", kLabel,
                        y + 3, microseconds / longest * (kWidth - kLabel - 150), kRow - 6, palette(operators));
        content += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\">{:.4f} ms, {:.1f} %</text>\n",
                               kLabel + microseconds / longest * (kWidth - kLabel - 150) + 8, y + 15,
                               microseconds / 1e3, 100 * microseconds / whole);
        y += kRow;
    }
    return svg(y + 4, content);
}

std::string roofline(const Profile& profile) { return RooflineChart(profile).draw(); }

}  // namespace fovea::report
