#include "proxy/http/retry.h"
#include "tests/catch.h"

using namespace weir::proxy::http;

TEST_CASE("what may be tried again") {
    struct Row {
        TryStage stage;
        Idempotence idempotence;
        Framing framing;
        bool allowed;
        BodyDelivery delivery = BodyDelivery::streamed;
    };
    const Framing none, body{BodyKind::length, 5}, empty{BodyKind::length, 0};
    const Row rows[] = {
        {TryStage::connecting, Idempotence::none, none, true},
        {TryStage::connecting, Idempotence::idempotent, body, true}, // no byte of the body has been sent
        {TryStage::connecting, Idempotence::none, body, true},
        {TryStage::sent, Idempotence::idempotent, none, true},
        {TryStage::sent, Idempotence::idempotent, empty, true},
        {TryStage::sent, Idempotence::none, none, false},
        {TryStage::sent, Idempotence::idempotent, body, false},
        {TryStage::sent, Idempotence::idempotent, body, true, BodyDelivery::stored},
        {TryStage::sent, Idempotence::none, body, false, BodyDelivery::stored},
    };
    for (const auto& row : rows) {
        RequestPlan plan;
        plan.idempotence = row.idempotence;
        plan.framing = row.framing;
        plan.delivery = row.delivery;
        CHECK(may_retry(row.stage, plan) == row.allowed);
    }
}
