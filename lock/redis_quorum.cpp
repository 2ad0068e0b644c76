#include "lock/redis_quorum.h"

#include "lock/gather.h"

#include <algorithm>

namespace weir::lock {

RedisQuorum::RedisQuorum(boost::asio::any_io_executor executor, const std::vector<RedisOptions>& servers)
    : executor_(executor) {
    for (const auto& server : servers) clients_.push_back(std::make_unique<RedisClient>(executor, server));
}

Awaitable<Result<std::vector<RedisReply>>> RedisQuorum::run(std::vector<std::string> words, Urgency urgency) {
    words.insert(words.begin(), "EVAL");
    std::vector<Awaitable<Result<RedisReply>>> questions;
    for (const auto& client : clients_) {
        if (urgency == Urgency::now) client->hurry();
        questions.push_back(client->call(words));
    }
    auto answers = co_await gather(executor_, std::move(questions));
    std::vector<RedisReply> replies;
    std::string problem;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto& answer = answers[i];
        if (answer && answer->type != RedisReply::Type::error) replies.push_back(std::move(*answer));
        else problem += (problem.empty() ? "" : "; ") + (answer ? explain(answer->text) : clients_[i]->problem());
    }
    if (replies.size() > clients_.size() / 2) co_return replies;
    problem_ = problem;
    co_return LockError::unavailable;
}

Awaitable<Result<std::uint64_t>> RedisQuorum::count(std::vector<std::string> words) {
    const auto replies = co_await run(std::move(words));
    if (!replies) co_return replies.error();
    std::int64_t most = 0;
    for (const auto& reply : *replies) most = std::max(most, reply.number);
    co_return static_cast<std::uint64_t>(most);
}

Awaitable<boost::system::error_code> RedisQuorum::agree(std::vector<std::string> words) {
    const auto replies = co_await run(std::move(words));
    if (!replies) co_return replies.error();
    const auto yes = std::count_if(replies->begin(), replies->end(), [](const RedisReply& r) { return r.number == 1; });
    if (static_cast<std::size_t>(yes) > clients_.size() / 2) co_return boost::system::error_code();
    co_return LockError::lost;
}

} // namespace weir::lock
