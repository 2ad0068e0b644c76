#include "conf/describe.h"

#include "conf/fields.h"
#include "conf/hash.h"
#include "conf/scalar.h"

namespace weir::conf {
namespace {

// Writes the fields of one item: a visitor of conf/fields.h.
class Describer {
public:
    explicit Describer(Item& item, std::string prefix = "") : item_(item), prefix_(std::move(prefix)) {}

    template <class T> void field(std::string_view key, const T& value, std::string_view) {
        if constexpr (std::same_as<T, Secret>) {
            if (!value.text.empty()) put(key, "sha256:" + sha256_hex("weir:" + value.text).substr(0, 12));
        } else if constexpr (ScalarType<T>) {
            put(key, Scalar<T>::format(value));
        } else {
            object(key, value, "");
        }
    }
    template <class T> void field(std::string_view key, const std::optional<T>& value, std::string_view doc) {
        if (value) field(key, *value, doc);
    }
    template <class T> void required(std::string_view key, const T& value, std::string_view doc) {
        field(key, value, doc);
    }
    void whole(std::string_view key, std::uint32_t value, std::uint64_t, std::uint64_t, std::string_view) {
        put(key, std::to_string(value));
    }
    template <class T> void list(std::string_view key, const std::vector<T>& values, std::string_view doc) {
        if constexpr (ScalarType<T>) {
            std::string all;
            for (const auto& value : values) all += (all.empty() ? "" : ", ") + Scalar<T>::format(value);
            put(key, "[" + all + "]");
        } else if constexpr (!std::same_as<T, Backend>) { // backends are items of their own
            for (std::size_t i = 0; i < values.size(); ++i)
                object(std::string(key) + "[" + std::to_string(i) + "]", values[i], doc);
        }
    }
    void pairs(std::string_view key, const std::vector<std::pair<std::string, std::string>>& values, std::string_view) {
        for (const auto& [name, value] : values) put(std::string(key) + "." + name, value);
    }
    template <class T> void object(std::string_view key, const T& value, std::string_view) {
        Describer inner(item_, prefix_ + std::string(key) + ".");
        visit(inner, value);
    }
    template <class T> void optional(std::string_view key, const std::optional<T>& value, std::string_view doc) {
        if constexpr (!std::same_as<T, HealthCheck>) // an item of its own
            if (value) object(key, *value, doc);
    }
    void unsupported(std::string_view) {}

private:
    void put(std::string_view key, std::string value) {
        item_.fields.emplace_back(prefix_ + std::string(key), std::move(value));
    }

    Item& item_;
    std::string prefix_;
};

template <class T> Item item(std::string kind, std::string name, const T& value) {
    Item made{std::move(kind), std::move(name), {}};
    Describer describer(made);
    visit(describer, value);
    return made;
}

// The top level: each section and each named thing becomes an item.
class Sections {
public:
    explicit Sections(Description& out) : out_(out) {}
    template <class T> void object(std::string_view key, const T& value, std::string_view) {
        out_.push_back(item(std::string(key), "", value));
    }
    template <class T> void named(std::string_view, const std::vector<T>& values, std::string_view) {
        for (const auto& value : values) add(value);
    }
    template <class T> void list(std::string_view, const std::vector<T>& values, std::string_view) {
        for (const auto& value : values) out_.push_back(item("route", value.name, value));
    }

private:
    void add(const Listener& listener) { out_.push_back(item("listener", listener.name, listener)); }
    void add(const Pool& pool) {
        out_.push_back(item("pool", pool.name, pool));
        if (pool.health_check) out_.push_back(item("check", pool.name, *pool.health_check));
        for (const auto& backend : pool.backends)
            out_.push_back(item("backend", pool.name + "/" + backend.name, backend));
    }

    Description& out_;
};

} // namespace

Description describe(const Config& config) {
    Description out;
    Sections sections(out);
    visit(sections, config);
    return out;
}

} // namespace weir::conf
