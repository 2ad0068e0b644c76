// The result of a function that can fail: a value, or the error that explains why there is none (docs/adr/0031).
//
// Thread: values.
// Lifetime: values that own their data.
#pragma once

#include <boost/system/error_code.hpp>

#include <cerrno>
#include <concepts>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace weir {

// The reason why a function failed: a human-readable message, and a code if callers have to distinguish failures.
class Error {
public:
    explicit Error(std::string message) : message_(std::move(message)) {}
    Error(boost::system::error_code code, std::string message) : code_(code), message_(std::move(message)) {}
    // Without a message of its own, an error has the message of its code. Implicit by design.
    template <class Code>
    requires std::convertible_to<Code, boost::system::error_code> Error(const Code& code) : code_(code) {}

    std::string message() const { return message_.empty() ? code_.message() : message_; }
    // Returns the code; its default value if the error has only a message.
    const boost::system::error_code& code() const { return code_; }
    friend bool operator==(const Error& error, const boost::system::error_code& code) { return error.code_ == code; }

private:
    boost::system::error_code code_;
    std::string message_;
};

// Returns the error of the system call that has just failed: errno, as a code.
inline Error last_system_error() { return boost::system::error_code(errno, boost::system::system_category()); }

template <class From, class T>
concept ErrorOnly = std::convertible_to<From, Error> && !std::convertible_to<From, T>;

template <class T> class [[nodiscard]] Result {
public:
    Result() requires std::default_initializable<T>
    = default; // Asio passes a default value along with an exception

    template <class From = T>
    requires(std::convertible_to<From, T> && !std::same_as<std::remove_cvref_t<From>, Result>) Result(From&& value)
        : held_(std::in_place_index<0>, std::forward<From>(value)) {}

    template <class From>
    requires(ErrorOnly<From, T> && !std::same_as<std::remove_cvref_t<From>, Result>) Result(From&& error)
        : held_(std::in_place_index<1>, std::forward<From>(error)) {}

    bool has_value() const { return held_.index() == 0; }
    explicit operator bool() const { return has_value(); }

    // These functions throw std::runtime_error with the message if there is no value. Check first, unless a failure
    // would be a bug.
    const T& value() const& { return check(), *std::get_if<0>(&held_); }
    T& value() & { return check(), *std::get_if<0>(&held_); }
    T&& value() && { return check(), std::move(*std::get_if<0>(&held_)); }
    const T& operator*() const& { return value(); }
    T& operator*() & { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    const T* operator->() const { return &value(); }
    T* operator->() { return &value(); }

    // Requires that there is no value.
    const Error& error() const { return std::get<1>(held_); }

private:
    void check() const {
        if (!has_value()) throw std::runtime_error(error().message());
    }

    std::variant<T, Error> held_;
};

// The result of a function that returns no value: success (the default), or an error.
template <> class [[nodiscard]] Result<void> {
public:
    Result() = default;
    template <class From>
    requires std::convertible_to<From, Error> Result(From&& error) : error_(std::forward<From>(error)) {}

    bool has_value() const { return !error_; }
    explicit operator bool() const { return has_value(); }
    // Throws std::runtime_error with the message if there is an error.
    void value() const {
        if (error_) throw std::runtime_error(error_->message());
    }
    // Requires that there is an error.
    const Error& error() const { return error_.value(); }

private:
    std::optional<Error> error_;
};

} // namespace weir
