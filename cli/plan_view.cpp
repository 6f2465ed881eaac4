#include "plan_view.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>
#include <numeric>

#include "fovea/builder.hpp"
#include "table.hpp"
#include "units.hpp"

namespace fovea::cli {
namespace {

using Json = nlohmann::json;

TensorRow tensor(const Json& json) { return {json["name"], json["dtype"], json["shape"]}; }

KernelRow kernel(const Json& json) {
    KernelRow row;
    row.nodes = json["nodes"].get<std::vector<std::string>>();
    row.operators = json["operators"].get<std::vector<std::string>>();
    row.type = json["type"];
    row.pattern = json["pattern"];
    row.tactic = json["tactic"];
    row.reason = json["note"];
    row.flops = json["flops"];
    row.bytes = json["bytes"];
    row.microseconds = json["measured_us"];
    row.alias = json["alias"];
    row.wrong = json["wrong"].get<std::vector<std::pair<std::string, std::string>>>();
    if (!json["outputs"].empty()) {
        const Json& output = json["outputs"][0];
        row.output = output["name"];
    }
    return row;
}

EvidenceRow evidence(const Json& json) {
    const auto number = [&](const char* key) { return json[key].is_number() ? json[key].get<double>() : INFINITY; };
    return {json["subject"], json["checked"], number("max_error"), number("snr_db"), number("tolerance")};
}

TargetView target(const Json& json) {
    TargetView view{json["backend"],
                    json["target"],
                    json["threads"],
                    {},
                    json["certificate"]["mode"],
                    {},
                    {},
                    json["launched"],
                    {}};
    for (const Json& row : json["launching"]) {
        view.launching_us.emplace_back(row["launched"], row["us"]);
        if (row["wrong"]) view.launching_wrong.push_back(row["launched"]);
    }
    for (const Json& row : json["kernels"]) view.kernels.push_back(kernel(row));
    for (const Json& row : json["certificate"]["kernels"]) view.kernel_evidence.push_back(evidence(row));
    for (const Json& row : json["certificate"]["outputs"]) view.output_evidence.push_back(evidence(row));
    return view;
}

std::string dashed(const Json& shape) {
    std::string text;
    for (const Json& size : shape) text += (text.empty() ? "" : "x") + std::to_string(size.get<std::int64_t>());
    return text.empty() ? "scalar" : text;
}

struct Totals {
    int kernels = 0;
    double flops = 0, bytes = 0, microseconds = 0;

    void add(const KernelRow& kernel) {
        ++kernels;
        flops += kernel.flops;
        bytes += kernel.bytes;
        microseconds += kernel.microseconds;
    }
};

std::string time_of(double microseconds) { return microseconds > 0 ? milliseconds(microseconds) : "–"; }

std::string type_table(const TargetView& target, int width) {
    std::map<std::string, Totals> types;
    Totals all;
    for (const KernelRow& kernel : target.kernels) {
        if (kernel.alias) continue;
        types[kernel.type].add(kernel);
        all.add(kernel);
    }
    Table table({{"type", Table::Align::left}, {"kernels"}, {"FLOPs"}, {"share"}, {"bytes"}, {"time ms"}, {"share"}});
    const auto add = [&](const std::string& name, const Totals& t) {
        table.add({name, std::to_string(t.kernels), scaled(t.flops), percent(t.flops, all.flops), bytes(t.bytes),
                   time_of(t.microseconds), percent(t.microseconds, all.microseconds)});
    };
    for (const auto& [name, totals] : types) add(name, totals);
    if (types.size() > 1) add("all", all);
    return table.text(width);
}

/// Indices of the `rows` slowest kernels (without times: of those with most FLOPs), or of all in order.
std::vector<std::size_t> chosen_rows(const std::vector<KernelRow>& kernels, std::size_t rows) {
    std::vector<std::size_t> order(kernels.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (rows == 0) return order;
    std::erase_if(order, [&](std::size_t i) { return kernels[i].alias; });
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
        return std::pair(kernels[a].microseconds, kernels[a].flops) >
               std::pair(kernels[b].microseconds, kernels[b].flops);
    });
    order.resize(std::min(order.size(), rows));
    return order;
}

std::string kernel_table(const TargetView& target, std::size_t rows, int width) {
    Totals all;
    for (const KernelRow& kernel : target.kernels) all.add(kernel);
    Table table({{"nodes", Table::Align::left, true},
                 {"operators", Table::Align::left, true},
                 {"type", Table::Align::left},
                 {"kernel", Table::Align::left},
                 {"FLOPs"},
                 {"bytes"},
                 {"time ms"},
                 {"share"},
                 {"reason", Table::Align::left, true}});
    for (const std::size_t i : chosen_rows(target.kernels, rows)) {
        const KernelRow& k = target.kernels[i];
        table.add({k.label(), k.operators.empty() ? k.pattern : joined(k.operators, " "), k.type,
                   k.alias ? "view" : k.tactic, percent(k.flops, all.flops), bytes(k.bytes), time_of(k.microseconds),
                   percent(k.microseconds, all.microseconds), k.reason});
    }
    return table.text(width);
}

/// Every reason once, with the number of kernels and the time they take.
std::string reasons(const TargetView& target, int width) {
    std::map<std::string, Totals> by_reason;
    double time = 0;
    for (const KernelRow& kernel : target.kernels) {
        time += kernel.microseconds;
        if (!kernel.reason.empty()) by_reason[kernel.reason].add(kernel);
    }
    if (by_reason.empty()) return {};
    // Whole, however long: the end says what a step on the host copies.
    Table table({{"kernels"}, {"time ms"}, {"share"}, {"not as asked, or added", Table::Align::left}});
    for (const auto& [reason, totals] : by_reason)
        table.add(
            {std::to_string(totals.kernels), time_of(totals.microseconds), percent(totals.microseconds, time), reason});
    return "\n" + table.text(width);
}

/// How the kernels of a device follow each other, and what other ways take.
std::string launching_text(const TargetView& target) {
    std::string chosen, others;
    for (const auto& [way, us] : target.launching_us) {
        std::string text = fmt::format("{} {} ms", way, milliseconds(us));
        if (std::ranges::find(target.launching_wrong, way) != target.launching_wrong.end())
            text += " (dropped: other outputs than those of the kernels one by one)";
        if (way == target.launched)
            chosen = text;
        else
            others += (others.empty() ? "; " : ", ") + text;
    }
    return chosen.empty() ? "" : "launched  " + chosen + others + "\n";
}

}  // namespace

