#include "api/describe.hpp"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

namespace fovea::api {
namespace {

using Json = nlohmann::json;

double bytes_of(const ops::ValueInfo& info) {
    const auto shape = ir::known_shape(info.dims);
    return shape ? static_cast<double>(base::element_count(*shape)) * static_cast<double>(element_bytes(info.dtype))
                 : 0;
}

Json tensor(const std::string& name, const ir::Value& value) {
    return {{"name", name}, {"dtype", to_string(value.dtype)}, {"shape", ir::to_string(value.dims)}};
}

Json evidence(const std::vector<plan::Evidence>& list) {
    Json result = Json::array();
    for (const plan::Evidence& e : list)
        result.push_back({{"subject", e.subject},
                          {"checked", e.checked},
                          {"max_error", e.max_error},
                          {"snr_db", e.snr_db},
                          {"tolerance", e.tolerance},
                          {"noise", e.noise},
                          {"noise_tolerance", e.noise_tolerance}});
    return result;
}

/// Why nodes of the user are not of the type that was asked for.
using Reasons = std::map<std::string, std::string, std::less<>>;

/// Why the step is not as asked: its own note, or the reasons for the types of its nodes.
std::string note(const Reasons& reasons, const plan::Step& step, const std::vector<std::string>& nodes) {
    std::string text = step.note;
    for (const std::string& node : nodes) {
        const auto reason = reasons.find(node);
        if (reason == reasons.end() || text.find(reason->second) != std::string::npos) continue;
        text += (text.empty() ? "" : "; ") + reason->second;
    }
    return text;
}

Json describe_step(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values,
                   const Reasons& reasons) {
    const std::vector<std::string> nodes = step_nodes(plan, step);
    const StepCost cost = step_cost(plan, step, values);
    Json outputs = Json::array();
    for (std::size_t i = 0; i < step.region.outputs.size(); ++i) {
        const auto& info = values[static_cast<std::size_t>(step.region.outputs[i])];
        outputs.push_back({{"name", plan.graph.value(step.region.outputs[i]).name},
                           {"dtype", to_string(info.dtype)},
                           {"shape", ir::to_string(info.dims)},
                           {"layout", to_string(step.tactic.outputs[i])}});
    }
    Json operators = Json::array();
    for (const ir::NodeId id : step.region.nodes) operators.push_back(plan.graph.node(id).op);
    return {{"device", step.device},
            {"pattern", step.region.pattern},
            {"type", to_string(step_type(plan, step, values))},
            {"tactic", step.tactic.name},
            {"alias", step.tactic.alias},
            {"operators", operators},
            {"nodes", nodes},
            {"outputs", outputs},
            {"flops", cost.flops},
            {"bytes", cost.bytes},
            {"measured_us", step.measured_us},
            {"others", step.others},
            {"wrong", step.wrong},
            {"note", note(reasons, step, nodes)}};
}

}  // namespace

ops::ValueTable optimum(const plan::Plan& plan) {
    ops::InferOptions options;
    for (const auto& [name, profile] : plan.profile) options.input_shapes[name] = profile.opt;
    return ops::infer(plan.graph, options);
}

std::optional<double> node_flops(const ir::Node& node, const ops::ValueTable& values) {
    const ops::Op* op = ops::find(node.op);
    if (!op || node.outputs.empty()) return std::nullopt;
    ops::ShapeContext context(node);
    bool known = true;
    const auto add = [&](ir::ValueId id, std::vector<Shape>& shapes) {
        const auto shape =
            id == ir::kNone ? std::optional(Shape()) : ir::known_shape(values[static_cast<std::size_t>(id)].dims);
        known = known && shape;
        shapes.push_back(shape.value_or(Shape()));
    };
    for (const ir::ValueId id : node.inputs) {
        add(id, context.inputs);
        context.input_types.push_back(id == ir::kNone ? DType::undefined : values[static_cast<std::size_t>(id)].dtype);
        context.constants.push_back(id == ir::kNone ? Tensor() : values[static_cast<std::size_t>(id)].constant);
    }
    for (const ir::ValueId id : node.outputs) add(id, context.outputs);
    if (!known) return std::nullopt;
    return op->flops ? static_cast<double>(op->flops(context))
                     : static_cast<double>(base::element_count(context.outputs[0]));
}

DType step_type(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values) {
    const auto type = [&](ir::ValueId id) { return values[static_cast<std::size_t>(id)].dtype; };
    const auto& nodes = step.region.nodes;
    const auto inside = [&](ir::NodeId id) { return std::find(nodes.begin(), nodes.end(), id) != nodes.end(); };
    double most = -1;
    ir::ValueId read = step.region.inputs.empty() ? ir::kNone : step.region.inputs[0];
    for (const ir::NodeId id : nodes) {
        const double flops = node_flops(plan.graph.node(id), values).value_or(0);
        const auto& inputs = plan.graph.node(id).inputs;
        if (flops <= most || inputs.empty() || inputs[0] == ir::kNone) continue;
        most = flops;
        read = inputs[0];
    }
    for (ir::NodeId id; read != ir::kNone && (id = plan.graph.value(read).producer) != ir::kNone && inside(id);) {
        const ir::Node& node = plan.graph.node(id);
        if (node.op != "DequantizeLinear" && node.op != "Cast") break;
        read = node.inputs[0];
    }
    if (read != ir::kNone) return type(read);
    return step.region.outputs.empty() ? DType::undefined : type(step.region.outputs[0]);
}

std::vector<std::string> step_nodes(const plan::Plan& plan, const plan::Step& step) {
    std::vector<std::string> names;
    for (const ir::NodeId id : step.region.nodes) {
        const ir::Node& node = plan.graph.node(id);
        if (node.origins.empty())
            names.push_back(node.name);
        else
            names.insert(names.end(), node.origins.begin(), node.origins.end());
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
}

StepCost step_cost(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values) {
    StepCost cost;
    const auto info = [&](ir::ValueId id) -> const ops::ValueInfo& { return values[static_cast<std::size_t>(id)]; };
    if (!step.tactic.alias) {
        for (const ir::ValueId id : step.region.inputs) cost.bytes += bytes_of(info(id));
        for (const ir::ValueId id : step.region.outputs) cost.bytes += bytes_of(info(id));
    }
    if (!step.tactic.alias)
        for (const ir::NodeId id : step.region.nodes) cost.flops += node_flops(plan.graph.node(id), values).value_or(0);
    return cost;
}

std::string describe(const plan::Plan& plan) {
    const ops::ValueTable values = optimum(plan);
    Json inputs = Json::array(), outputs = Json::array(), targets = Json::array(), profile = Json::object(),
         choices = Json::array();
    for (const ir::ValueId id : plan.graph.inputs)
        inputs.push_back(tensor(plan.graph.value(id).name, plan.graph.value(id)));
    for (const ir::Output& output : plan.graph.outputs)
        outputs.push_back(tensor(output.name, plan.graph.value(output.value)));
    for (const auto& [name, p] : plan.profile) profile[name] = {{"min", p.min}, {"opt", p.opt}, {"max", p.max}};
    for (const plan::Choice& c : plan.choices)
        choices.push_back({{"node", c.node}, {"dtype", c.dtype}, {"reason", c.reason}});
    Reasons reasons;
    for (const plan::Choice& c : plan.choices)
        if (!c.reason.empty()) reasons.emplace(c.node, c.reason);
    for (const plan::TargetSection& target : plan.targets) {
        Json kernels = Json::array();
        for (const plan::Step& step : target.steps) kernels.push_back(describe_step(plan, step, values, reasons));
        Json launching = Json::array();
        for (const auto& [way, us] : target.launching_us)
            launching.push_back(
                {{"launched", plan::to_string(way)},
                 {"us", us},
                 {"wrong", std::ranges::find(target.launching_wrong, way) != target.launching_wrong.end()}});
        targets.push_back({{"backend", target.backend},
                           {"target", target.target},
                           {"threads", target.threads},
                           {"kernels", kernels},
                           {"launched", plan::to_string(target.launching)},
                           {"launching", launching},
                           {"certificate",
                            {{"mode", target.certificate.mode},
                             {"kernels", evidence(target.certificate.kernels)},
                             {"outputs", evidence(target.certificate.outputs)}}}});
    }
    return Json{{"precision", plan.precision}, {"inputs", inputs}, {"outputs", outputs},
                {"profile", profile},          {"types", choices}, {"targets", targets},
                {"contract", plan.contract}}
        .dump();
}

std::string describe(const compiler::BuildReport& report, const plan::Plan& plan) {
    Json passes = Json::array(), candidates = Json::array(), refusals = Json::array();
    for (const pass::PassReport& pass : report.simplification.passes)
        passes.push_back({{"pass", pass.pass},
                          {"patches", pass.patches},
                          {"removed", pass.nodes_removed},
                          {"added", pass.nodes_added},
                          {"seconds", pass.seconds}});
    for (const auto& list : report.candidates) {
        Json row = Json::array();
        for (const compiler::Candidate& candidate : list) {
            row.push_back(
                {{"tactic", candidate.tactic}, {"us", candidate.times.warm}, {"cold_us", candidate.times.cold}});
            if (!candidate.fault.empty()) row.back()["wrong"] = candidate.fault;
        }
        candidates.push_back(row);
    }
    for (const auto& [node, reason] : report.refusals) refusals.push_back({{"node", node}, {"reason", reason}});
    return Json{{"passes", passes},
                {"nodes_before", report.simplification.nodes_before},
                {"nodes_after", report.simplification.nodes_after},
                {"seconds", report.seconds},
                {"candidates", candidates},
                {"reference", refusals},
                {"plan", Json::parse(describe(plan))}}
        .dump();
}

}  // namespace fovea::api
