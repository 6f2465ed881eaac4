#include <charconv>
#include <cmath>
#include <limits>
#include <random>

#include "base/dispatch.hpp"
#include "base/limits.hpp"
#include "fovea/error.hpp"
#include "ir/text.hpp"

namespace fovea::ir {
namespace {

class Parser {
  public:
    Parser(std::string_view text, const LoadConstant& load) : text_(text), load_(load) {}

    Graph whole() {
        Graph result = graph(0);
        skip_space();
        if (at_ < text_.size()) fail("expected the end of the text");
        return result;
    }

  private:
    // ---- characters and words
    [[noreturn]] void fail(const std::string& message) const {
        std::size_t line = 1, column = 1;
        for (std::size_t i = 0; i < at_ && i < text_.size(); ++i) {
            column = text_[i] == '\n' ? 1 : column + 1;
            line += text_[i] == '\n';
        }
        throw Error(ErrorCode::invalid_argument, message)
            .in("line " + std::to_string(line) + ", column " + std::to_string(column));
    }

    void skip_space() {
        while (at_ < text_.size()) {
            if (std::isspace(static_cast<unsigned char>(text_[at_])))
                ++at_;
            else if (text_[at_] == '#')
                while (at_ < text_.size() && text_[at_] != '\n') ++at_;
            else
                break;
        }
    }

