#include "pass/state.hpp"

#include <algorithm>
#include <sstream>

#include "fovea/error.hpp"

namespace fovea::pass {
namespace {

std::size_t at(std::int32_t id) { return static_cast<std::size_t>(id); }

/// A size that nobody named gets a name here, so that it is recognised where it comes again.
constexpr char kUnnamed = '?';

bool unnamed(const ir::Dim& dim) { return !dim.known() && (dim.symbol.empty() || dim.symbol[0] == kUnnamed); }

/// Adds what `more` says to `known`; false when they contradict each other.
bool merge(ir::Dim& known, const ir::Dim& more) {
    if (known.known()) return !more.known() || more.value == known.value;
    if (known.symbol.empty() || (unnamed(known) && !unnamed(more)))
        known = more;
    else if (more.known())
        known = more;
    return true;
}

void name_sizes(ops::ValueInfo& info, ir::ValueId id) {
    if (!info.dims) return;
    for (std::size_t axis = 0; axis < info.dims->size(); ++axis)
        if (ir::Dim& dim = (*info.dims)[axis]; !dim.known() && dim.symbol.empty())
            dim.symbol = kUnnamed + std::to_string(id) + "." + std::to_string(axis);
}

bool merge(ops::ValueInfo& known, const ops::ValueInfo& more) {
    if (known.dtype == DType::undefined) known.dtype = more.dtype;
    if (more.dtype != DType::undefined && more.dtype != known.dtype) return false;
    if (!known.dims)
        known.dims = more.dims;
    else if (more.dims) {
        if (more.dims->size() != known.dims->size()) return false;
        for (std::size_t i = 0; i < known.dims->size(); ++i)
            if (!merge((*known.dims)[i], (*more.dims)[i])) return false;
    }
    if (!known.constant) known.constant = more.constant;
    if (!known.content)
        known.content = more.content;
    else if (more.content && more.content->size() == known.content->size())
        for (std::size_t i = 0; i < known.content->size(); ++i) merge((*known.content)[i], (*more.content)[i]);
    return true;
}

bool same(const ops::ValueInfo& a, const ops::ValueInfo& b) {
    return a.dtype == b.dtype && a.dims == b.dims && a.content == b.content &&
           static_cast<bool>(a.constant) == static_cast<bool>(b.constant);
}

/// A number of elements: a number times symbols.
struct Count {
    std::int64_t number = 1;
    std::vector<std::string> symbols;
};

/// Stands between the parts of a name that is a product; no symbol holds it.
constexpr char kTimes = '\x1f';

/// Multiplies by `dim`, taking names that are products apart; false on overflow.
bool multiply(Count& count, const ir::Dim& dim) {
    if (dim.known()) return !__builtin_mul_overflow(count.number, dim.value, &count.number);
    const std::size_t times = dim.symbol.find(kTimes);
    if (times == std::string::npos) {
        count.symbols.push_back(dim.symbol);
        return true;
    }
    if (__builtin_mul_overflow(count.number, std::stoll(dim.symbol.substr(1, times - 1)), &count.number)) return false;
    std::istringstream parts(dim.symbol.substr(times + 1));
    for (std::string symbol; std::getline(parts, symbol, kTimes);) count.symbols.push_back(symbol);
    return true;
}

/// What a Reshape leaves over for its one unknown size, as a product that has the same name wherever it is the same;
/// empty when it is none.
std::string leftover(const ir::Dims& from, const ir::Dims& to) {
    Count whole, part;
    for (const ir::Dim& dim : from)
        if (!multiply(whole, dim)) return {};
    for (const ir::Dim& dim : to)
        if ((dim.known() || !dim.symbol.empty()) && !multiply(part, dim)) return {};
    if (part.number == 0 || whole.number % part.number != 0) return {};
    for (const std::string& symbol : part.symbols) {
        const auto it = std::find(whole.symbols.begin(), whole.symbols.end(), symbol);
        if (it == whole.symbols.end()) return {};
        whole.symbols.erase(it);
    }
    const std::int64_t number = whole.number / part.number;
    if (whole.symbols.empty() || number == 0) return {};
    if (number == 1 && whole.symbols.size() == 1) return whole.symbols[0];
    std::sort(whole.symbols.begin(), whole.symbols.end());
    std::string name = kUnnamed + std::to_string(number);
    for (const std::string& symbol : whole.symbols) name += kTimes + symbol;
    return name;
}

void name_leftover(const ir::Dims& from, ir::Dims& to) {
    const auto open = [](const ir::Dim& dim) { return !dim.known() && dim.symbol.empty(); };
    if (std::count_if(to.begin(), to.end(), open) != 1) return;
    if (const std::string name = leftover(from, to); !name.empty())
        std::find_if(to.begin(), to.end(), open)->symbol = name;
}

std::string describe(const ops::ValueInfo& info) {
    return std::string(to_string(info.dtype)) + ir::to_string(info.dims);
}

}  // namespace

State::State(ir::Graph& graph) : graph_(graph), table_(at(graph.value_count())), order_(graph.order()) {
    for (ir::ValueId id = 0; id < graph.value_count(); ++id) add_constant(id);
    for (const ir::ValueId id : graph.inputs) {
        table_[at(id)] = {graph.value(id).dtype, graph.value(id).dims, Tensor(), std::nullopt};
        name_sizes(table_[at(id)], id);
    }
    for (const ir::NodeId id : order_) infer(id);
}

void State::add_constant(ir::ValueId id) {
    if (const Tensor* tensor = graph_.constant(id))
        table_[at(id)] = {tensor->dtype(), ir::to_dims(tensor->shape()), *tensor, std::nullopt};
}

bool State::infer(ir::NodeId id) {
    const ir::Node& node = graph_.node(id);
    std::vector<const ops::ValueInfo*> inputs;
    for (const ir::ValueId input : node.inputs) inputs.push_back(input == ir::kNone ? nullptr : &table_[at(input)]);
    const auto results = ops::infer_node(node, std::move(inputs));
    bool changed = false;
    for (std::size_t i = 0; i < node.outputs.size(); ++i) {
        if (node.outputs[i] == ir::kNone) continue;
        ops::ValueInfo merged = table_[at(node.outputs[i])];
        if (!merge(merged, results[i]))
            throw Error(ErrorCode::internal, "the output was " + describe(table_[at(node.outputs[i])]) +
                                                 " and became " + describe(results[i]))
                .in("node " + node.name + " (" + node.op + ")");
        if (node.op == "Reshape" && merged.dims && table_[at(node.inputs[0])].dims)
            name_leftover(*table_[at(node.inputs[0])].dims, *merged.dims);
        name_sizes(merged, node.outputs[i]);
        if (same(merged, table_[at(node.outputs[i])])) continue;
        table_[at(node.outputs[i])] = std::move(merged);
        changed = true;
    }
    return changed;
}

void State::update(const std::vector<ir::Applied>& applied) {
    const auto known_values = static_cast<ir::ValueId>(table_.size());
    table_.resize(at(graph_.value_count()));
    for (ir::ValueId id = known_values; id < graph_.value_count(); ++id) add_constant(id);
    order_ = graph_.order();
    std::vector<bool> dirty(at(graph_.node_count()), false);
    const auto readers = graph_.consumers();
    for (const ir::Applied& one : applied) {
        for (const ir::NodeId id : one.added) dirty[at(id)] = true;
        for (const auto& [from, to] : one.replaced)
            for (const ir::NodeId id : readers[at(to)]) dirty[at(id)] = true;
    }
    // What was known of a replaced value holds for what replaced it, before that is inferred.
    for (const ir::Applied& one : applied)
        for (const auto& [from, to] : one.replaced)
            if (!merge(table_[at(to)], table_[at(from)]))
                throw Error(ErrorCode::internal, "the tensor \"" + graph_.value(to).name + "\" was " +
                                                     describe(table_[at(from)]) + " and became " +
                                                     describe(table_[at(to)]));
    for (ir::ValueId id = 0; id < graph_.value_count(); ++id)
        if (graph_.value(id).producer == ir::kNone && !graph_.constant(id)) table_[at(id)].constant = Tensor();
    for (const ir::NodeId id : order_) {
        if (!dirty[at(id)] || !infer(id)) continue;
        for (const ir::ValueId output : graph_.node(id).outputs)
            if (output != ir::kNone)
                for (const ir::NodeId reader : readers[at(output)]) dirty[at(reader)] = true;
    }
}

void State::annotate() const {
    for (ir::ValueId id = 0; id < graph_.value_count(); ++id) {
        const ops::ValueInfo& info = table_[at(id)];
        if (info.dtype == DType::undefined) continue;
        graph_.value(id).dtype = info.dtype;
        graph_.value(id).dims = info.dims;
        if (info.dims)
            for (ir::Dim& dim : *graph_.value(id).dims)
                if (unnamed(dim)) dim.symbol.clear();
    }
}

}  // namespace fovea::pass
