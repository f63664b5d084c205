#include "jaxcompress/encoder.hpp"

#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"

namespace jaxcompress {
namespace {

// The coder's state and the words it has emitted. rANS is a stack: what is put last is read first.
class Writer {
 public:
  void put_symbol(const Table& table, std::uint32_t symbol) {
    const std::uint64_t width = table.width(symbol);
    // The first state that coding this symbol would take to kStateEnd or beyond.
    renormalise(width << (63 - kProbabilityBits));
    state_ = ((state_ / width) << kProbabilityBits) + state_ % width + table.start(symbol);
  }

  void put_escaped(std::uint32_t raw) {
    std::uint32_t count = 0;
    while (raw >> (kNibbleBits * count) != 0) ++count;
    for (std::uint32_t i = count; i-- > 0;) put_nibble((raw >> (kNibbleBits * i)) & kNibbleMask);
    put_nibble(count);
  }

  std::vector<std::uint8_t> finish() const {
    std::vector<std::uint8_t> bytes;
    bytes.reserve(kStateBytes + kWordBytes * words_.size());
    append(bytes, static_cast<std::uint32_t>(state_));
    append(bytes, static_cast<std::uint32_t>(state_ >> kWordBits));
    for (auto word = words_.rbegin(); word != words_.rend(); ++word) append(bytes, *word);
    return bytes;
  }

 private:
  void put_nibble(std::uint32_t nibble) {
    renormalise(kStateEnd >> kNibbleBits);
    state_ = (state_ << kNibbleBits) | nibble;
  }

  void renormalise(std::uint64_t end) {
    if (state_ < end) return;
    words_.push_back(static_cast<std::uint32_t>(state_));
    state_ >>= kWordBits;
  }

  static void append(std::vector<std::uint8_t>& bytes, std::uint32_t word) {
    for (int shift = 0; shift < kWordBits; shift += 8) {
      bytes.push_back(static_cast<std::uint8_t>(word >> shift));
    }
  }

  std::uint64_t state_ = kStateMin;
  std::vector<std::uint32_t> words_;
};

[[noreturn]] void throw_too_far(std::int32_t symbol, std::size_t position, std::int64_t index,
                                const Table& table) {
  // Raw values below kRawEnd reach this far below symbol 0 and above the escape.
  constexpr auto reach = static_cast<std::int64_t>(kRawEnd / 2);
  throw std::invalid_argument(concat("symbols[", position, "] is ", symbol, " but table ", index,
                                     " can code ", table.offset() - reach, " to ",
                                     table.offset() + std::int64_t{table.escape()} + reach - 1,
                                     "; clip the symbols, and look for NaN or infinity before the rounding"));
}

}  // namespace

template <typename Index>
std::vector<std::uint8_t> encode(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                 const CdfTables& tables) {
  if (symbols.size() != indexes.size()) {
    throw std::invalid_argument(concat("there are ", symbols.size(), " symbols but ", indexes.size(),
                                       " indexes; give one index per symbol"));
  }
  Writer writer;
  for (std::size_t i = symbols.size(); i-- > 0;) {
    const std::int64_t index = indexes[i];
    const Table& table = tables.at(index, i);
    const std::int64_t value = std::int64_t{symbols[i]} - table.offset();
    const std::int64_t escape = table.escape();
    if (0 <= value && value < escape) {
      writer.put_symbol(table, static_cast<std::uint32_t>(value));
      continue;
    }
    // Values below the table take the odd raw values, values from the escape on the even ones.
    const auto raw = static_cast<std::uint64_t>(value < 0 ? -2 * value - 1 : 2 * (value - escape));
    if (raw >= kRawEnd) throw_too_far(symbols[i], i, index, table);
    writer.put_escaped(static_cast<std::uint32_t>(raw));
    writer.put_symbol(table, table.escape());
  }
  return writer.finish();
}

template std::vector<std::uint8_t> encode(std::span<const std::int32_t>, std::span<const std::uint8_t>,
                                          const CdfTables&);
template std::vector<std::uint8_t> encode(std::span<const std::int32_t>, std::span<const std::int32_t>,
                                          const CdfTables&);

}  // namespace jaxcompress
