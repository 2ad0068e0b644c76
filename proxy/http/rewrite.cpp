#include "proxy/http/rewrite.h"

#include "proxy/http/chars.h"
#include "proxy/http/head_writer.h"

#include <algorithm>

namespace weir::proxy::http {
namespace {

bool is_named_by_connection(const std::vector<Field>& fields, std::string_view name) {
    bool named = false;
    for (const auto& field : fields)
        if (field.id == FieldId::connection)
            for_each_element(field.value, [&](std::string_view element) { named = named || same_name(element, name); });
    return named;
}

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
    case FieldId::proxy: return true;
    default: return false;
    }
}

bool is_trust_field(FieldId id) {
    return id == FieldId::x_forwarded_for || id == FieldId::x_forwarded_proto || id == FieldId::x_forwarded_host ||
           id == FieldId::x_forwarded_other || id == FieldId::forwarded || id == FieldId::x_real_ip;
}

bool is_edited(const conf::HeaderEdit& edit, std::string_view name) {
    return std::any_of(edit.set.begin(), edit.set.end(), [&](const auto& f) { return same_name(f.first, name); }) ||
           std::any_of(edit.remove.begin(), edit.remove.end(), [&](const auto& f) { return same_name(f, name); });
}

bool passes(const Field& field, Trust trust) {
    if (field.id == FieldId::other && field.name.find('_') != std::string_view::npos)
        return identify_alias(field.name) == FieldId::other;
    if (is_trust_field(field.id)) return trust == Trust::trusted && field.id != FieldId::x_forwarded_for;
    return !is_own(field.id);
}

void write_forwarded(HeadWriter& writer, const RequestHead& head, const ClientFacts& client) {
    const bool trusted = client.trust == Trust::trusted;
    writer.put("X-Forwarded-For: ");
    for (const auto& field : head.fields)
        if (trusted && field.id == FieldId::x_forwarded_for && !field.value.empty()) writer.put(field.value).put(", ");
    writer.put(client.ip).put("\r\n");
    if (!trusted || head.find(FieldId::x_forwarded_proto).empty()) writer.field("X-Forwarded-Proto", client.protocol);
    if (!head.authority.empty() && (!trusted || head.find(FieldId::x_forwarded_host).empty()))
        writer.field("X-Forwarded-Host", head.authority);
}

void write_framing(HeadWriter& writer, const Framing& framing) {
    if (framing.kind == BodyKind::length) writer.put("Content-Length: ").put_number(framing.length).put("\r\n");
    if (framing.kind == BodyKind::chunked) writer.put("Transfer-Encoding: chunked\r\n");
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

std::string_view requested_upgrade(const RequestHead& head, const ConnectionOptions& options, const Framing& framing) {
    if (!options.upgrade || head.minor_version == 0 || framing.kind != BodyKind::none) return {};
    const auto protocol = head.find(FieldId::upgrade);
    // h2c would carry requests past everything that weir checks; a list could hide it.
    if (same_word(protocol, "h2c") || protocol.find(',') != std::string_view::npos) return {};
    return protocol;
}

void write_request(Buffer& out, const RequestHead& head, const Framing& framing, const ClientFacts& client,
                   std::string_view upgrade, const conf::HeaderEdit& edit) {
    HeadWriter writer(out);
    writer.put(head.method).put(" ");
    if (head.path.empty() || head.path.front() == '?') writer.put("/"); // "http://host?query"
    writer.put(head.path).put(" HTTP/1.1\r\n");
    writer.field("Host", head.authority);
    const bool named = connection_options(head.fields).names_fields;
    const bool edited = !edit.set.empty() || !edit.remove.empty();
    for (const auto& field : head.fields) {
        if (!passes(field, client.trust)) continue;
        if (named && is_named_by_connection(head.fields, field.name)) continue;
        if (edited && is_edited(edit, field.name)) continue;
        writer.field(field.name, field.value);
    }
    write_forwarded(writer, head, client);
    for (const auto& [name, value] : edit.set) writer.field(name, value);
    write_framing(writer, framing);
    if (!upgrade.empty()) writer.put("Connection: Upgrade\r\n").field("Upgrade", upgrade);
    else if (client.to_backend == Connection::close) writer.put("Connection: close\r\n");
    writer.put("\r\n");
}

void write_response(Buffer& out, const ResponseHead& head, const ResponsePlan& plan) {
    HeadWriter writer(out);
    writer.put("HTTP/1.1 ").put_number(static_cast<std::uint64_t>(head.status)).put(" ").put(head.reason).put("\r\n");
    const bool named = connection_options(head.fields).names_fields;
    // A response to HEAD and a 304 may say how long the body would be.
    const bool tells_length = plan.framing.kind == BodyKind::none && head.status >= 200 && head.status != 204;
    for (const auto& field : head.fields) {
        const bool told = field.id == FieldId::content_length && tells_length;
        if (is_own(field.id) && !told) continue;
        if (named && is_named_by_connection(head.fields, field.name)) continue;
        writer.field(field.name, field.value);
    }
    if (!plan.cookie.empty()) writer.field("Set-Cookie", plan.cookie);
    write_framing(writer, plan.framing);
    if (!plan.upgrade.empty()) writer.put("Connection: Upgrade\r\n").field("Upgrade", plan.upgrade);
    else if (head.status >= 200 && plan.connection == Connection::close) writer.put("Connection: close\r\n");
    else if (head.status >= 200 && plan.client_minor == 0) writer.put("Connection: keep-alive\r\n");
    writer.put("\r\n");
}

} // namespace weir::proxy::http
