// Passes when a GET is answered with an expected status. The body is not read.
//
// Thread: the control thread.
// Lifetime: as Probe.
#pragma once

#include "health/probe.h"

#include <string>
#include <vector>

namespace weir::health {

class HttpProbe final : public Probe {
public:
    HttpProbe(std::string path, std::vector<conf::StatusRange> expected)
        : path_(std::move(path)), expected_(std::move(expected)) {}

    boost::asio::awaitable<ProbeResult> talk(Socket& socket, const conf::Address& address) override;

private:
    std::string path_;
    std::vector<conf::StatusRange> expected_;
};

} // namespace weir::health
