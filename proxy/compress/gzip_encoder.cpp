#include "proxy/compress/gzip_encoder.h"

#include <new>

namespace weir::proxy::compress {
namespace {

constexpr int gzip_window = 15 + 16; // 32 KiB, with a gzip header
constexpr int usual_memory = 8;

int zlib_flush(Operation operation) {
    switch (operation) {
    case Operation::proceed: return Z_NO_FLUSH;
    case Operation::flush: return Z_SYNC_FLUSH;
    case Operation::finish: return Z_FINISH;
    }
    return Z_FINISH;
}

} // namespace

GzipEncoder::~GzipEncoder() {
    if (level_ != 0) deflateEnd(&stream_);
}

void GzipEncoder::begin(std::uint32_t level) {
    const auto wanted = static_cast<int>(level);
    if (level_ == 0) {
        if (deflateInit2(&stream_, wanted, Z_DEFLATED, gzip_window, usual_memory, Z_DEFAULT_STRATEGY) != Z_OK)
            throw std::bad_alloc();
    } else {
        deflateReset(&stream_);
        if (level_ != level) deflateParams(&stream_, wanted, Z_DEFAULT_STRATEGY);
    }
    level_ = level;
}

Encoded GzipEncoder::encode(std::span<const char> input, std::span<char> output, Operation operation) {
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(input.data())); // zlib does not write to it
    stream_.avail_in = static_cast<uInt>(input.size());
    stream_.next_out = reinterpret_cast<Bytef*>(output.data());
    stream_.avail_out = static_cast<uInt>(output.size());
    const auto result = deflate(&stream_, zlib_flush(operation));
    const auto consumed = input.size() - stream_.avail_in;
    const auto produced = output.size() - stream_.avail_out;
    // A flush that leaves room is complete. With less room than a flush marker needs, none would ever be.
    const bool ended = operation == Operation::finish ? result == Z_STREAM_END : stream_.avail_out > 0;
    return {consumed, produced, ended || (operation == Operation::proceed && stream_.avail_in == 0)};
}

} // namespace weir::proxy::compress
