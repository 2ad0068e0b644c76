#include "proxy/compress/brotli_encoder.h"

#include <new>

namespace weir::proxy::compress {
namespace {

// A window of 64 KiB: a larger one makes pages only about 2 % smaller, and twice the window needs twice the memory.
constexpr std::uint32_t brotli_window_bits = 16;

BrotliEncoderOperation brotli_operation(Operation operation) {
    switch (operation) {
    case Operation::proceed: return BROTLI_OPERATION_PROCESS;
    case Operation::flush: return BROTLI_OPERATION_FLUSH;
    case Operation::finish: return BROTLI_OPERATION_FINISH;
    }
    return BROTLI_OPERATION_FINISH;
}

} // namespace

void BrotliEncoder::begin(std::uint32_t level) {
    // The library has no function that resets an encoder.
    state_.reset(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr));
    if (!state_) throw std::bad_alloc();
    BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY, level);
    BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_LGWIN, brotli_window_bits);
}

Encoded BrotliEncoder::encode(std::span<const char> input, std::span<char> output, Operation operation) {
    auto left = input.size(), room = output.size();
    const auto* next_in = reinterpret_cast<const std::uint8_t*>(input.data());
    auto* next_out = reinterpret_cast<std::uint8_t*>(output.data());
    if (!BrotliEncoderCompressStream(state_.get(), brotli_operation(operation), &left, &next_in, &room, &next_out,
                                     nullptr))
        throw std::bad_alloc(); // the only failure of an encoder that is used in order
    const bool drained = operation == Operation::proceed || !BrotliEncoderHasMoreOutput(state_.get());
    const bool ended = operation != Operation::finish || BrotliEncoderIsFinished(state_.get());
    return {input.size() - left, output.size() - room, left == 0 && drained && ended};
}

} // namespace weir::proxy::compress
