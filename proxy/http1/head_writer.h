// Writes heads into a buffer, which grows if necessary.
//
// Thread: one at a time.
// Lifetime: the buffer must outlive it.
#pragma once

#include "proxy/http1/fields.h"
#include "proxy/io/buffer.h"

#include <charconv>
#include <cstdint>
#include <string_view>

namespace weir::proxy::http {

class HeadWriter {
public:
    explicit HeadWriter(Buffer& out) : out_(out) {}

    HeadWriter& put(std::string_view text) {
        if (!out_.append(text)) grow_and_put(text);
        return *this;
    }
    HeadWriter& put_number(std::uint64_t number) {
        char digits[20];
        const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
        return put({digits, static_cast<std::size_t>(end - digits)});
    }
    HeadWriter& field(std::string_view name, std::string_view value) {
        return put(name).put(": ").put(value).put("\r\n");
    }
    // Writes a field of a parsed head. Copies its line as it was received if the line has the usual form.
    HeadWriter& field(const Field& field) {
        const auto line = usual_line(field);
        return line.empty() ? this->field(field.name, field.value) : put(line);
    }

private:
    void grow_and_put(std::string_view text) {
        out_.compact();
        out_.grow(2 * (out_.size() + text.size()) + out_.space().size());
        out_.append(text);
    }

    Buffer& out_;
};

} // namespace weir::proxy::http
