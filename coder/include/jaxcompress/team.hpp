// A few threads that work on one thing in step.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <vector>

namespace jaxcompress {

class Team {
 public:
  // Calls work(team, rank) on `size` threads, each with its own rank from 0 on; 0 is the thread that calls.
  // Uses fewer threads if the system has no more. Throws what wait() threw.
  static void run(std::size_t size, const std::function<void(Team&, std::size_t)>& work);

  std::size_t size() const { return size_; }

  // Returns when all threads of the team have called it: what they wrote before, all can read after. Throws,
  // on every thread, if attempt() failed on any of them.
  void wait();

  // Calls `action`, which may throw; if it does, the next wait() throws the same (that of the lowest rank if
  // several did). Anything else that `work` does must not throw.
  template <typename Action>
  void attempt(std::size_t rank, const Action& action) {
    try {
      action();
    } catch (...) {
      errors_[rank] = std::current_exception();
      failed_.store(true, std::memory_order_relaxed);
    }
  }

 private:
  explicit Team(std::size_t size) : size_(size), errors_(size) {}

  std::size_t size_;
  std::vector<std::exception_ptr> errors_;
  std::atomic<bool> failed_ = false;
  // Whether something had failed when the last thread came to wait(): all have to see the same.
  bool stopped_ = false;
  std::atomic<std::size_t> arrived_ = 0;
  std::atomic<std::uint32_t> round_ = 0;
};

}  // namespace jaxcompress
