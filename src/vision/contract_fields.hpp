#pragma once

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "fovea/error.hpp"
#include "vision/contract.hpp"

/// Reading and writing the members of a JSON object by one list: `describe(object, fields)` names each member once, and
/// `fields` is a `FieldReader` or a `FieldWriter`.
namespace fovea::vision {

using Json = nlohmann::ordered_json;

[[noreturn]] inline void refuse(const std::string& message) { throw Error(ErrorCode::invalid_argument, message); }

inline void require(bool holds, const char* message) {
    if (!holds) refuse(message);
}

/// A value of an enumeration and its name in the file.
template <class Enum>
struct Choice {
    Enum value;
    std::string_view name;
};

template <class Choices>
auto value_of(const Choices& choices, const std::string& name) {
    std::string known;
    for (const auto& choice : choices) {
        if (choice.name == name) return choice.value;
        known += (known.empty() ? "" : ", ") + std::string(choice.name);
    }
    refuse("'" + name + "' is not one of " + known);
}

/// Runs `read`; errors carry `key`, and JSON's own become `invalid_argument`.
template <class Read>
void at_key(const std::string& key, const Json& found, const Read& read) {
    try {
        read();
    } catch (Error& error) {
        throw error.in(key);
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::invalid_argument,
                    std::string("a value of another type was expected, found ") + found.type_name())
            .in(key);
    }
}

/// Reads the members of one JSON object; every member must be asked for before `finish`.
class FieldReader {
  public:
    explicit FieldReader(const Json& object) : object_(object) {
        if (!object.is_object()) refuse(std::string("expected an object, found ") + object.type_name());
    }

    /// Hands the member's value to `read` where there is one.
    template <class Read>
    void member(const char* key, const Read& read) {
        known_.emplace_back(key);
        const auto found = object_.find(key);
        if (found != object_.end()) at_key(key, *found, [&] { read(*found); });
    }

    template <class T>
    void value(const char* key, T& target) {
        member(key, [&](const Json& json) { target = json.get<T>(); });
    }

    template <class Choices, class Enum>
    void choice(const char* key, const Choices& choices, Enum& target) {
        member(key, [&](const Json& json) { target = value_of(choices, json.get<std::string>()); });
    }

    /// A member that is an object of its own, named by `describe(target, fields)`.
    template <class T>
    void object(const char* key, T& target) {
        member(key, [&](const Json& json) { read(json, target); });
    }

    /// A list of such objects.
    template <class T>
    void list(const char* key, std::vector<T>& target) {
        member(key, [&](const Json& json) {
            if (!json.is_array()) refuse(std::string("expected a list, found ") + json.type_name());
            target.resize(json.size());
            for (std::size_t i = 0; i < json.size(); ++i)
                at_key(std::to_string(i), json[i], [&] { read(json[i], target[i]); });
        });
    }

    void finish() const {
        for (const auto& [key, value] : object_.items())
            if (std::find(known_.begin(), known_.end(), key) == known_.end()) refuse("unknown key '" + key + "'");
    }

    template <class T>
    static void read(const Json& json, T& target) {
        FieldReader fields(json);
        describe(target, fields);
        fields.finish();
    }

  private:
    const Json& object_;
    std::vector<std::string> known_;
};

/// Writes them.
class FieldWriter {
  public:
    template <class T>
    void value(const char* key, const T& source) {
        json_[key] = source;
    }

    template <class Choices, class Enum>
    void choice(const char* key, const Choices& choices, Enum source) {
        json_[key] =
            std::find_if(choices.begin(), choices.end(), [&](const auto& c) { return c.value == source; })->name;
    }

    template <class T>
    void object(const char* key, T& source) {
        json_[key] = write(source);
    }

    template <class T>
    void list(const char* key, std::vector<T>& source) {
        json_[key] = Json::array();
        for (T& element : source) json_[key].push_back(write(element));
    }

    template <class T>
    static Json write(T& source) {
        FieldWriter fields;
        describe(source, fields);
        return fields.json_;
    }

  private:
    Json json_ = Json::object();
};

/// The members of one entry of `output`; those that its decoder does not use are not named.
void describe(OutputContract& output, FieldReader& fields);
void describe(OutputContract& output, FieldWriter& fields);

/// Throws `invalid_argument` where values contradict each other or the decoder.
void check(const OutputContract& output);

}  // namespace fovea::vision
