#include "proxy/http/rewrite.h"

#include "proxy/http1/chars.h"
#include "proxy/http1/dropped_fields.h"
#include "proxy/http1/head_writer.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

constexpr int upgrade_required = 426;
constexpr std::string_view request_id = "X-Request-Id", traceparent = "traceparent";

// Fields that end at this hop, or that weir writes itself.
bool is_own(FieldId id) {
    switch (id) {
    case FieldId::host:
    case FieldId::content_length:
    case FieldId::transfer_encoding:
    case FieldId::connection:
    case FieldId::keep_alive:
    case FieldId::proxy_connection:
    case FieldId::te:
    case FieldId::trailer:
    case FieldId::upgrade:
    case FieldId::http2_settings:
    case FieldId::expect:
    case FieldId::proxy: return true;
    default: return false;
    }
}

// Returns true if a value of TE says that its sender takes trailers (RFC 9110 section 10.1.4).
bool accepts_trailers(std::string_view te) {
    bool found = false;
    for_each_element(te, [&](std::string_view element) { found = found || same_word(element, "trailers"); });
    return found;
}

bool is_plain_name(std::string_view name) { return std::all_of(name.begin(), name.end(), is_plain); }

bool passes(const Field& field, Trust trust) {
    if (field.id == FieldId::other) return is_plain_name(field.name) || identify_alias(field.name) == FieldId::other;
    if (is_own(field.id) || is_own_forwarding_field(field.id)) return false;
    return trust == Trust::trusted || !is_forwarding_field(field.id);
}

void drop_named_by_connection(const std::vector<Field>& fields, DroppedFields& dropped) {
    for (const auto& field : fields) {
        if (field.id != FieldId::connection) continue;
        for_each_element(field.value, [&](std::string_view element) {
            if (!is_own_forwarding_field(identify(element))) dropped.drop(element);
        });
    }
}

void drop_edited(const conf::HeaderEdit& edit, DroppedFields& dropped) {
    for (const auto& [name, value] : edit.set) dropped.drop(name);
    for (const auto& name : edit.remove) dropped.drop(name);
}

// Returns the fields that weir does not write because a route sets or removes them, or other fields replace them.
FieldIds edited_fields(const HeadEdit* edit, const ReplacedFields* replaced) {
    FieldIds ids;
    if (edit) {
        for (const auto& [name, value] : edit->headers.set) ids.insert(identify_alias(name));
        for (const auto& name : edit->headers.remove) ids.insert(identify_alias(name));
    }
    if (replaced)
        for (const auto& [name, value] : replaced->fields) ids.insert(identify_alias(name));
    return ids;
}

void write_origin(HeadWriter& writer, const RequestHead& head, const ClientFacts& client, FieldIds edited) {
    const bool trusted = client.trust == Trust::trusted;
    const auto first_of = [](std::string_view told, std::string_view own) { return told.empty() ? own : told; };
    const auto told = [&](FieldId id) { return trusted ? head.find(id) : std::string_view(); };
    if (!edited.contains(FieldId::x_forwarded_for)) {
        writer.put("X-Forwarded-For: ");
        for (const auto& field : head.fields)
            if (trusted && field.id == FieldId::x_forwarded_for && !field.value.empty())
                writer.put(field.value).put(", ");
        writer.put(client.ip).put("\r\n");
    }
    if (!edited.contains(FieldId::x_real_ip)) writer.field("X-Real-IP", first_of(client.client, client.ip));
    if (!edited.contains(FieldId::x_forwarded_proto))
        writer.field("X-Forwarded-Proto", first_of(told(FieldId::x_forwarded_proto), client.protocol));
    const auto host = first_of(told(FieldId::x_forwarded_host), head.authority);
    if (!host.empty() && !edited.contains(FieldId::x_forwarded_host)) writer.field("X-Forwarded-Host", host);
}

void drop_ids(const ClientFacts& client, DroppedFields& dropped) {
    if (!client.request_id.empty()) dropped.drop(request_id);
    if (client.new_traceparent.empty()) return;
    dropped.drop(traceparent);
    dropped.drop("tracestate"); // it belongs to the trace that the client's traceparent does not name
}

bool has_field(const ReplacedFields& replaced, std::string_view name) {
    return std::any_of(replaced.fields.begin(), replaced.fields.end(),
                       [&](const auto& field) { return is_alias(field.first, name); });
}

// Writes the ids that neither the route changes itself nor other fields replace.
void write_ids(HeadWriter& writer, const ClientFacts& client, const HeadEdit* edit, const ReplacedFields* replaced) {
    const auto write = [&](std::string_view name, std::string_view value) {
        const bool changed = (edit && replaces(edit->headers, name)) || (replaced && has_field(*replaced, name));
        if (!value.empty() && !changed) writer.field(name, value);
    };
    write(request_id, client.request_id);
    write(traceparent, client.new_traceparent);
}

