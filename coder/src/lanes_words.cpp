#include "jaxcompress/lanes_words.hpp"

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"

namespace jaxcompress {

void throw_ends_early() {
  throw StreamError(concat("a part of the stream ends before its last symbol", kLaneAdvice));
}

void BitWriter::put(std::uint32_t value, int count) {
  pending_ |= std::uint64_t{value} << pending_bits_;
  pending_bits_ += count;
  for (; pending_bits_ >= kLaneWordBits; pending_bits_ -= kLaneWordBits) {
    words_.push_back(static_cast<std::uint16_t>(pending_));
    pending_ >>= kLaneWordBits;
  }
}

Words BitWriter::finish() {
  if (pending_bits_ > 0) put(0, kLaneWordBits - pending_bits_);
  return std::move(words_);
}

std::uint32_t BitReader::get(int count) {
  for (; pending_bits_ < count; pending_bits_ += kLaneWordBits) {
    if (words_.empty()) throw_ends_early();
    pending_ |= std::uint64_t{words_.front()} << pending_bits_;
    words_ = words_.subspan(1);
  }
  const auto value = static_cast<std::uint32_t>(pending_ & ((std::uint64_t{1} << count) - 1));
  pending_ >>= count;
  pending_bits_ -= count;
  return value;
}

std::span<const std::uint16_t> BitReader::rest() const {
  if (pending_ != 0) {
    throw StreamError(concat("a part of the stream has bits behind the states of its lanes", kLaneAdvice));
  }
  return words_;
}

void SideWriter::put(std::uint32_t start, std::uint32_t width) {
  if (state_ >= std::uint64_t{width} << kLaneWordBits) {
    words_.push_back(static_cast<std::uint16_t>(state_));
    state_ >>= kLaneWordBits;
  }
  state_ = (state_ / width << kProbabilityBits) + state_ % width + start;
}

void SideWriter::put_raw(std::uint32_t raw) {
  int count = 0;
  while (raw >> (kNibbleBits * count) != 0) ++count;
  for (int i = count; i-- > 0;) put_bits((raw >> (kNibbleBits * i)) & kNibbleMask, kNibbleBits);
  put_bits(static_cast<std::uint32_t>(count), kNibbleBits);
}

SideReader::SideReader(std::span<const std::uint16_t> words) : words_(words) {
  if (words.size() < 2) throw_ends_early();
  state_ = std::uint32_t{words[1]} << kLaneWordBits | words[0];
  words_ = words.subspan(2);
  if (state_ < kLaneStateMin) {
    throw StreamError(concat("a part of the stream has side state ", state_, ", expected at least 2^16",
                             kLaneAdvice));
  }
}

LaneSymbol SideReader::get_symbol(const LaneTables& tables, std::size_t row) {
  const LaneSymbol symbol = tables.find(row, state_ & (kProbabilityOne - 1));
  advance(symbol.start, symbol.width);
  return symbol;
}

std::uint32_t SideReader::get_bits(int count) {
  const int shift = kProbabilityBits - count;
  const std::uint32_t value = (state_ & (kProbabilityOne - 1)) >> shift;
  advance(value << shift, 1U << shift);
  return value;
}

std::uint32_t SideReader::get_raw() {
  const std::uint32_t count = get_bits(kNibbleBits);
  if (count > kMaxNibbles) {
    throw StreamError(concat("the stream has an escaped value of more than ", kMaxNibbles, " nibbles",
                             kLaneAdvice));
  }
  std::uint32_t raw = 0;
  std::uint32_t nibble = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    nibble = get_bits(kNibbleBits);
    raw |= nibble << (static_cast<std::uint32_t>(kNibbleBits) * i);
  }
  // Every value has one spelling, so that a stream which decodes is the stream that encoding would give.
  if (count > 0 && nibble == 0) {
    throw StreamError(concat("the stream has an escaped value with a leading zero nibble", kLaneAdvice));
  }
  return raw;
}

void SideReader::finish() const {
  if (!words_.empty()) {
    throw StreamError(concat("a part of the stream has ", words_.size(), " words left after its last symbol",
                             kLaneAdvice));
  }
  if (state_ != kLaneStateMin) {
    throw StreamError(concat("a part of the stream ends in side state ", state_, ", expected 2^16", kLaneAdvice));
  }
}

void SideReader::advance(std::uint32_t start, std::uint32_t width) {
  state_ = width * (state_ >> kProbabilityBits) + (state_ & (kProbabilityOne - 1)) - start;
  // One word is enough: the state was at least 2^16, so at least `width` is left of it.
  if (state_ >= kLaneStateMin) return;
  if (words_.empty()) throw_ends_early();
  state_ = state_ << kLaneWordBits | words_.front();
  words_ = words_.subspan(1);
}

std::int32_t value_of(std::uint32_t raw, const LaneRow& row) {
  const auto half = static_cast<std::int32_t>(raw >> 1);
  // At most 2^30 + 2^16 + 2^27 either way.
  return row.offset + (raw & 1 ? -half - 1 : static_cast<std::int32_t>(row.escape) + half);
}

}  // namespace jaxcompress
