// From a stream to symbols, trusting nothing in the stream.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "jaxcompress/tables.hpp"

namespace jaxcompress {

// The coder's state and the part of the stream that it has not read yet.
class Reader {
 public:
  // Throws StreamError unless `data` begins with a state that an encoder can leave.
  explicit Reader(std::span<const std::uint8_t> data);

  // Decodes one symbol, whatever it is, or throws StreamError.
  std::int32_t read(const Table& table);
  // Throws StreamError unless everything is read and the state is the one encoders start from.
  void finish() const;

 private:
  template <typename Index>
  friend class DecodeChain;

  std::uint32_t read_symbol(const Table& table);
  std::uint32_t read_escaped();
  std::uint32_t read_nibble();
  std::uint32_t read_word();
  void renormalise();

  const std::uint8_t* next_;
  const std::uint8_t* end_;
  std::uint64_t state_ = 0;
};

// Reads one stream in as many calls as the caller likes. Keeps references: `data` and `tables` must outlive
// it. A copy is a second decoder at the same place. Not for several threads at a time.
class Decoder {
 public:
  Decoder(std::span<const std::uint8_t> data, const CdfTables& tables) : reader_(data), tables_(&tables) {}

  // Decodes the next indexes.size() symbols into `symbols`, which has the same size. Index is std::uint8_t
  // or std::int32_t. Throws StreamError, or std::invalid_argument for an index without a table; the decoder
  // then stands where it stood before the call.
  template <typename Index>
  void decode(std::span<const Index> indexes, std::span<std::int32_t> symbols);

  // Throws StreamError unless the stream ended with the last symbol decoded.
  void finish() const { reader_.finish(); }

 private:
  Reader reader_;
  const CdfTables* tables_;
};

}  // namespace jaxcompress
