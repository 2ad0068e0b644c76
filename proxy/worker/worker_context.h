// What a worker provides to its connections, in parts by concern. Code that needs only one part takes only that part.
//
// Thread: one worker's thread.
// Lifetime: the worker owns it and outlives its connections.
#pragma once

#include "proxy/bodies/body_storage.h"
#include "proxy/compress/encoder_pool.h"
#include "proxy/worker/client_list.h"
#include "proxy/worker/compression_turns.h"
#include "proxy/worker/handshake_limit.h"
#include "proxy/worker/http_scratch.h"
#include "proxy/worker/mirror_list.h"
#include "proxy/worker/open_handshakes.h"
#include "proxy/worker/outcome_counter.h"
#include "proxy/worker/retry_budget.h"
#include "proxy/worker/traffic_recorder.h"
#include "proxy/worker/worker_buffers.h"
#include "proxy/worker/worker_passwords.h"

namespace weir::proxy {

enum class Phase { serving, draining };

// One listening socket of one worker. It outlives a reload that keeps its address.
struct WorkerListener {
    std::shared_ptr<const ListenerSpec> spec;
    WorkerViewPtr view;           // the view that `spec` belongs to: a removed listener keeps its last one
    Phase phase = Phase::serving; // draining: it was removed from the configuration
};

struct WorkerContext {
    WorkerContext(std::size_t number, log::AccessLog& access_log, WorkerCounters& own, WorkerEvents& events,
                  auth::PasswordChecker& checker, BodyStorage& storage)
        : index(number), counters(own), clients(events), recorder(number, access_log, own, loop, view),
          outcomes(number, events), passwords(loop, checker), bodies(storage) {}

    const std::size_t index;
    WorkerCounters& counters;
    EventLoop loop;
    WorkerBuffers buffers;
    compress::EncoderPool encoders;
    CompressionTurns compression_turns;
    WorkerViewBuilder views{loop, index}; // with the idle connections to backends
    WorkerViewPtr view;                   // the current one
    Phase phase = Phase::serving;
    ClientList clients;
    TrafficRecorder recorder;
    OutcomeCounter outcomes;
    RetryBudget budget;
    HandshakeLimit handshakes;
    OpenHandshakes open_handshakes;
    HttpScratch scratch;
    MirrorList mirrors;
    WorkerPasswords passwords;
    BodyStorage& bodies; // of all workers
};

} // namespace weir::proxy
