// The messages of the gRPC health checking protocol (grpc.health.v1) and the parts of gRPC over HTTP/2 that one call
// needs. Encoded by hand: a request has one string, a response has one number.
//
// Thread: pure functions.
// Lifetime: values.
#pragma once

#include "base/result.h"
#include "conf/model/units.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::health {

inline constexpr std::string_view grpc_health_path = "/grpc.health.v1.Health/Check";

// The values of HealthCheckResponse.ServingStatus. A server may send other numbers.
enum class ServingStatus : std::int32_t { unknown = 0, serving = 1, not_serving = 2, service_unknown = 3 };

// Returns a HealthCheckRequest as a length-prefixed message: the body of the request.
std::string encode_health_request(std::string_view service);

// Reads the body of a response: exactly one length-prefixed message, uncompressed, that holds a HealthCheckResponse.
// Fields that are not known are skipped, as Protocol Buffers require.
Result<ServingStatus> read_health_response(std::string_view body);

// Returns the name of the status, such as "NOT_SERVING"; "status 7" for a number without a name.
std::string name_of(ServingStatus status);

// Returns the code and the name of a grpc-status, such as "12 UNIMPLEMENTED". A value that is not a code is shown as it
// is, as far as it is legible.
std::string describe_grpc_status(std::string_view value);

// Decodes a grpc-message, which is percent-encoded, and shortens it. Bytes other than printable ASCII become '?', so
// that the text can be shown in a log.
std::string decode_grpc_message(std::string_view value);

// Returns the value of grpc-timeout: at most 8 digits, and a unit.
std::string grpc_timeout(conf::Duration timeout);

// Returns whether a content-type is that of gRPC: application/grpc, with an optional +FORMAT and parameters.
bool is_grpc_type(std::string_view content_type);

} // namespace weir::health