void write_replaced(HeadWriter& writer, const ReplacedFields& replaced, const HeadEdit* edit) {
    std::vector<Field> fields;
    fields.reserve(replaced.fields.size());
    for (const auto& [name, value] : replaced.fields) fields.push_back({name, value});
    DroppedFields dropped(fields);
    if (edit) drop_edited(edit->headers, dropped);
    for (std::size_t i = 0; i < fields.size(); ++i)
        if (!dropped.contains(i)) writer.field(fields[i].name, fields[i].value);
}

void write_framing(HeadWriter& writer, const Framing& framing) {
    if (framing.kind == BodyKind::length) writer.put("Content-Length: ").put_number(framing.length).put("\r\n");
    if (framing.kind == BodyKind::chunked) writer.put("Transfer-Encoding: chunked\r\n");
}

// Replaces control bytes by spaces (RFC 9110 section 5.5) and trims the result.
void put_clean(HeadWriter& writer, std::string_view text) {
    const auto is_space = [](char c) { return is_blank(c) || !is_value(c); };
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    while (!text.empty()) {
        const auto end = std::find_if_not(text.begin(), text.end(), is_value);
        writer.put({text.begin(), end});
        text = {end, text.end()};
        if (text.empty()) return;
        writer.put(" ");
        text.remove_prefix(1);
    }
}

void write_answer_field(HeadWriter& writer, const ResponseHead& head, const Field& field,
                        const ResponseMapping* mapping) {
    const auto mapped =
        mapping ? mapping->mapper.map_field(field.name, field.value, mapping->origins) : std::optional<std::string>();
    if (!head.has_controls && !mapped) {
        writer.field(field);
        return;
    }
    put_clean(writer.put(field.name).put(": "), mapped ? std::string_view(*mapped) : field.value);
    writer.put("\r\n");
}

void write_status_line(HeadWriter& writer, const ResponseHead& head) {
    writer.put("HTTP/1.1 ").put_number(static_cast<std::uint64_t>(head.status)).put(" ");
    if (head.has_controls) put_clean(writer, head.reason);
    else writer.put(head.reason);
    writer.put("\r\n");
}

enum class Length { forwarded, left_out };
enum class Trailers { forwarded, left_out }; // left_out: the framing has no place for a trailer section

// Returns true if the field of a backend's response is forwarded to the client.
bool passes(const Field& field, int status, Length length, Trailers trailers) {
    if (field.id == FieldId::content_length) return length == Length::forwarded;
    if (field.id == FieldId::trailer) return trailers == Trailers::forwarded;
    if (field.id == FieldId::upgrade) return status == upgrade_required; // RFC 9110 section 15.5.22
    return !is_own(field.id);
}

// A stream of HTTP/2 has a place for a trailer section whatever the framing, if there is a body.
Trailers trailers_of(const ResponsePlan& plan) {
    const bool in_stream = plan.client == conf::HttpVersion::http2 && plan.framing.has_body();
    return plan.framing.kind == BodyKind::chunked || in_stream ? Trailers::forwarded : Trailers::left_out;
}

// Writes the Connection field, if there are options for it.
void write_connection(HeadWriter& writer, std::string_view option, std::string_view persistence) {
    if (option.empty() && persistence.empty()) return;
    writer.put("Connection: ").put(option);
    if (!option.empty() && !persistence.empty()) writer.put(", ");
    writer.put(persistence).put("\r\n");
}

std::string_view persistence_of(const ResponseHead& head, const ResponsePlan& plan) {
    if (head.status < 200) return {};
    if (plan.connection == Connection::close) return "close";
    return plan.client == conf::HttpVersion::http1_0 ? "keep-alive" : "";
}

} // namespace

ConnectionOptions connection_options(const std::vector<Field>& fields) {
    ConnectionOptions options;
    for (const auto& field : fields) {
        if (field.id != FieldId::connection) continue;
        for_each_element(field.value, [&](std::string_view element) {
            if (same_word(element, "close")) options.close = true;
            else if (same_word(element, "keep-alive")) options.keep_alive = true;
            else if (same_word(element, "upgrade")) options.upgrade = true;
            else options.names_fields = true;
        });
    }
    return options;
}

Expectation expectation_of(const std::vector<Field>& fields) {
    auto found = Expectation::none;
    for (const auto& field : fields) {
        if (field.id != FieldId::expect) continue;
        for_each_element(field.value, [&](std::string_view element) {
            if (!same_word(element, "100-continue")) found = Expectation::unsupported;
            else if (found == Expectation::none) found = Expectation::go_ahead;
        });
    }
    return found;
}

