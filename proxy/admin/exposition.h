// Writes the Prometheus text format, version 0.0.4, sample by sample.
//
// Thread: one at a time.
// Lifetime: owns the text until `take`.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir::proxy::admin {

using Labels = std::vector<std::pair<std::string_view, std::string>>;

class Exposition {
public:
    // Begins a metric; the samples that follow belong to it.
    void family(std::string_view name, std::string_view type, std::string_view help);
    void sample(const Labels& labels, std::uint64_t value, std::string_view suffix = "");
    void sample(const Labels& labels, double value, std::string_view suffix = ""); // without loss of precision
    std::string take() { return std::move(out_); }

private:
    void write(const Labels& labels, std::string_view value, std::string_view suffix);

    std::string name_, out_;
};

// Escapes a label value as the format requires.
std::string escape_label(std::string_view text);

} // namespace weir::proxy::admin
