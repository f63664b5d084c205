// Decodes several streams at once: a state waits long for each symbol but keeps little of the processor
// busy, so the symbols of other streams go in between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>

#include "chains.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"
#include "words.hpp"

namespace jaxcompress {

// Decodes symbols for one array of indexes, from the first to the last.
template <typename Index>
class DecodeChain {
 public:
  DecodeChain(const Reader& reader, std::span<const Index> indexes, std::span<std::int32_t> symbols,
              const CdfTables& tables)
      : reader_(reader), indexes_(indexes), symbols_(symbols.data()), tables_(&tables) {
    if (symbols.size() != indexes.size()) {
      throw std::invalid_argument(concat("there is room for ", symbols.size(), " symbols but there are ",
                                         indexes.size(), " indexes"));
    }
  }

  // How many symbols are left.
  std::size_t left() const { return indexes_.size() - done_; }
  // Where the stream stands now.
  const Reader& reader() const { return reader_; }

  // Reads some symbols of each chain; all have something left, and the same tables. They keep in step but for
  // a symbol that needs step(): then this ends early and returns the chain whose next symbol it is, else K.
  template <std::size_t K>
  static std::size_t advance(std::array<DecodeChain*, K> chains);

  // Reads one symbol, whatever it is; throws StreamError, or std::invalid_argument for an index without a
  // table.
  void step();

 private:
  Reader reader_;
  std::span<const Index> indexes_;
  std::int32_t* symbols_;
  std::size_t done_ = 0;
  const CdfTables* tables_;
};

// Reads the value on top of a state if it is in the table: returns the next state, before renormalisation.
// Returns 0, which is no such state, for the escape.
inline std::uint64_t read_value(std::uint64_t state, const DecoderTable& table, const std::uint32_t* cdf,
                                std::int32_t& value) {
  const auto code = static_cast<std::uint32_t>(state & (kProbabilityOne - 1));
  const std::uint64_t rest = state >> kProbabilityBits;
  const std::uint32_t likely = code - table.likely_start;
  if (likely < table.likely_width) {
    value = table.likely_value;
    return table.likely_width * rest + likely;
  }
  const std::uint32_t place = code >> DecoderTable::kCellShift;
  std::uint32_t width = table.cells[place].width;
  std::uint32_t start = table.cells[place].start;
  std::uint32_t symbol = table.symbols[place];
  if (width == 0) {
    const std::uint32_t* const entries = cdf + table.first;
    while (entries[symbol + 1] <= code) ++symbol;
    start = entries[symbol];
    width = entries[symbol + 1] - start;
  }
  if (symbol == table.escape) [[unlikely]] return 0;
  value = table.offset + static_cast<std::int32_t>(symbol);
  return width * rest + (code - start);
}

template <typename Index>
template <std::size_t K>
std::size_t DecodeChain<Index>::advance(std::array<DecodeChain*, K> chains) {
  const std::size_t count = common_count(chains);
  const DecoderTable* const tables = chains[0]->tables_->decoder_tables();
  const std::uint32_t* const cdf = chains[0]->tables_->cdf();
  const std::size_t table_count = chains[0]->tables_->size();

  std::array<const Index*, K> indexes;
  std::array<std::int32_t*, K> symbols;
  std::array<std::uint64_t, K> state;
  std::array<const std::uint8_t*, K> next;
  std::array<const std::uint8_t*, K> end;
  for (std::size_t k = 0; k < K; ++k) {
    indexes[k] = chains[k]->indexes_.data() + chains[k]->done_;
    symbols[k] = chains[k]->symbols_ + chains[k]->done_;
    state[k] = chains[k]->reader_.state_;
    next[k] = chains[k]->reader_.next_;
    end[k] = chains[k]->reader_.end_;
  }

  std::size_t i = 0;
  std::size_t stopped = K;
  for (; i < count; ++i) {
    for (std::size_t k = 0; k < K; ++k) {
      const auto index = static_cast<std::size_t>(indexes[k][i]);
      if (index >= table_count) [[unlikely]] {
        stopped = k;
        break;
      }
      std::int32_t value;
      std::uint64_t x = read_value(state[k], tables[index], cdf, value);
      if (x < kStateMin) {
        if (x == 0 || next[k] == end[k]) [[unlikely]] {
          stopped = k;
          break;
        }
        x = x << kWordBits | load_word(next[k]);
        next[k] += kWordBytes;
      }
      state[k] = x;
      symbols[k][i] = value;
    }
    if (stopped != K) break;
  }

  for (std::size_t k = 0; k < K; ++k) {
    chains[k]->done_ += i + (k < stopped && stopped != K);
    chains[k]->reader_.state_ = state[k];
    chains[k]->reader_.next_ = next[k];
  }
  return stopped;
}

template <typename Index>
void DecodeChain<Index>::step() {
  symbols_[done_] = reader_.read(tables_->at(indexes_[done_], done_));
  ++done_;
}

}  // namespace jaxcompress
