#include "api/describe.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace fovea::api {
namespace {

using Json = nlohmann::json;

double bytes_of(const ops::ValueInfo& info) {
    const auto shape = ir::known_shape(info.dims);
    return shape ? static_cast<double>(base::element_count(*shape)) * static_cast<double>(element_bytes(info.dtype)) : 0;
}

Json tensor(const std::string& name, const ir::Value& value) {
    return {{"name", name}, {"dtype", to_string(value.dtype)}, {"shape", ir::to_string(value.dims)}};
}

Json evidence(const std::vector<plan::Evidence>& list) {
    Json result = Json::array();
    for (const plan::Evidence& e : list)
        result.push_back({{"subject", e.subject}, {"checked", e.checked}, {"max_error", e.max_error}, {"snr_db", e.snr_db}, {"tolerance", e.tolerance}});
    return result;
}

Json describe_step(const plan::Plan& plan, const plan::Step& step, const ops::ValueTable& values) {
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
    return {{"device", step.device},   {"pattern", step.region.pattern}, {"tactic", step.tactic.name}, {"alias", step.tactic.alias},
            {"operators", operators},  {"nodes", step_nodes(plan, step)}, {"outputs", outputs},         {"flops", cost.flops},
            {"bytes", cost.bytes},     {"measured_us", step.measured_us}, {"note", step.note}};
}

}  // namespace

ops::ValueTable optimum(const plan::Plan& plan) {
    ops::InferOptions options;
    for (const auto& [name, profile] : plan.profile) options.input_shapes[name] = profile.opt;
    return ops::infer(plan.graph, options);
}

std::vector<std::string> step_nodes(const plan::Plan& plan, const plan::Step& step) {
    std::vector<std::string> names;
    for (const ir::NodeId id : step.region.nodes) {
        const ir::Node& node = plan.graph.node(id);
        if (node.origins.empty()) names.push_back(node.name);
        else names.insert(names.end(), node.origins.begin(), node.origins.end());
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
    for (const ir::NodeId id : step.region.nodes) {
        const ir::Node& node = plan.graph.node(id);
        const ops::Op* op = ops::find(node.op);
        ops::ShapeContext context(node);
        bool known = true;
        const auto add = [&](ir::ValueId value, std::vector<Shape>& shapes) {
            const auto shape = value == ir::kNone ? std::optional(Shape()) : ir::known_shape(info(value).dims);
            known = known && shape;
            shapes.push_back(shape.value_or(Shape()));
        };
        for (const ir::ValueId value : node.inputs) {
            add(value, context.inputs);
            context.input_types.push_back(value == ir::kNone ? DType::undefined : info(value).dtype);
            context.constants.push_back(value == ir::kNone ? Tensor() : info(value).constant);
        }
        for (const ir::ValueId value : node.outputs) add(value, context.outputs);
        if (!known || step.tactic.alias) continue;
        cost.flops += op->flops ? static_cast<double>(op->flops(context)) : static_cast<double>(base::element_count(context.outputs[0]));
    }
    return cost;
}

std::string describe(const plan::Plan& plan) {
    const ops::ValueTable values = optimum(plan);
    Json inputs = Json::array(), outputs = Json::array(), targets = Json::array(), profile = Json::object(), choices = Json::array();
    for (const ir::ValueId id : plan.graph.inputs) inputs.push_back(tensor(plan.graph.value(id).name, plan.graph.value(id)));
    for (const ir::Output& output : plan.graph.outputs) outputs.push_back(tensor(output.name, plan.graph.value(output.value)));
    for (const auto& [name, p] : plan.profile) profile[name] = {{"min", p.min}, {"opt", p.opt}, {"max", p.max}};
    for (const plan::Choice& c : plan.choices) choices.push_back({{"node", c.node}, {"dtype", c.dtype}, {"reason", c.reason}});
    for (const plan::TargetSection& target : plan.targets) {
        Json kernels = Json::array();
        for (const plan::Step& step : target.steps) kernels.push_back(describe_step(plan, step, values));
        targets.push_back({{"backend", target.backend},
                           {"target", target.target},
                           {"threads", target.threads},
                           {"kernels", kernels},
                           {"certificate",
                            {{"mode", target.certificate.mode},
                             {"kernels", evidence(target.certificate.kernels)},
                             {"outputs", evidence(target.certificate.outputs)}}}});
    }
    return Json{{"precision", plan.precision}, {"inputs", inputs},   {"outputs", outputs}, {"profile", profile},
                {"types", choices},            {"targets", targets}, {"contract", plan.contract}}
        .dump();
}

std::string describe(const compiler::BuildReport& report, const plan::Plan& plan) {
    Json passes = Json::array(), candidates = Json::array(), refusals = Json::array();
    for (const pass::PassReport& pass : report.simplification.passes)
        passes.push_back({{"pass", pass.pass}, {"patches", pass.patches}, {"removed", pass.nodes_removed}, {"added", pass.nodes_added}, {"seconds", pass.seconds}});
    for (const auto& list : report.candidates) {
        Json row = Json::array();
        for (const auto& [name, microseconds] : list) row.push_back({{"tactic", name}, {"us", microseconds}});
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
