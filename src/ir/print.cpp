#include <charconv>
#include <cmath>

#include "base/dispatch.hpp"
#include "ir/text.hpp"

namespace fovea::ir {
namespace {

constexpr std::int64_t kInlineElements = 16;

std::string quoted(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\') result += '\\';
        if (c == '\n')
            result += "\\n";
        else
            result += c;
    }
    return result + "\"";
}

bool plain_name(std::string_view name) {
    if (name.empty()) return false;
    for (const char c : name)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '_' && c != '.' && c != '/' && c != ':') return false;
    return true;
}

std::string reference(std::string_view name) { return plain_name(name) ? "%" + std::string(name) : "%" + quoted(name); }

std::string number(double value) {
    if (std::isnan(value)) return "nan";
    if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string number(float value) {
    if (std::isnan(value) || std::isinf(value)) return number(static_cast<double>(value));
    char buffer[32];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
    return {buffer, end};
}

std::string number(std::int64_t value) { return std::to_string(value); }

template <class Range, class Function>
std::string list(const Range& range, const Function& function) {
    std::string text = "[";
    bool first = true;
    for (const auto& item : range) {
        text += first ? "" : ", ";
        text += function(item);
        first = false;
    }
    return text + "]";
}

class Printer {
  public:
    explicit Printer(const StoreConstant& store) : store_(store) {}

    void graph(const Graph& graph, const std::string& indent) {
        text_ += "graph " + quoted(graph.name) + " {\n";
        for (ValueId id : graph.inputs)
            text_ += indent + "  input " + typed(graph.value(id)) + also(graph.value(id)) + "\n";
        for (ValueId id = 0; id < graph.value_count(); ++id)
            if (const Value& value = graph.value(id); value.constant)
                text_ += indent + "  const " + typed(value) + " = " + elements(value.constant) + also(value) + "\n";
        for (const NodeId id : graph.order()) node(graph, graph.node(id), indent + "  ");
        for (const Output& output : graph.outputs)
            text_ +=
                indent + "  output " + quoted(output.name) + " = " + reference(graph.value(output.value).name) + "\n";
        text_ += indent + "}";
    }

    std::string take() { return std::move(text_); }

  private:
    static std::string dims_text(const std::optional<Dims>& dims) {
        if (!dims) return "[*]";
        return list(*dims, [](const Dim& dim) {
            if (dim.known()) return std::to_string(dim.value);
            return dim.symbol.empty() ? std::string("?") : plain_name(dim.symbol) ? dim.symbol : quoted(dim.symbol);
        });
    }

    static std::string typed(const Value& value) {
        return reference(value.name) + " : " + std::string(fovea::to_string(value.dtype)) + dims_text(value.dims);
    }

    static std::string also(const Value& value) {
        return value.origins.empty() ? "" : " also " + list(value.origins, quoted);
    }

    std::string elements(const Tensor& tensor) const {
        if (store_ && tensor.size() > kInlineElements) return "@" + std::to_string(store_(tensor));
        std::string text;
        base::visit(tensor.dtype(), [&]<class T>() {
            text = list(tensor.as<T>(), [](const T& element) {
                const auto value = static_cast<base::arithmetic_t<T>>(element);
                if constexpr (std::is_same_v<T, double>)
                    return number(value);
                else if constexpr (base::is_floating<T>)
                    return number(static_cast<float>(value));
                else if constexpr (std::is_same_v<T, std::uint64_t>)
                    return std::to_string(value);
                else
                    return number(static_cast<std::int64_t>(value));
            });
        });
        return text;
    }

    void node(const Graph& graph, const Node& node, const std::string& indent) {
        text_ += indent;
        for (std::size_t i = 0; i < node.outputs.size(); ++i) {
            text_ += i ? ", " : "";
            if (node.outputs[i] == kNone)
                text_ += "_";
            else
                text_ += typed(graph.value(node.outputs[i])) + also(graph.value(node.outputs[i]));
        }
        text_ += " = " + node.op + "(";
        for (std::size_t i = 0; i < node.inputs.size(); ++i)
            text_ += (i ? ", " : "") + (node.inputs[i] == kNone ? "_" : reference(graph.value(node.inputs[i]).name));
        text_ += ")";
        if (!node.attributes.empty()) {
            text_ += " {";
            bool first = true;
            for (const auto& [key, attribute] : node.attributes) {
                text_ += (first ? "" : ", ") + key + " = ";
                write(attribute, indent);
                first = false;
            }
            text_ += "}";
        }
        if (!node.name.empty()) text_ += " name " + quoted(node.name);
        if (!node.origins.empty()) text_ += " from " + list(node.origins, quoted);
        text_ += "\n";
    }

    void write(const Attribute& attribute, const std::string& indent) {
        struct Writer {
            Printer& printer;
            const std::string& indent;
            void operator()(std::int64_t value) const { printer.text_ += number(value); }
            // The suffix keeps a whole float apart from an integer.
            void operator()(float value) const { printer.text_ += number(value) + "f"; }
            void operator()(const std::string& value) const { printer.text_ += quoted(value); }
            void operator()(const std::vector<std::int64_t>& values) const {
                printer.text_ += list(values, [](std::int64_t value) { return number(value); });
            }
            void operator()(const std::vector<float>& values) const {
                printer.text_ += "floats " + list(values, [](float value) { return number(value); });
            }
            void operator()(const std::vector<std::string>& values) const {
                printer.text_ += "strings " + list(values, quoted);
            }
            void operator()(const Tensor& tensor) const {
                printer.text_ += "tensor " + std::string(fovea::to_string(tensor.dtype())) +
                                 dims_text(to_dims(tensor.shape())) + " = " + printer.elements(tensor);
            }
            void operator()(const std::shared_ptr<const Graph>& body) const { printer.graph(*body, indent); }
        };
        std::visit(Writer{*this, indent}, attribute);
    }

    const StoreConstant& store_;
    std::string text_;
};

}  // namespace

std::string print(const Graph& graph, const StoreConstant& store) {
    Printer printer(store);
    printer.graph(graph, "");
    return printer.take() + "\n";
}

}  // namespace fovea::ir
