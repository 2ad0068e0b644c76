// What is running on client connections, counted by kind, for the log lines of a drain.
//
// Thread: values.
// Lifetime: own what they hold.
#pragma once

#include <cstddef>
#include <string>

namespace weir::proxy {

enum class Activity { idle, request, tunnel, tcp };

struct OpenWork {
    std::size_t requests = 0, tunnels = 0, tcp_connections = 0;

    void add(Activity activity);
    OpenWork& operator+=(const OpenWork& other);
    bool operator==(const OpenWork&) const = default;
};

// Returns the counts as text: "1 request, 2 tunnels and 0 TCP connections".
std::string format(const OpenWork& work);

} // namespace weir::proxy
