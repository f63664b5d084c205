#include "jaxcompress/decoder.hpp"

#include "decode_chains.hpp"

namespace jaxcompress {
namespace {

constexpr const char* kAdvice = "; it is damaged, or was not written with these tables and indexes";

}  // namespace

Reader::Reader(std::span<const std::uint8_t> data) : next_(data.data()), end_(next_ + data.size()) {
  if (data.size() < kStateBytes || data.size() % kWordBytes != 0) {
    throw StreamError(concat("the stream has ", data.size(),
                             " bytes, expected a multiple of 4 and at least 8", kAdvice));
  }
  const std::uint64_t low = read_word();
  const std::uint64_t high = read_word();
  state_ = high << kWordBits | low;
  if (state_ < kStateMin || state_ >= kStateEnd) {
    throw StreamError(concat("the stream begins with state ", state_, ", expected 2^31 to 2^63 - 1",
                             kAdvice));
  }
}

std::int32_t Reader::read(const Table& table) {
  const std::uint32_t symbol = read_symbol(table);
  auto value = static_cast<std::int32_t>(symbol);
  if (symbol == table.escape()) {
    const std::uint32_t raw = read_escaped();
    const auto half = static_cast<std::int32_t>(raw >> 1);
    value = raw & 1 ? -half - 1 : value + half;
  }
  // At most 2^30 + 2^16 + 2^27 either way.
  return value + table.offset();
}

std::uint32_t Reader::read_symbol(const Table& table) {
  const auto code = static_cast<std::uint32_t>(state_ & (kProbabilityOne - 1));
  const std::uint32_t symbol = table.find(code);
  state_ = table.width(symbol) * (state_ >> kProbabilityBits) + code - table.start(symbol);
  renormalise();
  return symbol;
}

std::uint32_t Reader::read_escaped() {
  const std::uint32_t count = read_nibble();
  if (count > kMaxNibbles) {
    throw StreamError(concat("the stream has an escaped value of more than ", kMaxNibbles, " nibbles",
                             kAdvice));
  }
  std::uint32_t raw = 0;
  std::uint32_t nibble = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    nibble = read_nibble();
    raw |= nibble << (kNibbleBits * i);
  }
  // Every value has one spelling, so that a stream which decodes is the stream that encoding would give.
  if (count > 0 && nibble == 0) {
    throw StreamError(concat("the stream has an escaped value with a leading zero nibble", kAdvice));
  }
  return raw;
}

void Reader::finish() const {
  if (next_ != end_) {
    throw StreamError(concat("the stream has ", end_ - next_, " bytes left after the last symbol", kAdvice));
  }
  if (state_ != kStateMin) {
    throw StreamError(concat("the stream ends in state ", state_, ", expected 2^31", kAdvice));
  }
}

std::uint32_t Reader::read_nibble() {
  const auto nibble = static_cast<std::uint32_t>(state_) & kNibbleMask;
  state_ >>= kNibbleBits;
  renormalise();
  return nibble;
}

std::uint32_t Reader::read_word() {
  if (next_ == end_) throw StreamError(concat("the stream ends before the last symbol", kAdvice));
  const std::uint32_t word = load_word(next_);
  next_ += kWordBytes;
  return word;
}

void Reader::renormalise() {
  // One word is enough: the state was at least 2^31 and has lost at most 16 bits.
  if (state_ < kStateMin) state_ = state_ << kWordBits | read_word();
}

template <typename Index>
void Decoder::decode(std::span<const Index> indexes, std::span<std::int32_t> symbols) {
  DecodeChain<Index> chain(reader_, indexes, symbols, *tables_);
  while (chain.left() > 0) {
    if (DecodeChain<Index>::advance(std::array{&chain}) == 0) chain.step();
  }
  reader_ = chain.reader();
}

template void Decoder::decode(std::span<const std::uint8_t>, std::span<std::int32_t>);
template void Decoder::decode(std::span<const std::int32_t>, std::span<std::int32_t>);

}  // namespace jaxcompress
