#include "proxy/http/authentication.h"

#include "proxy/worker/backend_connector.h"

#include <string>

namespace weir::proxy::http {
namespace {

using auth::PasswordVerdict;
using Key = WorkerPasswords::Key;

// A queue of checks moves on, or the machine hashes nothing at all any more.
constexpr conf::Duration longest_check = std::chrono::seconds(30);

// Waits for the verdict of another thread. Sets `failure` if there is none.
Task<PasswordVerdict> check(Client& client, const Key& key, const std::string& password, const std::string& hash,
                            Failure& failure) {
    auto& passwords = client.context.passwords;
    const auto pending = passwords.begin(key, password, hash, client.fiber);
    if (!pending) {
        failure = {FailureReason::too_many_logins, "too many passwords wait to be checked"};
        co_return PasswordVerdict::wrong;
    }
    client.expire_in(longest_check);
    while (!pending->verdict && !failure) {
        co_await client.fiber.wait();
        if (client.aborted || client.has_left()) failure = client_left(client);
        else if (client.timer.expired() && !pending->verdict)
            failure = {FailureReason::too_many_logins, "checking a password took too long"};
    }
    passwords.leave(key, *pending, client.fiber);
    co_return pending->verdict.value_or(PasswordVerdict::wrong);
}

} // namespace

Task<Authentication> authenticate(Client& client, const conf::Users& users, std::string_view authorization) {
    const auto credentials = auth::parse_basic(authorization);
    if (!credentials || users.empty())
        co_return Authentication{
            {FailureReason::unauthorized, authorization.empty() ? "no credentials" : "no such credentials"}};
    const auto found = users.find(credentials->user);
    // The password of an unknown user is hashed, too, so that the time does not tell which users there are.
    const auto& hash = found == users.end() ? users.begin()->second : found->second;
    const auto key = client.context.passwords.key_of(*credentials, hash);
    const auto known = client.context.passwords.find(key);
    Failure failure;
    auto verdict = known.value_or(PasswordVerdict::wrong);
    if (!known) verdict = co_await check(client, key, credentials->password, hash, failure);
    if (failure) co_return Authentication{failure};
    if (verdict == PasswordVerdict::wrong || found == users.end())
        co_return Authentication{{FailureReason::unauthorized, "no such user or password"}};
    co_return Authentication{{}, found->first};
}

} // namespace weir::proxy::http