std::string KernelRow::label() const {
    if (nodes.empty()) return output;
    if (nodes.size() <= 2) return joined(nodes, ", ");
    return nodes.front() + fmt::format(", {} more, ", nodes.size() - 2) + nodes.back();
}

PlanView view(const Plan& plan) {
    const Json json = Json::parse(plan.to_json());
    PlanView view;
    view.precision = json["precision"];
    view.has_contract = !json["contract"].get<std::string>().empty();
    for (const Json& row : json["inputs"]) view.inputs.push_back(tensor(row));
    for (const Json& row : json["outputs"]) view.outputs.push_back(tensor(row));
    for (const auto& [name, profile] : json["profile"].items())
        if (profile["min"] != profile["max"])
            view.profiles.push_back(fmt::format("{} {} to {}, best at {}", name, dashed(profile["min"]),
                                                dashed(profile["max"]), dashed(profile["opt"])));
    for (const Json& section : json["targets"]) view.targets.push_back(target(section));
    return view;
}

std::string describe_interface(const PlanView& view) {
    std::string text;
    const auto list = [&](const char* title, const std::vector<TensorRow>& rows) {
        for (std::size_t i = 0; i < rows.size(); ++i)
            text += fmt::format("{:<9} {} {}{}\n", i == 0 ? title : "", rows[i].name, rows[i].type, rows[i].shape);
    };
    list("inputs", view.inputs);
    list("outputs", view.outputs);
    for (const std::string& profile : view.profiles) text += "profile   " + profile + "\n";
    return text;
}

std::string precision_table(const TargetView& target, std::size_t rows, int width) {
    const auto views =
        std::count_if(target.kernels.begin(), target.kernels.end(), [](const KernelRow& k) { return k.alias; });
    const auto kernels = target.kernels.size() - static_cast<std::size_t>(views);
    std::string text = fmt::format("target    {} {}, {} threads: {} kernels, {} views\n\n", target.backend,
                                   target.target, target.threads, kernels, views);
    text += type_table(target, width) + "\n" + kernel_table(target, rows, width);
    if (rows > 0 && rows < kernels)
        text += fmt::format("  … and {} faster kernels; `fovea inspect PLAN --all` lists every one\n", kernels - rows);
    return text + launching_text(target) + reasons(target, width);
}

std::string certificate_text(const TargetView& target) {
    if (target.gate == "off") return "certificate  none: the gate was off\n";
    std::string text = fmt::format("certificate  gate {}: {} kernels compared with the reference", target.gate,
                                   target.kernel_evidence.size());
    const auto worst = std::max_element(target.kernel_evidence.begin(), target.kernel_evidence.end(),
                                        [](const EvidenceRow& a, const EvidenceRow& b) {
                                            return a.max_error * b.tolerance < b.max_error * a.tolerance;
                                        });
    if (worst != target.kernel_evidence.end())
        text += fmt::format(", worst error {} of {} allowed ({})", scientific(worst->max_error),
                            scientific(worst->tolerance), shorten(worst->subject, 60));
    text += "\n";
    for (const KernelRow& kernel : target.kernels)
        for (const auto& [tactic, fault] : kernel.wrong)
            text += fmt::format("             dropped {} of {}, its result is wrong: {}\n", shorten(tactic, 60),
                                shorten(kernel.label(), 60), fault);
    for (const EvidenceRow& row : target.output_evidence)
        text += fmt::format(
            "             output {}: error {} of the largest value, signal-to-noise {:.0f} dB, against fp32 unfused\n",
            row.subject, scientific(row.max_error), row.snr_db);
    return text;
}

}  // namespace fovea::cli
