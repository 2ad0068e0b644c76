#include "lock/redis/redis_quorum.h"

#include <algorithm>

namespace weir::lock {

namespace {

using Answers = Gathered<Result<RedisReply>>;

bool is_good(const std::optional<Result<RedisReply>>& answer) { return answer && *answer && !(*answer)->is_error(); }

// Returns the reason why a server did not give a good reply.
std::string problem_of(const RedisClient& server, const std::optional<Result<RedisReply>>& answer) {
    if (!answer) return server.state();
    if (*answer) return server.url() + ": " + explain(**answer);
    return answer->error().message();
}

std::string join(const std::vector<std::string>& problems) {
    std::string all;
    for (const auto& problem : problems) all += (all.empty() ? "" : "; ") + problem;
    return all;
}

// Shares ownership of the client, because the server may answer after the RedisQuorum is destroyed.
Awaitable<Result<RedisReply>> call_one(std::shared_ptr<RedisClient> client, std::vector<std::string> words) {
    co_return co_await client->call(std::move(words));
}

} // namespace

RedisQuorum::RedisQuorum(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers)
    : executor_(executor) {
    for (const auto& server : servers) clients_.push_back(std::make_shared<RedisClient>(executor, server));
    known_.resize(clients_.size());
}

Awaitable<Result<std::vector<RedisReply>>> RedisQuorum::run(std::vector<std::string> words, Urgency urgency) {
    const IsEnough is_enough = [this](const Answers& answers) {
        return is_majority(static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), is_good)));
    };
    co_return co_await ask(std::move(words), urgency, is_enough);
}

Awaitable<Result<std::vector<RedisReply>>> RedisQuorum::ask(std::vector<std::string> words, Urgency urgency,
                                                            IsEnough is_enough) {
    words.insert(words.begin(), "EVAL");
    std::vector<Awaitable<Result<RedisReply>>> questions;
    for (const auto& client : clients_) {
        if (urgency == Urgency::now) client->hurry();
        questions.push_back(call_one(client, words));
    }
    auto answers = co_await gather<Result<RedisReply>>(executor_, std::move(questions), std::move(is_enough));
    std::vector<RedisReply> replies;
    std::vector<std::string> problems;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto& answer = answers[i];
        if (is_good(answer)) replies.push_back(std::move(**answer));
        else problems.push_back(problem_of(*clients_[i], answer));
    }
    if (is_majority(replies.size())) co_return replies;
    auto message = join(problems);
    if (clients_.size() > 1)
        message =
            std::to_string(replies.size()) + " of " + std::to_string(clients_.size()) + " servers answer: " + message;
    co_return Error(LockError::unavailable, message);
}

Awaitable<void> RedisQuorum::learn_persistence() {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
        const auto client = clients_[i];
        auto& known = known_[i];
        const auto connection = client->connections();
        if (!known.may_ask || !client->is_connected() || known.connection == connection) continue;
        const auto answer = co_await ask_persistence(*client);
        if (!answer) continue; // it is queried again the next time
        // A server before Redis 7 refuses the query if weir's user has no permission. The client closes the connection
        // after such a reply. The server is not queried again.
        const bool was_refused = !client->is_connected() || client->connections() != connection;
        known = {*answer, connection, *answer != Persistence::unknown || !was_refused};
    }
}

std::vector<RedisQuorum::Server> RedisQuorum::servers() const {
    std::vector<Server> servers;
    servers.reserve(clients_.size());
    for (std::size_t i = 0; i < clients_.size(); ++i) servers.push_back({clients_[i]->url(), known_[i].persistence});
    return servers;
}

std::string RedisQuorum::state() const {
    std::vector<std::string> states;
    states.reserve(clients_.size());
    for (const auto& client : clients_) states.push_back(client->state());
    return join(states);
}

Awaitable<Result<std::uint64_t>> RedisQuorum::count(std::vector<std::string> words) {
    const auto replies = co_await run(std::move(words));
    if (!replies) co_return replies.error();
    std::int64_t most = 0;
    for (const auto& reply : *replies) most = std::max(most, reply.number);
    co_return static_cast<std::uint64_t>(most);
}

Awaitable<Result<void>> RedisQuorum::agree(std::vector<std::string> words) {
    const auto count = [](const Answers& answers, bool yes) {
        return static_cast<std::size_t>(std::count_if(answers.begin(), answers.end(), [yes](const auto& answer) {
            return is_good(answer) && ((*answer)->number == 1) == yes;
        }));
    };
    const IsEnough is_enough = [this, count](const Answers& answers) {
        return is_majority(count(answers, true)) || is_majority(count(answers, false));
    };
    const auto replies = co_await ask(std::move(words), Urgency::now, is_enough);
    if (!replies) co_return replies.error();
    const auto yes = std::count_if(replies->begin(), replies->end(), [](const RedisReply& r) { return r.number == 1; });
    if (is_majority(static_cast<std::size_t>(yes))) co_return Result<void>();
    co_return LockError::lost;
}

} // namespace weir::lock
