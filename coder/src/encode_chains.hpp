// Encodes several streams at once: what one symbol does to a state takes long but keeps little of the
// processor busy, so the symbols of other streams go in between.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>

#include "chains.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"
#include "jaxcompress/reciprocal.hpp"
#include "words.hpp"

namespace jaxcompress {

// Encodes one array of symbols, from the last to the first.
template <typename Index>
class EncodeChain {
 public:
  EncodeChain(std::span<const std::int32_t> symbols, std::span<const Index> indexes, const CdfTables& tables)
      : symbols_(symbols.data()), indexes_(indexes.data()), left_(symbols.size()), tables_(&tables) {
    if (symbols.size() != indexes.size()) {
      throw std::invalid_argument(concat("there are ", symbols.size(), " symbols but ", indexes.size(),
                                         " indexes; give one index per symbol"));
    }
  }

  // How many symbols are left.
  std::size_t left() const { return left_; }

  // Puts some symbols of each chain; all have something left, and the same tables. They keep in step but for
  // a symbol that needs step(): then this ends early and returns the chain whose next symbol it is, else K.
  template <std::size_t K>
  static std::size_t advance(std::array<EncodeChain*, K> chains);

  // Puts one symbol, whatever it is; throws std::invalid_argument if it cannot be coded.
  void step();

  // The stream, once nothing is left.
  Stream finish();

 private:
  void put_symbol(const EncoderSymbol& symbol);
  void put_escaped(std::uint32_t raw);
  void put_nibble(std::uint32_t nibble);
  void renormalise(std::uint64_t end);

  const std::int32_t* symbols_;
  const Index* indexes_;
  std::size_t left_;
  const CdfTables* tables_;
  std::uint64_t state_ = kStateMin;
  Stream stream_;
};

// The state after a symbol that leaves it below kStateEnd.
inline std::uint64_t next_state(std::uint64_t state, const EncoderSymbol& symbol) {
  const std::uint64_t quotient = high_product(state, symbol.factor) >> symbol.shift;
  return state + symbol.bias + quotient * (kProbabilityOne - symbol.width);
}

// The first state that coding the symbol would take to kStateEnd or beyond.
inline std::uint64_t state_end(const EncoderSymbol& symbol) {
  return std::uint64_t{symbol.width} << (63 - kProbabilityBits);
}

template <typename Index>
template <std::size_t K>
std::size_t EncodeChain<Index>::advance(std::array<EncodeChain*, K> chains) {
  const std::size_t count = common_count(chains);
  const EncoderTable* const tables = chains[0]->tables_->encoder_tables();
  const EncoderSymbol* const table_symbols = chains[0]->tables_->encoder_symbols();
  const std::size_t table_count = chains[0]->tables_->size();

  std::array<const std::int32_t*, K> symbols;
  std::array<const Index*, K> indexes;
  std::array<std::uint64_t, K> state;
  std::array<std::uint8_t*, K> top;
  for (std::size_t k = 0; k < K; ++k) {
    // A symbol takes at most one word.
    chains[k]->stream_.reserve(count);
    symbols[k] = chains[k]->symbols_ + (chains[k]->left_ - count);
    indexes[k] = chains[k]->indexes_ + (chains[k]->left_ - count);
    state[k] = chains[k]->state_;
    top[k] = chains[k]->stream_.top();
  }

  std::size_t i = count;
  std::size_t stopped = K;
  while (i > 0 && stopped == K) {
    --i;
    for (std::size_t k = 0; k < K; ++k) {
      const auto index = static_cast<std::size_t>(indexes[k][i]);
      if (index >= table_count) [[unlikely]] {
        stopped = k;
        break;
      }
      const EncoderTable& table = tables[index];
      // Modulo 2^32, which maps no other symbol into the table: symbols are above -2^31 - 1, offsets at most
      // 2^30 either way, and tables have at most 2^16 symbols.
      const auto value =
          static_cast<std::uint32_t>(symbols[k][i]) - static_cast<std::uint32_t>(table.offset);
      if (value >= table.escape) [[unlikely]] {
        stopped = k;
        break;
      }
      const EncoderSymbol& symbol = table_symbols[table.first + value];
      std::uint64_t x = state[k];
      if (x >= state_end(symbol)) {
        top[k] -= kWordBytes;
        store_word(top[k], static_cast<std::uint32_t>(x));
        x >>= kWordBits;
      }
      state[k] = next_state(x, symbol);
    }
  }

  for (std::size_t k = 0; k < K; ++k) {
    chains[k]->left_ -= count - i - (k >= stopped);
    chains[k]->state_ = state[k];
    chains[k]->stream_.extend_to(top[k]);
  }
  return stopped;
}

}  // namespace jaxcompress
