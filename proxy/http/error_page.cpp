#include "proxy/http/error_page.h"

#include "proxy/worker/backend_connector.h"

#include <algorithm>
#include <array>
#include <span>

namespace weir::proxy::http {
namespace {

// Moves past `sent` bytes of the head and the text that follows it.
void consume(Buffer& out, std::string_view& rest, std::size_t sent) {
    const auto of_head = std::min(sent, out.size());
    out.consume(of_head);
    rest.remove_prefix(sent - of_head);
}

} // namespace

Task<Connection> send_page(Client& client, Page page, conf::Duration timeout, log::AccessRecord& record) {
    Buffer out(client.context.buffers.heads);
    page.date = client.context.scratch.date_now();
    const auto written = write_page(out, page);
    const auto sent = co_await send_whole(client, out, written.rest, timeout, record);
    if (sent == SentPart::some) co_return Connection::close;
    record.bytes.body += written.body_size;
    co_return page.connection;
}

Task<SentPart> send_whole(Client& client, Buffer& out, std::string_view rest, conf::Duration timeout,
                          log::AccessRecord& record) {
    client.expire_in(timeout);
    for (;;) {
        // `send` only reads. It takes no empty parts.
        const std::array<iovec, 2> parts{iovec{out.data(), out.size()},
                                         iovec{const_cast<char*>(rest.data()), rest.size()}};
        const auto left = std::span(parts).subspan(out.empty() ? 1 : 0);
        const auto sent = client.stream.send(rest.empty() ? left.first(1) : left);
        if (sent.status == IoStatus::failed) {
            if (!record.failure) record.failure = client_left(client);
            co_return SentPart::some;
        }
        consume(out, rest, sent.bytes);
        record.bytes.sent += sent.bytes;
        if (out.empty() && rest.empty()) co_return SentPart::all;
        if (sent.bytes > 0) { // TLS takes less at a time than the socket would
            client.expire_in(timeout);
            continue;
        }
        co_await client.fiber.wait();
        if (!client.aborted && !client.timer.expired()) continue;
        if (!record.failure && !client.aborted)
            record.failure = {FailureReason::client_timeout, "the client read the response too slowly"};
        co_return SentPart::some;
    }
}

} // namespace weir::proxy::http
