#include "jaxcompress/batch.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <exception>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "decode_chains.hpp"
#include "encode_chains.hpp"
#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

// Pictures that one thread works on at a time. (Measured: three are faster than two, most of all in decoding.)
constexpr std::size_t kChains = 3;

// The error of the first picture that has one.
class FirstError {
 public:
  // Notes the exception that is being handled.
  void note(std::size_t picture) {
    const std::lock_guard lock(mutex_);
    if (error_ && picture_ < picture) return;
    picture_ = picture;
    error_ = std::current_exception();
  }

  void rethrow() const {
    if (!error_) return;
    try {
      std::rethrow_exception(error_);
    } catch (const StreamError& error) {
      throw StreamError(concat("picture ", picture_, ": ", error.what()));
    } catch (const std::invalid_argument& error) {
      throw std::invalid_argument(concat("picture ", picture_, ": ", error.what()));
    }
  }

 private:
  std::mutex mutex_;
  std::size_t picture_ = 0;
  std::exception_ptr error_;
};

// Takes pictures from 0 to `count` as threads become free. `start` makes the chain of a picture, `finish`
// takes it when nothing is left.
template <typename Start, typename Finish>
class Batch {
 public:
  Batch(std::size_t count, std::size_t threads, Start start, Finish finish)
      : count_(count),
        threads_(std::clamp<std::size_t>(threads, 1, std::max<std::size_t>(count, 1))),
        // No thread takes a picture from another one that would have nothing else to do.
        chains_(std::min(kChains, (count + threads_ - 1) / threads_)),
        start_(start),
        finish_(finish) {}

  void run() {
    // All memory is there before there are threads, whose errors would have nowhere to go.
    std::vector<std::vector<Slot>> slots(threads_);
    for (auto& own : slots) own.reserve(chains_);
    std::vector<std::thread> helpers;
    helpers.reserve(threads_ - 1);
    try {
      for (std::size_t i = 1; i < threads_; ++i) helpers.emplace_back([this, &slots, i] { work(slots[i]); });
    } catch (const std::system_error&) {
      // Fewer threads do as well.
    }
    work(slots[0]);
    for (std::thread& helper : helpers) helper.join();
    error_.rethrow();
  }

 private:
  using Chain = decltype(std::declval<Start>()(std::size_t{0}));

  struct Slot {
    std::size_t picture;
    Chain chain;
  };

  void work(std::vector<Slot>& slots) {
    while (fill(slots)) {
      std::size_t stopped = slots.size();
      if (!guarded(slots[0].picture, [&] { stopped = advance(slots); })) {
        slots.clear();  // no memory, for whichever of them
      } else if (stopped < slots.size()) {
        step(slots, stopped);
      }
    }
  }

  void step(std::vector<Slot>& slots, std::size_t which) {
    Slot& slot = slots[which];
    if (guarded(slot.picture, [&] { slot.chain.step(); })) return;
    slots.erase(slots.begin() + static_cast<std::ptrdiff_t>(which));
  }

  // Replaces pictures that are ready by the next ones; whether there are any.
  bool fill(std::vector<Slot>& slots) {
    std::erase_if(slots, [&](Slot& slot) { return finish_if_ready(slot); });
    while (slots.size() < chains_) {
      const std::size_t picture = next_++;
      if (picture >= count_) break;
      guarded(picture, [&] {
        Slot slot{picture, start_(picture)};
        if (!finish_if_ready(slot)) slots.push_back(std::move(slot));
      });
    }
    return !slots.empty();
  }

  bool finish_if_ready(Slot& slot) {
    if (slot.chain.left() > 0) return false;
    guarded(slot.picture, [&] { finish_(slot.picture, slot.chain); });
    return true;
  }

  static std::size_t advance(std::vector<Slot>& slots) {
    switch (slots.size()) {
      case 1: return Chain::advance(std::array{&slots[0].chain});
      case 2: return Chain::advance(std::array{&slots[0].chain, &slots[1].chain});
      default: return Chain::advance(std::array{&slots[0].chain, &slots[1].chain, &slots[2].chain});
    }
  }

  // Whether `action` did not throw.
  template <typename Action>
  bool guarded(std::size_t picture, Action action) {
    try {
      action();
    } catch (...) {
      error_.note(picture);
      return false;
    }
    return true;
  }

  std::size_t count_;
  std::size_t threads_;
  std::size_t chains_;
  Start start_;
  Finish finish_;
  std::atomic<std::size_t> next_ = 0;
  FirstError error_;
};

}  // namespace

template <typename Index>
std::vector<Stream> encode_batch(std::span<const PictureToEncode<Index>> pictures, const CdfTables& tables,
                                 std::size_t threads) {
  std::vector<Stream> streams(pictures.size());
  const auto start = [&](std::size_t i) {
    return EncodeChain<Index>(pictures[i].symbols, pictures[i].indexes, tables);
  };
  const auto finish = [&](std::size_t i, EncodeChain<Index>& chain) { streams[i] = chain.finish(); };
  Batch(pictures.size(), threads, start, finish).run();
  return streams;
}

template <typename Index>
void decode_batch(std::span<const PictureToDecode<Index>> pictures, const CdfTables& tables,
                  std::size_t threads) {
  const auto start = [&](std::size_t i) {
    return DecodeChain<Index>(Reader(pictures[i].stream), pictures[i].indexes, pictures[i].symbols, tables);
  };
  const auto finish = [](std::size_t, DecodeChain<Index>& chain) { chain.reader().finish(); };
  Batch(pictures.size(), threads, start, finish).run();
}

template std::vector<Stream> encode_batch(std::span<const PictureToEncode<std::uint8_t>>, const CdfTables&,
                                          std::size_t);
template std::vector<Stream> encode_batch(std::span<const PictureToEncode<std::int32_t>>, const CdfTables&,
                                          std::size_t);
template void decode_batch(std::span<const PictureToDecode<std::uint8_t>>, const CdfTables&, std::size_t);
template void decode_batch(std::span<const PictureToDecode<std::int32_t>>, const CdfTables&, std::size_t);

}  // namespace jaxcompress
