#include "proxy/http/authentication.h"

#include "proxy/worker/backend_connector.h"

#include <memory>
#include <optional>
#include <string>

namespace weir::proxy::http {
namespace {

using auth::PasswordVerdict;
using Question = auth::VerdictCache::Question;

// A queue of checks moves on, or the machine hashes nothing at all any more.
constexpr conf::Duration longest_check = std::chrono::seconds(30);

// A check on another thread. The client may leave before its end.
struct PendingCheck {
    Waiter* client; // null: it has left
    std::optional<PasswordVerdict> verdict{};
};

bool submit(Client& client, const Question& question, const std::shared_ptr<PendingCheck>& pending) {
    auto& loop = client.context.loop;
    return client.context.passwords.checker.submit(
        {question.credentials.password, question.hash, [&loop, pending](PasswordVerdict verdict) {
             loop.post([pending, verdict] {
                 pending->verdict = verdict;
                 if (pending->client) pending->client->wake();
             });
         }});
}

// Waits for the verdict on another thread. Sets `failure` if there is none.
Task<PasswordVerdict> check(Client& client, const Question& question, Failure& failure) {
    const auto pending = std::make_shared<PendingCheck>(PendingCheck{&client.fiber});
    if (!submit(client, question, pending)) {
        failure = {FailureReason::resource_exhausted, "too many passwords wait to be checked"};
        co_return PasswordVerdict::wrong;
    }
    client.expire_in(longest_check);
    while (!pending->verdict && !failure) {
        co_await client.fiber.wait();
        if (client.aborted || client.has_left()) failure = client_left(client);
        else if (client.timer.expired())
            failure = {FailureReason::resource_exhausted, "checking a password took too long"};
    }
    pending->client = nullptr;
    if (pending->verdict && !failure) {
        client.context.passwords.verdicts.remember(question, *pending->verdict, client.context.loop.now());
        co_return *pending->verdict;
    }
    co_return PasswordVerdict::wrong;
}

} // namespace

Task<Authentication> authenticate(Client& client, const conf::Users& users, std::string_view authorization) {
    const auto credentials = auth::parse_basic(authorization);
    if (!credentials || users.empty())
        co_return Authentication{
            {FailureReason::unauthorized, authorization.empty() ? "no credentials" : "no such credentials"}};
    const auto found = users.find(credentials->user);
    // An unknown user takes as long as a known one, so that nobody can find out which users there are.
    const auto& hash = found == users.end() ? users.begin()->second : found->second;
    const Question question{*credentials, hash};
    Failure failure;
    const auto known = client.context.passwords.verdicts.find(question, client.context.loop.now());
    auto verdict = known.value_or(PasswordVerdict::wrong);
    if (!known) verdict = co_await check(client, question, failure);
    if (failure) co_return Authentication{failure};
    if (verdict == PasswordVerdict::wrong || found == users.end())
        co_return Authentication{{FailureReason::unauthorized, "no such user or password"}};
    co_return Authentication{{}, found->first};
}

} // namespace weir::proxy::http
