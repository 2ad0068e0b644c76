// Decides whether a response is compressed: what the request allows, and what the response allows.
//
// Thread: pure functions; compress_content() is for one worker's thread.
// Lifetime: what a request allows points into the configuration.
#pragma once

#include "proxy/compress/encoder_pool.h"
#include "proxy/http/content_fields.h"
#include "proxy/http1/framing.h"
#include "tls/client_identity.h"

#include <optional>

namespace weir::proxy::http {

// What a request allows.
struct RequestedCompression {
    const conf::Compression* rules = nullptr;    // of the route; null: it compresses nothing
    std::optional<conf::ContentCoding> coding{}; // for this client; unset: none
    // Weakened: the client has a response with a weak validator, such as weir sends with compressed content.
    Validators revalidates = Validators::kept;
};

// Returns what a request to a route with these rules allows. `identity` is that of the client's connection, or null.
RequestedCompression requested_compression(const RequestHead& head, const conf::Compression& rules,
                                           const tls::ClientIdentity* identity);

// Returns how compression changes the head of a final response whose body has this framing. Returns nothing if no
// client would get it compressed. Never compressed are content that is encoded already or must not be transformed,
// parts of content, event streams, and bodies that are known to be smaller than `min_size`.
std::optional<ContentChange> plan_content(const ResponseHead& head, const Framing& body,
                                          const RequestedCompression& requested);

// How a response is compressed.
struct CompressedContent {
    std::optional<ContentChange> change{};
    compress::EncoderPool::Lease encoder{}; // for the body; null: there is none, or it is not compressed
};

// Likewise, and obtains the encoder. The body is not compressed if the pool has no memory left.
CompressedContent compress_content(const ResponseHead& head, const Framing& body, const RequestedCompression& requested,
                                   compress::EncoderPool& encoders);

} // namespace weir::proxy::http
