#include "tls/bio.h"

namespace weir::tls {

const BIO_METHOD* make_bio_method(const char* name, BioRead read, BioWrite write, BioControl control) {
    auto* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, name);
    BIO_meth_set_read_ex(method, read);
    BIO_meth_set_write_ex(method, write);
    BIO_meth_set_ctrl(method, control);
    return method;
}

void use_bio(SSL* session, const BIO_METHOD* method, void* data) {
    auto* bio = BIO_new(method);
    BIO_set_data(bio, data);
    BIO_set_init(bio, 1);
    SSL_set_bio(session, bio, bio);
}

} // namespace weir::tls
