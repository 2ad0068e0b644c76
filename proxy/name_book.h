// The host names among the backends' addresses, and what they stand for: looked up before a configuration is put in
// force, and again and again while it is. An answer that fails, or is empty, changes nothing: the last one stands.
//
// Thread: the control thread; names are looked up on threads of their own, so that a slow name server holds up nobody.
// Lifetime: the io_context must outlive it; what it started ends soon after `stop`.
#pragma once

#include "conf/error.h"
#include "proxy/lookup.h"
#include "proxy/snapshot_builder.h"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {

class NameBook {
public:
    // Told after the addresses of a name in use have changed.
    NameBook(boost::asio::io_context& control, std::function<void()> on_change);
    ~NameBook();
    NameBook(const NameBook&) = delete;
    NameBook& operator=(const NameBook&) = delete;

    // Finds the names that it does not know yet, all at once, within `patience`. What cannot be found is told in
    // `errors`.
    boost::asio::awaitable<void> find(const conf::Config& config, std::vector<conf::Problem>& errors,
                                      std::chrono::milliseconds patience = std::chrono::seconds(10));

    // Looks after the names of these configurations from now on, and forgets all others. Null stands for none.
    void watch(std::initializer_list<const conf::Config*> configs);
    void stop();

    const AddressBook& addresses() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

} // namespace weir::proxy
