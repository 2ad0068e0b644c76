#include "proxy/cli/plan_text.h"

#include "proxy/cli/json_text.h"

namespace weir::proxy::cli {

namespace json = boost::json;

namespace {

std::string change_text(const json::object& change) {
    auto out = text_of(change.at("text")) + "\n";
    // The text of all other changes already contains the effect.
    if (change.at("needs_restart").as_bool() && !text_of(change.at("effect")).empty())
        out += "    " + text_of(change.at("effect")) + "\n";
    return out;
}

} // namespace

std::string plan_text(const json::object& plan) {
    std::string out;
    for (const auto& change : plan.at("changes").as_array()) out += change_text(change.as_object());
    for (const auto& fate : plan.at("overrides").as_array()) out += text_of(fate.at("text")) + "\n";
    for (const auto& note : plan.at("notes").as_array()) out += "note: " + text_of(note) + "\n";
    if (plan.at("verdict") == "unchanged") out += "nothing would change\n";
    if (plan.at("verdict") != "refused") return out;
    out += "a reload would be refused";
    if (plan.at("needs_restart").as_bool()) out += ": some of the changes need a restart";
    else if (plan.at("denylisted").as_bool()) out += " without --force: this configuration is on the denylist";
    return out + "\n";
}

} // namespace weir::proxy::cli
