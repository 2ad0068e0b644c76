#include "proxy/http/error_page.h"

#include <array>

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
    auto [body_size, rest] = write_page(out, page);
    client.expire_in(timeout);
    for (;;) {
        // The loop only reads through the pointers.
        const std::array<iovec, 2> parts{iovec{out.data(), out.size()},
                                         iovec{const_cast<char*>(rest.data()), rest.size()}};
        const auto sent = client.stream.send(parts);
        if (sent.status == IoStatus::failed) co_return Connection::close;
        consume(out, rest, sent.bytes);
        record.bytes.sent += sent.bytes;
        if (out.empty() && rest.empty()) break;
        if (sent.bytes > 0) client.expire_in(timeout);
        co_await client.fiber.wait();
        if (!client.aborted && !client.timer.expired()) continue;
        if (!record.failure && !client.aborted)
            record.failure = {FailureReason::client_timeout, "the client read the response too slowly"};
        co_return Connection::close;
    }
    record.bytes.body += body_size;
    co_return page.connection;
}

} // namespace weir::proxy::http
