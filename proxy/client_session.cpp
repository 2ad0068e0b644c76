#include "proxy/client_session.h"

namespace weir::proxy {

ClientSession::ClientSession(WorkerContext& context, std::shared_ptr<WorkerListener> listener,
                             const conf::Address& peer)
    : client_(context, std::move(listener), peer) {
    context.enlist(*this);
    client_.counters().connections.add();
    client_.counters().active.add();
}

ClientSession::~ClientSession() {
    client_.counters().active.subtract();
    client_.socket.close();
    client_.context.discharge(*this);
}

void ClientSession::abort() {
    client_.aborted = true;
    client_.fiber.wake();
}

} // namespace weir::proxy
