#include "proxy/http/mirroring.h"

#include "proxy/http/affinity.h"
#include "proxy/http/mirror.h"

#include <utility>

namespace weir::proxy::http {

// A drawn request that was not sent is counted: it was refused, or its upload broke off.
Mirroring::~Mirroring() {
    if (body_ || awaits_backend_) skip();
}

bool Mirroring::is_drawn(const conf::Mirror& mirror) {
    return client_.context.scratch.random() % 100 < mirror.share.value;
}

void Mirroring::begin() {
    const auto& mirror = *incoming_.route()->config.mirror;
    if (!incoming_.plan.upgrade.empty() || !is_drawn(mirror)) return;
    const auto& framing = incoming_.plan.framing;
    awaits_backend_ = !framing.has_body();
    if (awaits_backend_) return;
    const auto limit = mirror.body_size.bytes;
    if (framing.kind == BodyKind::length && framing.length > limit) return skip();
    body_ = std::make_unique<CapturedBody>(client_.context.mirrors, limit);
}

void Mirroring::on_backend_chosen() {
    if (std::exchange(awaits_backend_, false)) send();
}

void Mirroring::on_upload_whole() {
    if (!body_) return;
    if (body_->is_whole()) return send();
    body_.reset();
    skip();
}

void Mirroring::send() {
    auto& context = client_.context;
    auto body = std::move(body_);
    if (!context.mirrors.has_room()) return skip();
    const auto pool = incoming_.route()->mirror_pool;
    auto mirror = std::make_unique<Mirror>(client_, incoming_.view, pool, incoming_.origin.address);
    if (const auto& config = mirror->pool().config; config.algorithm == conf::Algorithm::hash)
        if (const auto* head = incoming_.read_head_again(context.scratch))
            mirror->go_by(hash_key(config.hash, *head, incoming_.origin.client_ip()));
    if (!mirror->select()) return;
    mirror->head = Buffer(context.buffers.heads);
    const auto framing = body ? Framing{BodyKind::length, body->bytes().size()} : incoming_.plan.framing;
    if (!prepared_.write_copy(mirror->head, mirror->pool(), mirror->member(), framing)) return;
    const bool may_resend = !body && incoming_.plan.idempotence == Idempotence::idempotent;
    mirror->answer_to = incoming_.plan.answer_to;
    mirror->resend = may_resend ? Resend::allowed : Resend::never;
    mirror->body = std::move(body);
    spawn(std::move(mirror));
}

} // namespace weir::proxy::http