std::string_view requested_upgrade(const RequestHead& head, const ConnectionOptions& options, const Framing& framing) {
    if (!options.upgrade || head.minor_version == 0 || framing.has_body()) return {};
    const auto protocol = head.find(FieldId::upgrade);
    // h2c would carry requests past everything that weir checks, and a list could hide it.
    if (same_word(protocol, "h2c") || protocol.find(',') != std::string_view::npos) return {};
    return protocol;
}

void write_request(Buffer& out, const RequestHead& head, const Framing& framing, const ClientFacts& client,
                   std::string_view upgrade, const HeadEdit* edit, const ReplacedFields* replaced) {
    HeadWriter writer(out);
    writer.put(client.method.empty() ? head.method : client.method).put(" ");
    const auto path = client.path.empty() ? head.path : client.path;
    if (path.empty() || path.front() == '?') writer.put("/"); // "http://host?query"
    writer.put(path).put(" HTTP/1.1\r\n");
    writer.field("Host", client.host.empty() ? head.authority : client.host);
    DroppedFields dropped(head.fields);
    if (connection_options(head.fields).names_fields) drop_named_by_connection(head.fields, dropped);
    if (edit) drop_edited(edit->headers, dropped);
    if (replaced)
        for (const auto& name : replaced->names) dropped.drop(name);
    drop_ids(client, dropped);
    bool wants_trailers = false;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const auto& field = head.fields[i];
        if (field.id == FieldId::te) wants_trailers = wants_trailers || accepts_trailers(field.value);
        const bool announces = field.id == FieldId::trailer && framing.kind == BodyKind::chunked;
        if ((announces || passes(field, client.trust)) && !dropped.contains(i)) writer.field(field);
    }
    write_origin(writer, head, client, edited_fields(edit, replaced));
    write_ids(writer, client, edit, replaced);
    if (replaced) write_replaced(writer, *replaced, edit);
    if (edit) write_edited(writer, edit->headers, edit->variables);
    // An HTTP/1.0 client cannot receive the interim response (RFC 9110 section 10.1.1).
    const bool expects = client.expect == ExpectField::forwarded && head.minor_version == 1;
    if (expects && expectation_of(head.fields) == Expectation::go_ahead) writer.field("Expect", "100-continue");
    write_framing(writer, framing);
    if (!upgrade.empty()) {
        writer.field("Connection", "Upgrade").field("Upgrade", upgrade);
    } else {
        // An HTTP/1.0 client gets no trailers.
        const bool has_te = wants_trailers && head.minor_version == 1;
        if (has_te) writer.field("TE", "trailers");
        write_connection(writer, has_te ? "TE" : "", client.to_backend == Connection::close ? "close" : "");
    }
    writer.put("\r\n");
}

void write_response(Buffer& out, const ResponseHead& head, const ResponsePlan& plan) {
    HeadWriter writer(out);
    write_status_line(writer, head);
    DroppedFields dropped(head.fields);
    if (connection_options(head.fields).names_fields) drop_named_by_connection(head.fields, dropped);
    const auto* edit = head.status >= 200 ? plan.edit : nullptr;
    if (edit) drop_edited(edit->headers, dropped);
    if (plan.content) write_content_fields(writer, head, *plan.content, edit ? &edit->headers : nullptr, dropped);
    // A response to HEAD and a 304 may state how long the body would be, unless weir would compress it.
    const bool is_compressed = plan.content && plan.content->validators == Validators::weakened;
    const bool tells_length =
        plan.framing.kind == BodyKind::none && head.status >= 200 && head.status != 204 && !is_compressed;
    auto length = tells_length ? Length::forwarded : Length::left_out;
    const auto trailers = trailers_of(plan);
    bool offers_upgrade = false, has_date = false;
    for (std::size_t i = 0; i < head.fields.size(); ++i) {
        const auto& field = head.fields[i];
        if (!passes(field, head.status, length, trailers)) continue;
        if (field.id == FieldId::content_length) {
            length = Length::left_out; // duplicates have the same value
            writer.put("Content-Length: ").put_number(plan.framing.length).put("\r\n");
            continue;
        }
        if (field.id == FieldId::upgrade) offers_upgrade = true; // forwarded although Connection names it
        else if (dropped.contains(i)) continue;
        if (field.id == FieldId::date) has_date = true;
        write_answer_field(writer, head, field, plan.mapping);
    }
    if (!has_date && head.status >= 200 && !plan.date.empty()) writer.field("Date", plan.date);
    if (edit) write_edited(writer, edit->headers, edit->variables);
    if (!plan.cookie.empty()) writer.field("Set-Cookie", plan.cookie);
    write_framing(writer, plan.framing);
    const bool switches = !plan.upgrade.empty();
    write_connection(writer, switches || offers_upgrade ? "Upgrade" : "", switches ? "" : persistence_of(head, plan));
    if (switches) writer.field("Upgrade", plan.upgrade);
    writer.put("\r\n");
}

} // namespace weir::proxy::http
