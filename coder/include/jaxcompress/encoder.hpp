// From symbols to a stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// The bytes of a stream, which grows from its end to its beginning.
class Stream {
 public:
  std::span<const std::uint8_t> bytes() const { return {top_, size_}; }

  // Makes room for `count` more words in front of top(), which may move.
  void reserve(std::size_t count) {
    if (static_cast<std::size_t>(top_ - data_.get()) < count * kWordBytes) grow(count * kWordBytes);
  }
  std::uint8_t* top() const { return top_; }
  // Takes in the words written in front of top(), down to `top`.
  void extend_to(std::uint8_t* top) {
    size_ += static_cast<std::size_t>(top_ - top);
    top_ = top;
  }

 private:
  void grow(std::size_t room);

  std::unique_ptr<std::uint8_t[]> data_;
  std::uint8_t* top_ = nullptr;
  std::size_t size_ = 0;
};

// The stream that holds `symbols`, where symbols[i] is coded with table indexes[i]. Index is std::uint8_t
// or std::int32_t. Throws std::invalid_argument for an index without a table and for a symbol too far from
// its table's values.
template <typename Index>
Stream encode_stream(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                     const CdfTables& tables);

// The same as a vector.
template <typename Index>
std::vector<std::uint8_t> encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                 const CdfTables& tables);

// Collects symbols in the order in which they will be decoded, in as many calls as the caller likes, for one
// stream. (The coder itself goes from the last symbol to the first.) Keeps a reference: `tables` must outlive
// it. Not for several threads at a time.
class Encoder {
 public:
  explicit Encoder(const CdfTables& tables) : tables_(&tables) {}

  // Takes the next symbols. Throws as encode_stream does, and then has taken none of this call's.
  template <typename Index>
  void encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes);

  // The stream of all symbols so far.
  Stream finish() const;

 private:
  const CdfTables* tables_;
  std::vector<std::int32_t> symbols_;
  std::vector<std::int32_t> indexes_;
};

}  // namespace jaxcompress
