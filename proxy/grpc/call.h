// What the head of a request says about a call of gRPC
// (https://grpc.github.io/grpc/core/md_doc__p_r_o_t_o_c_o_l-_h_t_t_p2.html).
//
// Thread: pure functions.
// Lifetime: the texts point into their arguments.
#pragma once

#include "proxy/http1/head.h"

#include <chrono>
#include <optional>
#include <string_view>

namespace weir::proxy::grpc {

inline constexpr std::string_view content_type = "application/grpc";

// Returns true for the Content-Type of gRPC: "application/grpc", also with "+proto" and the like or with parameters.
// gRPC-Web is another protocol, which is plain HTTP to a proxy.
bool is_grpc_type(std::string_view type);

// Returns true if a request that has come over HTTP/2 is a call.
bool is_call(const http::RequestHead& head);

// Returns the time that the client gives a call, from its grpc-timeout; unset if there is none, or if it is not one
// value of the form that the protocol has.
std::optional<std::chrono::nanoseconds> timeout_of(const http::RequestHead& head);
std::optional<std::chrono::nanoseconds> parse_timeout(std::string_view value);

// The method that is called: "/service/method".
struct MethodName {
    std::string_view service, method;
};

// Returns the method of a path, which may have a query; unset if the path does not have the form of one.
std::optional<MethodName> method_of(std::string_view path);

} // namespace weir::proxy::grpc
