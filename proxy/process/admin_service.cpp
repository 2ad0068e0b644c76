#include "proxy/process/admin_service.h"

#include <string>
#include <utility>

namespace weir::proxy {

Result<void> AdminService::open(const conf::Admin& admin, AdminSocket inherited, conf::AdminTokens tokens) {
    if (!admin.address) return {};
    api_ = std::make_unique<admin::Api>(
        clock_of(control_), runtime_, reloader_,
        admin::AccessRules{*admin.address, admin.hosts, std::move(tokens), admin.tls ? "https://" : "http://"});
    server_ = std::make_unique<admin::Server>(control_, *api_);
    if (inherited.socket && inherited.address == admin.address->text())
        return server_->take_over(*admin.address, std::move(inherited.socket));
    inherited.socket.reset();
    return server_->listen(*admin.address);
}

void AdminService::start() {
    if (server_) server_->start();
}

void AdminService::stop() {
    if (server_) server_->stop();
}

Result<AdminSocket> AdminService::hand_over() const {
    if (!server_) return AdminSocket{};
    auto socket = server_->duplicate_socket();
    if (!socket) return Error("cannot hand over the admin API's socket: " + socket.error().message());
    return AdminSocket{runtime_.snapshot()->config.admin.address->text(), *std::move(socket)};
}

void AdminService::leave() {
    if (server_) server_->leave();
}

void AdminService::set_upgrading(bool upgrading) {
    if (api_) api_->set_upgrading(upgrading);
}

void AdminService::set_draining() {
    if (api_) api_->set_draining();
}

} // namespace weir::proxy
