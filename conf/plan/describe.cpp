#include "conf/plan/describe.h"

#include "conf/model/fields.h"
#include "conf/model/redact.h"
#include "conf/model/scalar.h"

#include <unordered_map>

namespace weir::conf {
namespace {

// The values that must not be shown: maps their paths to the texts in the file.
class HiddenValues {
public:
    explicit HiddenValues(const Config& config) {
        for (const auto& each : config.substitutions) written_.emplace(each.path, &each.written);
    }

    // Returns null if the value may be shown.
    const std::string* find(const std::string& path) const {
        if (written_.empty()) return nullptr;
        const auto it = written_.find(path);
        return it == written_.end() ? nullptr : it->second;
    }

private:
    std::unordered_map<std::string_view, const std::string*> written_;
};

// Writes the fields of one item: a visitor of conf/model/fields.h. `path` is the item's path in the file.
class Describer {
public:
    Describer(Item& item, const HiddenValues& hidden_values, std::string path, std::string prefix = "")
        : item_(item), hidden_(hidden_values), path_(std::move(path)), prefix_(std::move(prefix)) {}

    template <class T> void field(std::string_view key, const T& value, std::string_view) {
        if constexpr (std::same_as<T, Secret>) {
            if (!value.text.empty()) put(key, fingerprint(value.text));
        } else if constexpr (ScalarType<T>) {
            put_value(key, Scalar<T>::format(value));
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
        put_value(key, std::to_string(value));
    }
    void required_whole(std::string_view key, std::uint32_t value, std::uint64_t, std::uint64_t, std::string_view) {
        put_value(key, std::to_string(value));
    }
    template <class T> void list(std::string_view key, const std::vector<T>& values, std::string_view doc) {
        if constexpr (ScalarType<T>) {
            std::string all, shown;
            for (std::size_t i = 0; i < values.size(); ++i) {
                const auto text = Scalar<T>::format(values[i]);
                const auto* written = hidden_.find(path_ + "." + std::string(key) + "[" + std::to_string(i) + "]");
                all += (i == 0 ? "" : ", ") + text;
                shown += (i == 0 ? "" : ", ") + (written ? *written : text);
            }
            put(key, shown == all ? "[" + all + "]" : hidden("[" + shown + "]", "[" + all + "]"));
        } else if constexpr (!std::same_as<T, Backend>) { // backends are separate items
            for (std::size_t i = 0; i < values.size(); ++i)
                object(std::string(key) + "[" + std::to_string(i) + "]", values[i], doc);
        }
    }
    void pairs(std::string_view key, const std::vector<std::pair<std::string, std::string>>& values, std::string_view) {
        for (const auto& [name, value] : values) {
            const auto inner = std::string(key) + "." + name;
            if (is_sensitive_header(name)) put(inner, fingerprint(value));
            else put_value(inner, value);
        }
    }
    template <class T> void object(std::string_view key, const T& value, std::string_view) {
        Describer inner(item_, hidden_, path_ + "." + std::string(key), prefix_ + std::string(key) + ".");
        visit(inner, value);
    }
    template <class T> void optional(std::string_view key, const std::optional<T>& value, std::string_view doc) {
        if constexpr (!std::same_as<T, HealthCheck>) // a separate item
            if (value) object(key, *value, doc);
    }
    void unsupported(std::string_view) {}

private:
    void put_value(std::string_view key, std::string value) {
        const auto* written = hidden_.find(path_ + "." + std::string(key));
        if (!written && key == "address") written = hidden_.find(path_); // the short form of a backend
        put(key, written ? hidden(*written, value) : std::move(value));
    }
    void put(std::string_view key, std::string value) {
        item_.fields.emplace_back(prefix_ + std::string(key), std::move(value));
    }

    Item& item_;
    const HiddenValues& hidden_;
    std::string path_, prefix_;
};

// Visits the top level: each section and each named object becomes an item.
class Sections {
public:
    Sections(Description& out, const Config& config) : out_(out), hidden_(config) {}
    template <class T> void object(std::string_view key, const T& value, std::string_view) {
        add(std::string(key), "", std::string(key), value);
    }
    template <class T> void named(std::string_view key, const std::vector<T>& values, std::string_view) {
        for (const auto& value : values) add(std::string(key) + "." + value.name, value);
    }
    template <class T> void list(std::string_view key, const std::vector<T>& values, std::string_view) {
        for (std::size_t i = 0; i < values.size(); ++i)
            add("route", values[i].name, std::string(key) + "[" + std::to_string(i) + "]", values[i]);
    }

private:
    template <class T> void add(std::string kind, std::string name, std::string path, const T& value) {
        auto& item = out_.emplace_back(Item{std::move(kind), std::move(name), {}});
        Describer describer(item, hidden_, std::move(path));
        visit(describer, value);
    }
    void add(const std::string& path, const Listener& listener) { add("listener", listener.name, path, listener); }
    void add(const std::string& path, const Pool& pool) {
        add("pool", pool.name, path, pool);
        if (pool.health_check) add("check", pool.name, path + ".health_check", *pool.health_check);
        for (std::size_t i = 0; i < pool.backends.size(); ++i)
            add("backend", pool.name + "/" + pool.backends[i].name, path + ".backends[" + std::to_string(i) + "]",
                pool.backends[i]);
    }

    Description& out_;
    const HiddenValues hidden_;
};

} // namespace

Description describe(const Config& config) {
    Description out;
    Sections sections(out, config);
    visit(sections, config);
    return out;
}

} // namespace weir::conf
