#include "net/socket_bio.h"

#include "tls/bio.h"

#include <cerrno>
#include <cstdint>

#include <sys/socket.h>

namespace weir::net {
namespace {

int socket_of(BIO* bio) { return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio))); }

bool is_temporary(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

int read(BIO* bio, char* into, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    const auto got = ::recv(socket_of(bio), into, size, 0);
    if (got > 0) {
        *done = static_cast<std::size_t>(got);
        return 1;
    }
    *done = 0;
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    else if (is_temporary(errno)) BIO_set_retry_read(bio);
    return 0;
}

int write(BIO* bio, const char* bytes, std::size_t size, std::size_t* done) {
    BIO_clear_retry_flags(bio);
    const auto sent = ::send(socket_of(bio), bytes, size, MSG_NOSIGNAL);
    *done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    if (sent < 0 && is_temporary(errno)) BIO_set_retry_write(bio);
    return sent > 0 ? 1 : 0;
}

long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0 ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

} // namespace

void use_socket(SSL* session, int descriptor) {
    static const BIO_METHOD* const method = tls::make_bio_method("weir socket", read, write, control);
    tls::use_bio(session, method, reinterpret_cast<void*>(static_cast<std::intptr_t>(descriptor)));
}

} // namespace weir::net
