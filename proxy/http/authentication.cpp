#include "proxy/http/authentication.h"

#include "proxy/worker/backend_connector.h"

#include <string>

namespace weir::proxy::http {
namespace {

using auth::PasswordResult;
using Key = WorkerPasswords::Key;

// Checks make progress all the time: one that takes this long will not end.
constexpr conf::Duration check_timeout = std::chrono::seconds(30);

// Waits for the result of another thread. Sets `failure` if there is none.
Task<PasswordResult> check(Client& client, const Key& key, const std::string& password, const std::string& hash,
                           Failure& failure) {
    auto& passwords = client.context.passwords;
    const auto pending = passwords.begin(key, password, hash, client.fiber);
    if (!pending) {
        failure = {FailureReason::too_many_logins, "the password check queue is full"};
        co_return PasswordResult::invalid;
    }
    client.expire_in(check_timeout);
    while (!pending->result && !failure) {
        co_await client.fiber.wait();
        if (client.aborted || client.has_left()) failure = client_left(client);
        else if (client.timer.expired() && !pending->result)
            failure = {FailureReason::too_many_logins, "the password check timed out"};
    }
    passwords.leave(key, *pending, client.fiber);
    co_return pending->result.value_or(PasswordResult::invalid);
}

} // namespace

Task<Authentication> authenticate(Client& client, const conf::Users& users, std::string_view authorization) {
    const auto credentials = auth::parse_basic(authorization);
    if (!credentials || users.empty())
        co_return Authentication{
            {FailureReason::unauthorized, authorization.empty() ? "no credentials" : "malformed credentials"}};
    const auto found = users.find(credentials->user);
    // The password of an unknown user is hashed, too, so that the time does not tell which users there are.
    const auto& hash = found == users.end() ? users.begin()->second : found->second;
    const auto key = client.context.passwords.key_of(*credentials, hash);
    const auto known = client.context.passwords.find(key);
    Failure failure;
    auto result = known.value_or(PasswordResult::invalid);
    if (!known) result = co_await check(client, key, credentials->password, hash, failure);
    if (failure) co_return Authentication{failure};
    if (result == PasswordResult::invalid || found == users.end())
        co_return Authentication{{FailureReason::unauthorized, "wrong user name or password"}};
    co_return Authentication{{}, found->first};
}

} // namespace weir::proxy::http