    char peek() {
        skip_space();
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    bool accept(char c) {
        if (peek() != c) return false;
        ++at_;
        return true;
    }

    void expect(char c) {
        if (!accept(c)) fail(std::string("expected '") + c + "'");
    }

    static bool word_character(char c) {
        return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '/' || c == ':';
    }

    std::string word() {
        skip_space();
        const std::size_t begin = at_;
        while (at_ < text_.size() && word_character(text_[at_])) ++at_;
        if (begin == at_) fail("expected a name");
        return std::string(text_.substr(begin, at_ - begin));
    }

    bool accept_word(std::string_view expected) {
        skip_space();
        if (text_.substr(at_, expected.size()) != expected) return false;
        const std::size_t end = at_ + expected.size();
        if (end < text_.size() && word_character(text_[end])) return false;
        at_ = end;
        return true;
    }

    std::string quoted() {
        expect('"');
        std::string result;
        while (at_ < text_.size() && text_[at_] != '"') {
            if (text_[at_] == '\\' && at_ + 1 < text_.size()) {
                ++at_;
                result += text_[at_] == 'n' ? '\n' : text_[at_];
            } else {
                result += text_[at_];
            }
            ++at_;
        }
        if (at_ >= text_.size()) fail("expected a closing quote");
        ++at_;
        return result;
    }

    std::string reference() {
        expect('%');
        return peek() == '"' ? quoted() : word();
    }

    /// A number as written: digits, sign, point, exponent, "nan", "inf"; a trailing 'f' marks a float.
    std::string_view number_text() {
        skip_space();
        const std::size_t begin = at_;
        while (at_ < text_.size() && (std::isalnum(static_cast<unsigned char>(text_[at_])) || text_[at_] == '.' ||
                                      text_[at_] == '-' || text_[at_] == '+'))
            ++at_;
        if (begin == at_) fail("expected a number");
        return text_.substr(begin, at_ - begin);
    }

    template <class T>
    T to_number(std::string_view text) const {
        if constexpr (std::is_floating_point_v<T>) {
            if (text == "nan") return std::numeric_limits<T>::quiet_NaN();
            if (text == "inf") return std::numeric_limits<T>::infinity();
            if (text == "-inf") return -std::numeric_limits<T>::infinity();
        }
        T value{};
        const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (status != std::errc() || end != text.data() + text.size())
            fail("expected a number, found \"" + std::string(text) + "\"");
        return value;
    }

    std::int64_t integer() { return to_number<std::int64_t>(number_text()); }

    template <class Function>
    void list(const Function& item) {
        expect('[');
        if (accept(']')) return;
        do item();
        while (accept(','));
        expect(']');
    }

    std::vector<std::string> strings() {
        std::vector<std::string> result;
        list([&] { result.push_back(quoted()); });
        return result;
    }

    // ---- types and constants
    std::optional<Dims> dims() {
        Dims result;
        bool ranked = true;
        list([&] {
            if (accept('*'))
                ranked = false;
            else if (accept('?'))
                result.emplace_back();
            else if (peek() == '"')
                result.emplace_back(quoted());
            else if (std::isdigit(static_cast<unsigned char>(peek())))
                result.emplace_back(integer());
            else
                result.emplace_back(word());
        });
        if (static_cast<int>(result.size()) > base::limits::kMaxRank) fail("a tensor has too many dimensions");
        return ranked ? std::optional(result) : std::nullopt;
    }

    DType dtype() {
        const std::string name = word();
        const DType type = dtype_from_string(name);
        if (type == DType::undefined && name != "undefined") fail("unknown element type \"" + name + "\"");
        return type;
    }

    Value typed() {
        Value value;
        value.name = reference();
        expect(':');
        value.dtype = dtype();
        value.dims = dims();
        return value;
    }

    Tensor tensor(DType type, const std::optional<Dims>& value_dims) {
        const auto shape = known_shape(value_dims);
        if (!shape) fail("a constant needs a known shape");
        if (base::element_count(*shape) > base::limits::kMaxElements) fail("a constant has too many elements");
        if (accept('@')) {
            const std::int64_t index = integer();
            if (!load_) fail("the text refers to stored constants, but none were given");
            return load_(index, type, *shape);
        }
        if (accept_word("fill")) return filled(type, *shape);
        if (accept_word("random")) return random(type, *shape);
        return listed(type, *shape);
    }

    Tensor filled(DType type, const Shape& shape) {
        expect('(');
        const auto value = to_number<float>(number_text());
        expect(')');
        const Tensor result(DType::f32, shape);
        Tensor target = result;
        for (float& element : target.as<float>()) element = value;
        return target.cast(type);
    }

    Tensor random(DType type, const Shape& shape) {
        expect('(');
        std::mt19937 generator(static_cast<std::uint32_t>(integer()));
        expect(')');
        Tensor target(DType::f32, shape);
        for (float& element : target.as<float>()) element = static_cast<float>(generator()) / 2147483648.0f - 1.0f;
        return target.cast(type);
    }

    Tensor listed(DType type, const Shape& shape) {
        Tensor result(type, shape);
        base::visit(type, [&]<class T>() {
            const auto target = result.as<T>();
            std::size_t i = 0;
            list([&] {
                if (i >= target.size()) fail("a constant has more elements than its shape");
                using Wide = base::arithmetic_t<T>;
                if constexpr (std::is_same_v<Wide, bool>)
                    target[i++] = integer() != 0;
                else
                    target[i++] = static_cast<T>(to_number<Wide>(number_text()));
            });
            if (i != target.size()) fail("a constant has fewer elements than its shape");
        });
        return result;
    }

    // ---- statements
    Graph graph(int depth) {
        if (depth > base::limits::kMaxNesting) fail("bodies nest too deeply");
        if (!accept_word("graph")) fail("expected \"graph\"");
        Graph result;
        result.name = quoted();
        expect('{');
        while (!accept('}')) statement(result, depth);
        return result;
    }

    void statement(Graph& result, int depth) {
        if (accept_word("input")) {
            Value value = typed();
            if (accept_word("also")) value.origins = strings();
            result.inputs.push_back(result.add_value(std::move(value)));
        } else if (accept_word("const")) {
            Value value = typed();
            expect('=');
            value.constant = tensor(value.dtype, value.dims);
            if (accept_word("also")) value.origins = strings();
            result.add_value(std::move(value));
        } else if (accept_word("output")) {
            Output output{quoted(), kNone};
            expect('=');
            output.value = existing(result, reference());
            result.outputs.push_back(std::move(output));
        } else {
            node(result, depth);
        }
    }

    ValueId existing(const Graph& graph, const std::string& name) const {
        const ValueId id = graph.find_value(name);
        if (id == kNone) fail("the tensor \"" + name + "\" has not been defined above");
        return id;
    }

    void node(Graph& result, int depth) {
        Node node;
        std::vector<Value> outputs;
        do {
            if (accept_word("_")) {
                outputs.emplace_back();
            } else {
                outputs.push_back(typed());
                if (accept_word("also")) outputs.back().origins = strings();
            }
        } while (accept(','));
        expect('=');
        node.op = word();
        expect('(');
        if (!accept(')')) {
            do node.inputs.push_back(accept_word("_") ? kNone : existing(result, reference()));
            while (accept(','));
            expect(')');
        }
        if (accept('{')) {
            do {
                std::string key = word();
                expect('=');
                node.attributes.emplace(std::move(key), attribute(depth));
            } while (accept(','));
            expect('}');
        }
        if (accept_word("name")) node.name = quoted();
        if (accept_word("from")) node.origins = strings();
        for (Value& value : outputs)
            node.outputs.push_back(value.name.empty() ? kNone : result.add_value(std::move(value)));
        result.add_node(std::move(node));
    }

    Attribute attribute(int depth) {
        if (peek() == '"') return quoted();
        if (accept_word("floats")) {
            std::vector<float> values;
            list([&] { values.push_back(to_number<float>(number_text())); });
            return values;
        }
        if (accept_word("strings")) return strings();
        if (accept_word("tensor")) {
            const DType type = dtype();
            const auto tensor_dims = dims();
            expect('=');
            return tensor(type, tensor_dims);
        }
        if (peek() == '[') {
            std::vector<std::int64_t> values;
            list([&] { values.push_back(integer()); });
            return values;
        }
        if (text_.substr(at_, 5) == "graph") return std::make_shared<const Graph>(graph(depth + 1));
        const std::string_view text = number_text();
        if (text.ends_with('f') && !text.ends_with("inf")) return to_number<float>(text.substr(0, text.size() - 1));
        if (text == "inff") return std::numeric_limits<float>::infinity();
        if (text == "-inff") return -std::numeric_limits<float>::infinity();
        return to_number<std::int64_t>(text);
    }

    std::string_view text_;
    const LoadConstant& load_;
    std::size_t at_ = 0;
};

}  // namespace

Graph parse(std::string_view text, const LoadConstant& load) { return Parser(text, load).whole(); }

}  // namespace fovea::ir
