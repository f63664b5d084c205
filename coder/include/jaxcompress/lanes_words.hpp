// What a part of a stream of lanes has besides the lanes: bits at its beginning and the side coder.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "jaxcompress/lanes_format.hpp"
#include "jaxcompress/lanes_tables.hpp"

namespace jaxcompress {

using Words = std::vector<std::uint16_t>;

// Puts bits into 16-bit words, the lowest first.
class BitWriter {
 public:
  // `value` is below 2^count, and `count` is 0 to 31.
  void put(std::uint32_t value, int count);
  // The words; the last is filled up with zeros.
  Words finish();

 private:
  Words words_;
  std::uint64_t pending_ = 0;
  int pending_bits_ = 0;
};

class BitReader {
 public:
  explicit BitReader(std::span<const std::uint16_t> words) : words_(words) {}

  // Throws StreamError if there are not so many bits; `count` is 0 to 31.
  std::uint32_t get(int count);
  // The words of which nothing is read. Throws StreamError if a bit that fills up the word before is not 0.
  std::span<const std::uint16_t> rest() const;

 private:
  std::span<const std::uint16_t> words_;
  std::uint64_t pending_ = 0;
  int pending_bits_ = 0;
};

// The side coder. It is a stack: what is put last is read first.
class SideWriter {
 public:
  void put(std::uint32_t start, std::uint32_t width);
  void put_bits(std::uint32_t value, int count) { put(value << (16 - count), 1U << (16 - count)); }
  // A value of an escape, below kRawEnd: the number of its nibbles, and they, the least significant first.
  void put_raw(std::uint32_t raw);

  std::uint32_t state() const { return state_; }
  // In the order of being put out; readers need them from the last to the first.
  const Words& words() const { return words_; }

 private:
  std::uint32_t state_ = kLaneStateMin;
  Words words_;
};

class SideReader {
 public:
  // Throws StreamError unless `words`, in the order of reading, begin with a state.
  explicit SideReader(std::span<const std::uint16_t> words);

  LaneSymbol get_symbol(const LaneTables& tables, std::size_t row);
  std::uint32_t get_bits(int count);
  std::uint32_t get_raw();
  std::size_t words_left() const { return words_.size(); }
  // Throws StreamError unless everything is read and the state is the one that writers start from.
  void finish() const;

 private:
  void advance(std::uint32_t start, std::uint32_t width);

  std::span<const std::uint16_t> words_;
  std::uint32_t state_;
};

// The symbol that an escape with this raw value stands for: odd ones are below the table, even ones above.
std::int32_t value_of(std::uint32_t raw, const LaneRow& row);

// A word that depends on every bit of the values of the escapes. Nibbles take all codes alike, so that a
// changed bit in one changes nothing behind it, and only this finds it.
class RawCheck {
 public:
  void add(std::uint32_t raw) { hash_ = (hash_ ^ raw) * 0x9e3779b1U; }
  std::uint32_t word() const { return hash_ >> 16; }

 private:
  std::uint32_t hash_ = 0;
};

[[noreturn]] void throw_ends_early();

inline constexpr const char* kLaneAdvice = "; it is damaged, or was not written with these tables and indexes";

}  // namespace jaxcompress
