#include "proxy/http/error_page.h"

namespace weir::proxy::http {

Task<Connection> send_page(Client& client, Page page, conf::Duration timeout, log::ByteCounts& bytes) {
    Buffer out(client.context.buffers.heads);
    page.date = client.context.scratch.date_now();
    const auto body_size = write_page(out, page);
    client.expire_in(timeout);
    for (;;) {
        const iovec part{out.data(), out.size()};
        const auto sent = client.stream.send({&part, 1});
        if (sent.status == IoStatus::failed) co_return Connection::close;
        out.consume(sent.bytes);
        bytes.sent += sent.bytes;
        if (out.empty()) break;
        co_await client.fiber.wait();
        if (client.aborted || client.timer.expired()) co_return Connection::close;
    }
    bytes.body += body_size;
    co_return page.connection;
}

} // namespace weir::proxy::http
