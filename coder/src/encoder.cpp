#include "jaxcompress/encoder.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "encode_chains.hpp"

namespace jaxcompress {
namespace {

// One for the escape, for the count and for each nibble.
constexpr std::size_t kRareWords = 2 + kMaxNibbles;

// Values below the table take the odd raw values, values from the escape on the even ones. Raw values below
// kRawEnd reach this far below symbol 0 and above the escape.
constexpr auto kReach = static_cast<std::int64_t>(kRawEnd / 2);

bool is_in_reach(std::int64_t value, std::int64_t escape) {
  return -kReach <= value && value < escape + kReach;
}

[[noreturn]] void throw_too_far(std::int32_t symbol, std::size_t position, std::int64_t index,
                                const Table& table) {
  throw std::invalid_argument(concat("symbols[", position, "] is ", symbol, " but table ", index,
                                     " can code ", table.offset() - kReach, " to ",
                                     table.offset() + std::int64_t{table.escape()} + kReach - 1,
                                     "; clip the symbols, and look for NaN or infinity before the rounding"));
}

}  // namespace

void Stream::grow(std::size_t room) {
  const std::size_t capacity = std::max(2 * size_, size_ + room);
  auto data = std::make_unique_for_overwrite<std::uint8_t[]>(capacity);
  std::uint8_t* const top = data.get() + (capacity - size_);
  if (size_ > 0) std::memcpy(top, top_, size_);
  data_ = std::move(data);
  top_ = top;
}

template <typename Index>
void EncodeChain<Index>::step() {
  const std::size_t position = left_ - 1;
  const std::int64_t index = indexes_[position];
  const Table table = tables_->at(index, position);
  const std::int64_t value = std::int64_t{symbols_[position]} - table.offset();
  const std::int64_t escape = table.escape();
  if (!is_in_reach(value, escape)) throw_too_far(symbols_[position], position, index, table);

  stream_.reserve(kRareWords);
  const bool inside = 0 <= value && value < escape;
  if (!inside) put_escaped(static_cast<std::uint32_t>(value < 0 ? -2 * value - 1 : 2 * (value - escape)));
  const EncoderTable& entries = tables_->encoder_tables()[index];
  put_symbol(tables_->encoder_symbols()[entries.first + static_cast<std::uint32_t>(inside ? value : escape)]);
  --left_;
}

template <typename Index>
Stream EncodeChain<Index>::finish() {
  stream_.reserve(2);
  std::uint8_t* const top = stream_.top() - kStateBytes;
  store_word(top, static_cast<std::uint32_t>(state_));
  store_word(top + kWordBytes, static_cast<std::uint32_t>(state_ >> kWordBits));
  stream_.extend_to(top);
  return std::move(stream_);
}

template <typename Index>
void EncodeChain<Index>::put_symbol(const EncoderSymbol& symbol) {
  renormalise(state_end(symbol));
  state_ = next_state(state_, symbol);
}

template <typename Index>
void EncodeChain<Index>::put_escaped(std::uint32_t raw) {
  std::uint32_t count = 0;
  while (raw >> (kNibbleBits * count) != 0) ++count;
  for (std::uint32_t i = count; i-- > 0;) put_nibble((raw >> (kNibbleBits * i)) & kNibbleMask);
  put_nibble(count);
}

template <typename Index>
void EncodeChain<Index>::put_nibble(std::uint32_t nibble) {
  renormalise(kStateEnd >> kNibbleBits);
  state_ = (state_ << kNibbleBits) | nibble;
}

template <typename Index>
void EncodeChain<Index>::renormalise(std::uint64_t end) {
  if (state_ < end) return;
  std::uint8_t* const top = stream_.top() - kWordBytes;
  store_word(top, static_cast<std::uint32_t>(state_));
  stream_.extend_to(top);
  state_ >>= kWordBits;
}

template <typename Index>
Stream encode_stream(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                     const CdfTables& tables) {
  EncodeChain<Index> chain(symbols, indexes, tables);
  while (chain.left() > 0) {
    if (EncodeChain<Index>::advance(std::array{&chain}) == 0) chain.step();
  }
  return chain.finish();
}

template <typename Index>
std::vector<std::uint8_t> encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                 const CdfTables& tables) {
  const Stream stream = encode_stream(symbols, indexes, tables);
  return {stream.bytes().begin(), stream.bytes().end()};
}

template <typename Index>
void Encoder::encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes) {
  if (symbols.size() != indexes.size()) {
    throw std::invalid_argument(concat("there are ", symbols.size(), " symbols but ", indexes.size(),
                                       " indexes; give one index per symbol"));
  }
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    const Table table = tables_->at(indexes[i], i);
    const std::int64_t value = std::int64_t{symbols[i]} - table.offset();
    if (!is_in_reach(value, table.escape())) throw_too_far(symbols[i], i, indexes[i], table);
  }
  symbols_.insert(symbols_.end(), symbols.begin(), symbols.end());
  indexes_.insert(indexes_.end(), indexes.begin(), indexes.end());
}

Stream Encoder::finish() const {
  return encode_stream(std::span(symbols_), std::span(indexes_), *tables_);
}

template class EncodeChain<std::uint8_t>;
template class EncodeChain<std::int32_t>;

template Stream encode_stream(std::span<const std::int32_t>, std::span<const std::uint8_t>, const CdfTables&);
template Stream encode_stream(std::span<const std::int32_t>, std::span<const std::int32_t>, const CdfTables&);

template std::vector<std::uint8_t> encode(std::span<const std::int32_t>, std::span<const std::uint8_t>,
                                          const CdfTables&);
template std::vector<std::uint8_t> encode(std::span<const std::int32_t>, std::span<const std::int32_t>,
                                          const CdfTables&);

template void Encoder::encode(std::span<const std::int32_t>, std::span<const std::uint8_t>);
template void Encoder::encode(std::span<const std::int32_t>, std::span<const std::int32_t>);

}  // namespace jaxcompress
