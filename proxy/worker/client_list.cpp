#include "proxy/worker/client_list.h"

namespace weir::proxy {

void ClientList::add(ClientConnection& connection) {
    connection.next_ = first_;
    if (first_) first_->previous_ = &connection;
    first_ = &connection;
    ++size_;
}

void ClientList::remove(ClientConnection& connection) {
    if (connection.next_) connection.next_->previous_ = connection.previous_;
    if (connection.previous_) connection.previous_->next_ = connection.next_;
    else first_ = connection.next_;
    --size_;
    events_.on_client_left();
}

} // namespace weir::proxy
