// Independent parts of one piece of work, by several threads.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <system_error>
#include <thread>
#include <vector>

namespace jaxcompress {

// Calls work(part) for each part below `parts`, by at most `threads` threads, of which the caller is one. If
// calls throw, throws what the first of these parts threw.
template <typename Work>
void for_each_part(std::size_t parts, std::size_t threads, const Work& work) {
  std::vector<std::exception_ptr> errors(parts);
  std::atomic<std::size_t> next = 0;
  const auto run = [&] {
    for (std::size_t part = next++; part < parts; part = next++) {
      try {
        work(part);
      } catch (...) {
        errors[part] = std::current_exception();
      }
    }
  };
  std::vector<std::thread> helpers;
  helpers.reserve(parts);
  try {
    while (helpers.size() + 1 < threads && helpers.size() + 1 < parts) helpers.emplace_back(run);
  } catch (const std::system_error&) {
    // The system has no more threads to give: those that there are do all parts.
  }
  run();
  for (std::thread& helper : helpers) helper.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace jaxcompress
