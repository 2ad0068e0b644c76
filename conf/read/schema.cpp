#include "conf/read/schema.h"

#include "conf/model/fields.h"
#include "conf/model/scalar.h"

#include <boost/json.hpp>

namespace weir::conf {
namespace {

namespace json = boost::json;

template <class T> json::object describe_type();

// Writes the properties of one mapping: a visitor of conf/model/fields.h.
class SchemaWriter {
public:
    template <class T> void field(std::string_view key, const T&, std::string_view doc) {
        add(key, describe_type<T>(), doc);
    }
    template <class T> void field(std::string_view key, const std::optional<T>&, std::string_view doc) {
        add(key, describe_type<T>(), doc);
    }
    template <class T> void required(std::string_view key, const T& value, std::string_view doc) {
        required_.emplace_back(key);
        field(key, value, doc);
    }
    void whole(std::string_view key, std::uint32_t value, std::uint64_t least, std::uint64_t most,
               std::string_view doc) {
        add(key, {{"type", "integer"}, {"minimum", least}, {"maximum", most}, {"default", value}}, doc);
    }
    void required_whole(std::string_view key, std::uint32_t, std::uint64_t least, std::uint64_t most,
                        std::string_view doc) {
        required_.emplace_back(key);
        add(key, {{"type", "integer"}, {"minimum", least}, {"maximum", most}}, doc);
    }
    template <class T> void list(std::string_view key, const std::vector<T>&, std::string_view doc) {
        add(key, {{"type", "array"}, {"items", describe_type<T>()}}, doc);
    }
    void pairs(std::string_view key, const std::vector<std::pair<std::string, std::string>>&, std::string_view doc) {
        add(key, {{"type", "object"}, {"additionalProperties", {{"type", "string"}}}}, doc);
    }
    template <class T> void object(std::string_view key, const T&, std::string_view doc) {
        add(key, describe_type<T>(), doc);
    }
    template <class T> void optional(std::string_view key, const std::optional<T>&, std::string_view doc) {
        add(key, describe_type<T>(), doc);
    }
    template <class T> void named(std::string_view key, const std::vector<T>&, std::string_view doc) {
        add(key, {{"type", "object"}, {"additionalProperties", describe_type<T>()}}, doc);
    }
    void unsupported(std::string_view) {}

    json::object finish() {
        json::object out{{"type", "object"}, {"properties", std::move(properties_)}, {"additionalProperties", false}};
        if (!required_.empty()) out["required"] = std::move(required_);
        return out;
    }

private:
    void add(std::string_view key, json::object type, std::string_view doc) {
        if (!doc.empty()) type["description"] = doc;
        properties_[key] = std::move(type);
    }

    json::object properties_;
    json::array required_;
};

template <class T> json::object describe_type() {
    if constexpr (std::is_enum_v<T>) {
        json::array words;
        for (const auto& word : Words<T>::all)
            if (word.value) words.emplace_back(word.text);
        return {{"enum", std::move(words)}};
    } else if constexpr (std::same_as<T, bool>) {
        return {{"type", "boolean"}};
    } else if constexpr (std::same_as<T, Duration>) {
        return {{"type", "string"}, {"pattern", "^[0-9]+(ms|s|m|h|d)$"}};
    } else if constexpr (std::same_as<T, Size>) {
        return {{"type", json::array{"string", "integer"}}, {"pattern", "^(0|[0-9]+(B|KiB|MiB|GiB))$"}};
    } else if constexpr (std::same_as<T, Percent>) {
        return {{"type", "string"}, {"pattern", "^[0-9]{1,3}%$"}};
    } else if constexpr (ScalarType<T>) {
        return {{"type", json::array{"string", "integer"}}};
    } else {
        SchemaWriter writer;
        T value;
        visit(writer, value);
        auto type = writer.finish();
        if constexpr (std::same_as<T, Backend>) return {{"anyOf", json::array{{{"type", "string"}}, std::move(type)}}};
        return type;
    }
}

} // namespace

std::string schema() {
    auto root = describe_type<Config>();
    auto& include = root["properties"].as_object()["include"].emplace_object();
    include = {{"type", "array"},
               {"items", {{"type", "string"}}},
               {"description", "additional files to read; only in the main file"}};
    json::object out{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "weir"}};
    out.insert(root.begin(), root.end());
    return json::serialize(out);
}

} // namespace weir::conf
