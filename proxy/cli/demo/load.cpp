#include "proxy/cli/demo/load.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

namespace weir::proxy::cli {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

// One connection, which is reopened after a failure.
class Asker {
public:
    explicit Asker(std::uint16_t port) : endpoint_(asio::ip::address_v4::loopback(), port) {}

    // Returns the name of the backend that responded with status 200, or empty on failure.
    std::string ask() {
        boost::system::error_code error;
        if (!socket_.is_open()) {
            buffer_.clear();
            socket_.connect(endpoint_, error);
        }
        http::request<http::empty_body> request(http::verb::get, "/", 11);
        request.set(http::field::host, "demo");
        http::response<http::string_body> response;
        if (!error) http::write(socket_, request, error);
        if (!error) http::read(socket_, buffer_, response, error);
        if (error || !response.keep_alive()) socket_.close();
        return error || response.result() != http::status::ok ? std::string() : std::string(response["X-Backend"]);
    }

private:
    asio::io_context context_;
    asio::ip::tcp::socket socket_{context_};
    asio::ip::tcp::endpoint endpoint_;
    boost::beast::flat_buffer buffer_;
};

} // namespace

std::map<std::string, int> ask(std::uint16_t port, int count) {
    Asker asker(port);
    std::map<std::string, int> answers;
    for (int i = 0; i < count; ++i) ++answers[asker.ask()];
    return answers;
}

Load::Load(std::uint16_t port, int clients) {
    for (int i = 0; i < clients; ++i)
        threads_.emplace_back([this, port] {
            Asker asker(port);
            while (!stopping_) {
                const bool good = !asker.ask().empty();
                ++(good ? answered_ : failed_);
            }
        });
}

Load::~Load() {
    stopping_ = true;
    for (auto& thread : threads_) thread.join();
}

} // namespace weir::proxy::cli
