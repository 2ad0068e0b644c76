// Parses, formats and describes each kind of scalar, with one specialisation of `Scalar` per type.
//
// Thread: pure functions.
// Lifetime: results own their texts.
#pragma once

#include "conf/base/suggest.h"
#include "conf/model/config.h"

#include <concepts>
#include <initializer_list>
#include <limits>

namespace weir::conf {

// One word of an enumeration. Words without a value are reserved but not supported yet.
template <class E> struct Word {
    std::string_view text;
    std::optional<E> value = std::nullopt;
};

// A new enumerator in config.h needs one line here.
template <class E> struct Words;
template <> struct Words<Protocol> {
    static constexpr Word<Protocol> all[] = {{"http", Protocol::http}, {"tcp", Protocol::tcp}};
};
template <> struct Words<TlsVersion> {
    static constexpr Word<TlsVersion> all[] = {{"1.2", TlsVersion::tls1_2}, {"1.3", TlsVersion::tls1_3}};
};
template <> struct Words<ClientAuth> {
    static constexpr Word<ClientAuth> all[] = {{"request", ClientAuth::request}, {"require", ClientAuth::require}};
};
template <> struct Words<PathNormalization> {
    static constexpr Word<PathNormalization> all[] = {{"strict", PathNormalization::strict},
                                                      {"keep_encoded_slashes", PathNormalization::keep_encoded_slashes},
                                                      {"none", PathNormalization::none}};
};
template <> struct Words<Algorithm> {
    static constexpr Word<Algorithm> all[] = {{"round_robin", Algorithm::round_robin},
                                              {"least_connections", Algorithm::least_connections},
                                              {"two_choices", Algorithm::two_choices},
                                              {"random", Algorithm::random},
                                              {"hash", Algorithm::hash}};
};
template <> struct Words<HashOn> {
    static constexpr Word<HashOn> all[] = {{"source_ip", HashOn::source_ip},
                                           {"header", HashOn::header},
                                           {"cookie", HashOn::cookie},
                                           {"path", HashOn::path}};
};
template <> struct Words<ProxyProtocol> {
    static constexpr Word<ProxyProtocol> all[] = {
        {"none", ProxyProtocol::none}, {"v1", ProxyProtocol::v1}, {"v2", ProxyProtocol::v2}};
};
template <> struct Words<AdminState> {
    static constexpr Word<AdminState> all[] = {
        {"ready", AdminState::ready}, {"drain", AdminState::drain}, {"maint", AdminState::maint}};
};
template <> struct Words<CheckType> {
    static constexpr Word<CheckType> all[] = {{"http", CheckType::http},
                                              {"tcp", CheckType::tcp},
                                              {"heartbeat", CheckType::heartbeat},
                                              {"grpc", CheckType::grpc}};
};
template <> struct Words<CheckMode> {
    static constexpr Word<CheckMode> all[] = {{"pull", CheckMode::pull}, {"push", CheckMode::push}};
};
template <> struct Words<BackendProtocol> {
    static constexpr Word<BackendProtocol> all[] = {
        {"http1", BackendProtocol::http1}, {"http2", BackendProtocol::http2}, {"auto", BackendProtocol::automatic}};
};
template <> struct Words<OnDown> {
    static constexpr Word<OnDown> all[] = {{"keep", OnDown::keep}, {"close", OnDown::close}};
};
template <> struct Words<ContentCoding> {
    static constexpr Word<ContentCoding> all[] = {
        {"gzip", ContentCoding::gzip}, {"br", ContentCoding::br}, {"zstd", ContentCoding::zstd}};
};
template <> struct Words<LogLevel> {
    static constexpr Word<LogLevel> all[] = {
        {"debug", LogLevel::debug}, {"info", LogLevel::info}, {"warn", LogLevel::warn}, {"error", LogLevel::error}};
};
template <> struct Words<LogFormat> {
    static constexpr Word<LogFormat> all[] = {{"text", LogFormat::text}, {"json", LogFormat::json}};
};
template <> struct Words<AccessFormat> {
    static constexpr Word<AccessFormat> all[] = {{"combined", AccessFormat::combined}, {"json", AccessFormat::json}};
};
template <> struct Words<LockType> {
    static constexpr Word<LockType> all[] = {
        {"local", LockType::local}, {"redis", LockType::redis}, {"redlock", LockType::redlock}};
};
template <> struct Words<OnUnavailable> {
    static constexpr Word<OnUnavailable> all[] = {{"refuse", OnUnavailable::refuse},
                                                  {"proceed", OnUnavailable::proceed}};
};

template <> struct Words<ConfigSource> {
    static constexpr Word<ConfigSource> all[] = {{"file", ConfigSource::file}, {"fleet", ConfigSource::fleet}};
};

template <class T> struct Scalar;

template <class E>
requires std::is_enum_v<E>
struct Scalar<E> {
    static Result<E> parse(std::string_view text) {
        std::vector<std::string_view> known;
        bool reserved = false;
        for (const auto& word : Words<E>::all) {
            if (word.text == text && word.value) return *word.value;
            reserved = reserved || word.text == text;
            if (word.value) known.push_back(word.text);
        }
        if (reserved) return Error("\"" + std::string(text) + "\" is not supported yet");
        std::string message = "\"" + std::string(text) + "\" is none of";
        for (const auto word : known) message += " " + std::string(word);
        return Error(message + did_you_mean(text, known));
    }
    static std::string format(E value) {
        for (const auto& word : Words<E>::all)
            if (word.value == value) return std::string(word.text);
        return {};
    }
};

template <> struct Scalar<bool> {
    static Result<bool> parse(std::string_view text) {
        if (text != "true" && text != "false") return Error("write true or false");
        return text == "true";
    }
    static std::string format(bool value) { return value ? "true" : "false"; }
};

template <> struct Scalar<std::string> {
    static Result<std::string> parse(std::string_view text) { return std::string(text); }
    static std::string format(const std::string& value) { return value; }
};

// A secret has no `format`: describe() shows only its fingerprint.
template <> struct Scalar<Secret> {
    static Result<Secret> parse(std::string_view text) { return Secret{std::string(text)}; }
};

template <> struct Scalar<Duration> {
    static Result<Duration> parse(std::string_view text) { return parse_duration(text); }
    static std::string format(Duration value) { return conf::format(value); }
};
template <> struct Scalar<Size> {
    static Result<Size> parse(std::string_view text) { return parse_size(text); }
    static std::string format(Size value) { return conf::format(value); }
};
template <> struct Scalar<Percent> {
    static Result<Percent> parse(std::string_view text) { return parse_percent(text); }
    static std::string format(Percent value) { return conf::format(value); }
};
template <> struct Scalar<Workers> {
    static Result<Workers> parse(std::string_view text) { return parse_workers(text); }
    static std::string format(Workers value) { return conf::format(value); }
};

template <> struct Scalar<Parallel> {
    static Result<Parallel> parse(std::string_view text) { return parse_parallel(text); }
    static std::string format(Parallel value) { return conf::format(value); }
};

template <> struct Scalar<Rate> {
    static Result<Rate> parse(std::string_view text) { return parse_rate(text); }
    static std::string format(Rate value) { return conf::format(value); }
};
template <> struct Scalar<ClientKey> {
    static Result<ClientKey> parse(std::string_view text) { return parse_client_key(text); }
    static std::string format(const ClientKey& value) { return conf::format(value); }
};

template <> struct Scalar<Address> {
    static Result<Address> parse(std::string_view text) { return Address::parse(text); }
    static std::string format(const Address& value) { return value.text(); }
};
template <> struct Scalar<BackendAddress> {
    static Result<BackendAddress> parse(std::string_view text) { return BackendAddress::parse(text); }
    static std::string format(const BackendAddress& value) { return value.text(); }
};
template <> struct Scalar<AdminAddress> {
    static Result<AdminAddress> parse(std::string_view text) { return AdminAddress::parse(text); }
    static std::string format(const AdminAddress& value) { return value.text(); }
};
template <> struct Scalar<Cidr> {
    static Result<Cidr> parse(std::string_view text) { return Cidr::parse(text); }
    static std::string format(const Cidr& value) { return value.text(); }
};

template <> struct Scalar<StatusRange> {
    static Result<StatusRange> parse(std::string_view text) {
        const auto dash = text.find('-');
        const auto first = parse_whole(text.substr(0, dash), 100, 599);
        const auto last = dash == std::string_view::npos ? first : parse_whole(text.substr(dash + 1), 100, 599);
        if (!first || !last || *last < *first)
            return Error("write a status or a range of statuses from 100 to 599: \"200\" or \"200-399\"");
        return StatusRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
    }
    static std::string format(StatusRange value) {
        const auto first = std::to_string(value.first);
        return value.first == value.last ? first : first + "-" + std::to_string(value.last);
    }
};

// A type whose values are written as one scalar.
template <class T>
concept ScalarType = requires(std::string_view text) {
    { Scalar<T>::parse(text) } -> std::same_as<Result<T>>;
};

} // namespace weir::conf
