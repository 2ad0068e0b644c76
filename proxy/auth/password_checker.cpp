#include "proxy/auth/password_checker.h"

#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

#include <crypt.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

namespace weir::proxy::auth {

bool PasswordChecker::submit(Job job) {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= max_waiting_) std::erase_if(jobs_, [](const Job& waiting) { return !waiting.is_wanted(); });
    if (stopping_ || jobs_.size() >= max_waiting_) return false;
    try {
        if (threads_.size() < count_) threads_.emplace_back([this] { run(); });
    } catch (const std::system_error&) { // the machine has no room for one more
        if (threads_.empty()) return false;
    }
    jobs_.push_back(std::move(job));
    wake_.notify_one();
    return true;
}

void PasswordChecker::stop() {
    std::vector<std::thread> threads;
    {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        jobs_.clear();
        threads.swap(threads_);
    }
    wake_.notify_all();
    for (auto& thread : threads) thread.join();
}

void PasswordChecker::run() {
    ::pthread_setname_np(::pthread_self(), "passwords");
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), 10); // of this thread: traffic comes first
    for (;;) {
        Job job;
        {
            std::unique_lock lock(mutex_);
            wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
            if (stopping_) return;
            job = std::move(jobs_.front());
            jobs_.pop_front();
        }
        if (job.is_wanted()) job.done(check_password(job.password, job.hash));
    }
}

PasswordResult check_password(const std::string& password, const std::string& hash) {
    const auto data = std::make_unique<crypt_data>(); // 32 KiB
    const char* const made = ::crypt_r(password.c_str(), hash.c_str(), data.get());
    const bool same = made && std::strlen(made) == hash.size() && ::CRYPTO_memcmp(made, hash.data(), hash.size()) == 0;
    ::OPENSSL_cleanse(data.get(), sizeof *data);
    return same ? PasswordResult::valid : PasswordResult::invalid;
}

} // namespace weir::proxy::auth
