#include "proxy/http/mirror.h"

namespace weir::proxy::http {
namespace {

constexpr std::size_t max_discarded = 64 * 1024; // of a response; the connection is closed behind it

} // namespace

Mirror::Mirror(const Client& original, const WorkerViewPtr& view, std::size_t pool, const conf::Address& address)
    : Entry(original.context.mirrors), client_(original.context, original.listener, address), view_(view),
      address_(address), selection_(client_) {
    client_.source = original.source;
    if (!client_.source.destination.is_set()) client_.source.destination = original.stream.local();
    selection_.begin(view_, *view_->pools[pool]);
}

bool Mirror::select() {
    auto& counters = client_.context.counters;
    auto selected = selection_.try_select();
    if (selected.outcome == Selection::Outcome::full) counters.mirrors_skipped.add();
    if (selected.outcome == Selection::Outcome::none) counters.mirrored.add(), counters.mirrors_failed.add();
    if (selected.outcome != Selection::Outcome::chosen) return false;
    seat_ = std::move(selected.seat);
    return true;
}

void Mirror::abort() {
    client_.aborted = true;
    client_.fiber.wake();
}

Task<> Mirror::run() {
    auto& context = client_.context;
    context.counters.mirrored.add();
    client_.fiber.yield(context.loop); // the original goes first
    co_await client_.fiber.wait();
    if (client_.aborted) co_return;
    const auto& timeouts = pool().timeouts;
    SubRequest request({.client = client_,
                        .pool = selection_.pool(),
                        .member = member(),
                        .address = address_,
                        .head = head,
                        .body = body ? body->bytes() : std::string_view(),
                        .answer_to = answer_to,
                        .resend = resend,
                        .use = ResponseUse::discarded,
                        .max_body = max_discarded,
                        .on_shortage = OnShortage::give_up,
                        .limits = view_->snapshot->config.limits,
                        .until = context.loop.now() + timeouts.connect + timeouts.response});
    const auto response = co_await request.run();
    seat_.leave();
    conclude(response);
}

void Mirror::conclude(const SubResponse& response) {
    auto& context = client_.context;
    if (response.end == SubRequestEnd::answered || client_.aborted) return;
    context.counters.mirrors_failed.add();
    if (response.end == SubRequestEnd::no_connection && !is_hopeless(response.failure.reason))
        selection_.pool().balancer.note_connect_failure(member(), context.loop.now());
}

} // namespace weir::proxy::http
