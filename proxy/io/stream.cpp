#include "proxy/io/stream.h"

namespace weir::proxy {

void Stream::start_tls(tls::SslPtr session, BufferPool& pool, std::string_view first, Waker& waker) {
    tls_ = std::make_unique<TlsConnection>(std::move(session), socket_, pool, first);
    user_ = &waker;
    finishes_ = false;
    socket_.set_waker(*this);
}

void Stream::abandon_tls() {
    tls_.reset();
    socket_.set_waker(*user_);
}

void Stream::close(HowToClose how) {
    if (shared_) std::exchange(shared_, nullptr)->close(how);
    if (tls_ && socket_.is_open() && how == HowToClose::gracefully) tls_->finish_sending();
    socket_.close(how);
    tls_.reset();
}

void Stream::finish_sending() {
    if (shared_) return shared_->finish_sending();
    if (tls_) tls_->finish_sending();
    finishes_ = unsent_bytes() > 0;
    if (!finishes_) socket_.finish_sending();
}

void Stream::wake() {
    if (tls_->flush() && std::exchange(finishes_, false)) socket_.finish_sending();
    user_->wake(); // may end the stream
}

} // namespace weir::proxy
