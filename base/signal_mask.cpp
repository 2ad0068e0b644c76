#include "base/signal_mask.h"

#include <csignal>

namespace weir {
namespace {

void change_mask(int how) {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(how, &all, nullptr);
}

} // namespace

void block_signals() { change_mask(SIG_BLOCK); }

void allow_signals() { change_mask(SIG_UNBLOCK); }

} // namespace weir
