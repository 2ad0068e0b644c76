// A response of an OCSP responder that a server sends with its certificate ("stapling", RFC 6066 section 8, RFC 6960).
//
// Thread: immutable; any. Loading blocks on the disk.
// Lifetime: owns its bytes.
#pragma once

#include "base/result.h"
#include "tls/certificate.h"

#include <chrono>
#include <memory>
#include <string>

namespace weir::tls {

class OcspStaple {
public:
    using Time = std::chrono::system_clock::time_point;

    // Reads a response in DER format. Fails if it is missing or malformed, is not about the certificate, is not signed
    // on behalf of the certificate's issuer, or says that the certificate was revoked or is unknown. A response that is
    // out of date is no failure: see is_current().
    static Result<std::shared_ptr<const OcspStaple>> load(const std::string& path, const Certificate& certificate);

    // Returns false if clients would not accept the response at the time `now`.
    bool is_current(Time now) const { return from_ <= now && now < until_; }
    Time until() const { return until_; }
    const std::string& bytes() const { return bytes_; }

private:
    OcspStaple(std::string bytes, Time from, Time until) : bytes_(std::move(bytes)), from_(from), until_(until) {}

    std::string bytes_;
    Time from_, until_;
};

} // namespace weir::tls
