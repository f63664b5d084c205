#include "jaxcompress/team.hpp"

#include <algorithm>
#include <cfenv>
#include <cstdint>
#include <system_error>
#include <thread>

namespace jaxcompress {
namespace {

// A thread that waits keeps its processor for a microsecond or two, then offers it to others for the time that the
// rest of a step may take, and then sleeps: on a busy machine the thread that it waits for may not be running.
constexpr int kSpins = 50;
constexpr int kYields = 50;

void pause() {
#if defined(__GNUC__) && defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__GNUC__) && defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Rounding to nearest even and denormal numbers kept, whatever the process has set (libraries compiled with
// -ffast-math change it when they are loaded).
class DefaultArithmetic {
 public:
  DefaultArithmetic() {
    std::fegetenv(&before_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~DefaultArithmetic() { std::fesetenv(&before_); }
  DefaultArithmetic(const DefaultArithmetic&) = delete;
  DefaultArithmetic& operator=(const DefaultArithmetic&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace

void Team::run(std::size_t size, const std::function<void(Team&, std::size_t)>& work) {
  Team team(size);
  std::atomic<bool> complete = false;
  std::exception_ptr error;
  const auto join_in = [&](std::size_t rank) {
    const DefaultArithmetic arithmetic;
    try {
      work(team, rank);
    } catch (...) {
      // wait() threw it on every thread, so also on the one that called run().
      if (rank == 0) error = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  threads.reserve(size);
  try {
    for (std::size_t rank = 1; rank < size; ++rank) {
      threads.emplace_back([&, rank] {
        complete.wait(false);
        join_in(rank);
      });
    }
  } catch (const std::system_error&) {
  }
  team.size_ = threads.size() + 1;
  complete.store(true);
  complete.notify_all();
  join_in(0);
  // By hand: Apple's C++ library has no std::jthread.
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
}

void Team::wait() {
  const std::uint32_t round = round_.load(std::memory_order_acquire);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == size_) {
    arrived_.store(0, std::memory_order_relaxed);
    stopped_ = failed_.load(std::memory_order_relaxed);
    round_.store(round + 1, std::memory_order_release);
    round_.notify_all();
  } else {
    const auto waiting = [&] { return round_.load(std::memory_order_acquire) == round; };
    for (int i = 0; i < kSpins && waiting(); ++i) pause();
    for (int i = 0; i < kYields && waiting(); ++i) std::this_thread::yield();
    round_.wait(round, std::memory_order_acquire);
  }
  if (!stopped_) return;
  const auto error = std::ranges::find_if(errors_, [](const auto& e) { return e != nullptr; });
  std::rethrow_exception(*error);
}

}  // namespace jaxcompress
