#include "plan/schedule_json.hpp"

#include <nlohmann/json.hpp>

#include "fovea/error.hpp"

namespace fovea::plan {
namespace {

using Json = nlohmann::json;

Json layouts_to(const std::vector<backend::Layout>& list) {
    Json result = Json::array();
    for (const backend::Layout layout : list) result.push_back(to_string(layout));
    return result;
}

std::vector<backend::Layout> layouts_from(const Json& json) {
    std::vector<backend::Layout> result;
    for (const Json& item : json) result.push_back(backend::layout_from_string(item.get<std::string>()));
    return result;
}

Json step_to(const Step& step) {
    return {{"backend", step.backend},
            {"device", step.device},
            {"pattern", step.region.pattern},
            {"nodes", step.region.nodes},
            {"reads", step.region.inputs},
            {"writes", step.region.outputs},
            {"tactic", step.tactic.name},
            {"input_layouts", layouts_to(step.tactic.inputs)},
            {"output_layouts", layouts_to(step.tactic.outputs)},
            {"alias", step.tactic.alias},
            {"writes_slices", step.tactic.writes_slices},
            {"reads_slices", step.tactic.reads_slices},
            {"inputs", step.inputs},
            {"outputs", step.outputs},
            {"measured_us", step.measured_us},
            {"others", step.others},
            {"wrong", step.wrong},
            {"note", step.note}};
}

Step step_from(const Json& json) {
    Step step;
    json.at("backend").get_to(step.backend);
    json.at("device").get_to(step.device);
    json.at("pattern").get_to(step.region.pattern);
    json.at("nodes").get_to(step.region.nodes);
    json.at("reads").get_to(step.region.inputs);
    json.at("writes").get_to(step.region.outputs);
    json.at("tactic").get_to(step.tactic.name);
    json.at("alias").get_to(step.tactic.alias);
    json.at("writes_slices").get_to(step.tactic.writes_slices);
    json.at("reads_slices").get_to(step.tactic.reads_slices);
    step.tactic.inputs = layouts_from(json.at("input_layouts"));
    step.tactic.outputs = layouts_from(json.at("output_layouts"));
    json.at("inputs").get_to(step.inputs);
    json.at("outputs").get_to(step.outputs);
    json.at("measured_us").get_to(step.measured_us);
    step.others = json.value("others", step.others);
    step.wrong = json.value("wrong", step.wrong);
    json.at("note").get_to(step.note);
    return step;
}

Json evidence_to(const std::vector<Evidence>& list) {
    Json result = Json::array();
    for (const Evidence& e : list)
        result.push_back({{"subject", e.subject},
                          {"checked", e.checked},
                          {"max_error", e.max_error},
                          {"snr_db", e.snr_db},
                          {"tolerance", e.tolerance},
                          {"noise", e.noise},
                          {"noise_tolerance", e.noise_tolerance}});
    return result;
}

std::vector<Evidence> evidence_from(const Json& json) {
    std::vector<Evidence> result;
    for (const Json& e : json)
        result.push_back({e.at("subject").get<std::string>(), e.at("checked").get<std::string>(),
                          e.at("max_error").get<double>(), e.at("snr_db").get<double>(),
                          e.at("tolerance").get<double>(), e.at("noise").get<double>(),
                          e.at("noise_tolerance").get<double>()});
    return result;
}

Json launching_to(const Launching& launching) {
    return {{"overlapped", launching.overlapped}, {"branched", launching.branched}};
}

Launching launching_from(const Json& json) {
    return {json.at("overlapped").get<bool>(), json.at("branched").get<bool>()};
}

Json target_to(const TargetSection& target) {
    Json slots = Json::array(), steps = Json::array();
    for (const Slot& slot : target.slots)
        slots.push_back({{"value", slot.value},
                         {"layout", to_string(slot.layout)},
                         {"alias_of", slot.alias_of},
                         {"row_offset", slot.row_offset}});
    for (const Step& step : target.steps) steps.push_back(step_to(step));
    Json measured = Json::array(), wrong = Json::array();
    for (const auto& [launching, us] : target.launching_us) measured.push_back({launching_to(launching), us});
    for (const Launching& launching : target.launching_wrong) wrong.push_back(launching_to(launching));
    return {{"backend", target.backend},
            {"target", target.target},
            {"threads", target.threads},
            {"tf32", target.tf32},
            {"slots", slots},
            {"steps", steps},
            {"inputs", target.inputs},
            {"outputs", target.outputs},
            {"launching", launching_to(target.launching)},
            {"launching_us", measured},
            {"launching_wrong", wrong},
            {"certificate",
             {{"mode", target.certificate.mode},
              {"kernels", evidence_to(target.certificate.kernels)},
              {"outputs", evidence_to(target.certificate.outputs)}}}};
}

TargetSection target_from(const Json& json) {
    TargetSection target;
    json.at("backend").get_to(target.backend);
    json.at("target").get_to(target.target);
    json.at("threads").get_to(target.threads);
    target.tf32 = json.value("tf32", false);
    for (const Json& slot : json.at("slots"))
        target.slots.push_back({slot.at("value").get<std::int32_t>(),
                                backend::layout_from_string(slot.at("layout").get<std::string>()),
                                slot.at("alias_of").get<std::int32_t>(), slot.at("row_offset").get<std::int64_t>()});
    for (const Json& step : json.at("steps")) target.steps.push_back(step_from(step));
    json.at("inputs").get_to(target.inputs);
    json.at("outputs").get_to(target.outputs);
    if (json.contains("launching")) {
        target.launching = launching_from(json.at("launching"));
        for (const Json& row : json.at("launching_us"))
            target.launching_us.emplace_back(launching_from(row.at(0)), row.at(1).get<double>());
        for (const Json& row : json.value("launching_wrong", Json::array()))
            target.launching_wrong.push_back(launching_from(row));
    }
    const Json& certificate = json.at("certificate");
    target.certificate = {certificate.at("mode").get<std::string>(), evidence_from(certificate.at("kernels")),
                          evidence_from(certificate.at("outputs"))};
    return target;
}

[[noreturn]] void inconsistent(const std::string& what) {
    throw Error(ErrorCode::corrupt_plan, "the schedule is inconsistent: " + what);
}

void check_range(const std::vector<std::int32_t>& ids, std::int32_t low, std::size_t end, const char* what) {
    for (const std::int32_t id : ids)
        if (id < low || id >= static_cast<std::int32_t>(end)) inconsistent(what);
}

/// Ids within the graph and the slots, and as many slots and layouts as values.
void check_target(const TargetSection& target, const ir::Graph& graph) {
    const auto values = static_cast<std::size_t>(graph.value_count());
    const auto nodes = static_cast<std::size_t>(graph.node_count());
    for (std::size_t i = 0; i < target.slots.size(); ++i) {
        check_range({target.slots[i].value}, 0, values, "a slot refers to no value");
        check_range({target.slots[i].alias_of}, -1, target.slots.size(), "a slot shares the memory of none");
    }
    for (const Step& step : target.steps) {
        check_range(step.region.nodes, 0, nodes, "a step refers to no node");
        check_range(step.region.inputs, 0, values, "a step reads no value");
        check_range(step.region.outputs, 0, values, "a step writes no value");
        check_range(step.inputs, -1, target.slots.size(), "a step reads no slot");
        check_range(step.outputs, 0, target.slots.size(), "a step writes no slot");
        if (step.inputs.size() != step.region.inputs.size() || step.tactic.inputs.size() != step.inputs.size() ||
            step.outputs.size() != step.region.outputs.size() || step.tactic.outputs.size() != step.outputs.size())
            inconsistent("a step's numbers of values, slots and layouts differ");
    }
    check_range(target.inputs, -1, target.slots.size(), "an input has no slot");
    check_range(target.outputs, -1, target.slots.size(), "an output has no slot");
    if (target.inputs.size() != graph.inputs.size() || target.outputs.size() != graph.outputs.size())
        inconsistent("inputs and outputs differ from the graph's");
}

}  // namespace

std::string to_json(const Plan& plan) {
    Json profile = Json::object(), choices = Json::array(), targets = Json::array();
    for (const auto& [name, p] : plan.profile) profile[name] = {{"min", p.min}, {"opt", p.opt}, {"max", p.max}};
    for (const Choice& c : plan.choices)
        choices.push_back({{"node", c.node}, {"dtype", c.dtype}, {"reason", c.reason}});
    for (const TargetSection& target : plan.targets) targets.push_back(target_to(target));
    return Json{{"precision", plan.precision}, {"profile", profile},        {"choices", choices},
                {"targets", targets},          {"contract", plan.contract}, {"source_hash", plan.source_hash}}
        .dump();
}

void from_json(std::string_view text, Plan& plan) {
    try {
        const Json json = Json::parse(text);
        json.at("precision").get_to(plan.precision);
        json.at("contract").get_to(plan.contract);
        json.at("source_hash").get_to(plan.source_hash);
        for (const auto& [name, p] : json.at("profile").items())
            plan.profile[name] = {p.at("min").get<Shape>(), p.at("opt").get<Shape>(), p.at("max").get<Shape>()};
        for (const Json& c : json.at("choices"))
            plan.choices.push_back(
                {c.at("node").get<std::string>(), c.at("dtype").get<std::string>(), c.at("reason").get<std::string>()});
        for (const Json& target : json.at("targets")) plan.targets.push_back(target_from(target));
    } catch (const Json::exception& error) {
        throw Error(ErrorCode::corrupt_plan, std::string("the schedule cannot be read: ") + error.what());
    }
    for (const TargetSection& target : plan.targets) check_target(target, plan.graph);
}

}  // namespace fovea::plan
