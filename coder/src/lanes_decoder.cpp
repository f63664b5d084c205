#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"
#include "jaxcompress/lanes.hpp"
#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_threads.hpp"
#include "jaxcompress/lanes_words.hpp"

namespace jaxcompress {
namespace {

// Decodes one part, from its first symbol to its last.
template <typename Index>
class PartDecoder {
 public:
  PartDecoder(std::span<const std::uint8_t> data, std::span<const Index> indexes, std::span<std::int32_t> symbols,
              const LaneTables& tables, std::size_t lanes, InstructionSet set)
      : indexes_(indexes), symbols_(symbols), tables_(tables), lanes_(lanes), set_(set) {
    words_.resize(data.size() / 2 + lanes + kWordsBeyond);
    for (std::size_t i = 0; i < data.size() / 2; ++i) {
      words_[i] = static_cast<std::uint16_t>(data[2 * i] | data[2 * i + 1] << 8);
    }
    rest_ = std::span(words_).first(data.size() / 2);
  }

  void decode() {
    const std::size_t in_lanes = read_head();
    if (in_lanes > 0) read_lanes(in_lanes);
    Words side_words(rest_.begin(), rest_.end());
    if (in_lanes > 0) append_starts(side_words);
    SideReader side(side_words);
    const std::uint32_t check = escapes_.empty() ? 0 : side.get_bits(kLaneWordBits);
    for (const std::size_t position : escapes_) read_escape(side, position);
    read_last_symbols(side, in_lanes);
    side.finish();
    if (!escapes_.empty()) compare(check);
  }

 private:
  // Reads how many symbols are in the lanes, and the lanes' states.
  std::size_t read_head() {
    BitReader head(rest_);
    const auto length = static_cast<int>(head.get(kLengthBits));
    const std::size_t in_side = length == 0 ? 0 : std::size_t{1} << (length - 1) | head.get(length - 1);
    if (in_side > symbols_.size() || (symbols_.size() - in_side) % lanes_ != 0) {
      throw StreamError(concat("a part of the stream has ", in_side, " of ", symbols_.size(),
                               " symbols outside its ", lanes_, " lanes, expected whole rows of lanes for the others",
                               kLaneAdvice));
    }
    const std::size_t in_lanes = symbols_.size() - in_side;
    if (in_lanes > 0) {
      for (std::size_t lane = 0; lane < lanes_; ++lane) states_[lane] = read_state(head);
    }
    rest_ = head.rest();
    return in_lanes;
  }

  static std::uint32_t read_state(BitReader& head) {
    const auto length = static_cast<int>(head.get(kHighLengthBits));
    const std::uint32_t high = 1U << length | head.get(length);
    return high << kLaneWordBits | head.get(kLaneWordBits);
  }

  void read_lanes(std::size_t count) {
    const std::uint16_t* end = rest_.data() + rest_.size();
    const std::uint16_t* next = row_decoder<Index>(set_, lanes_)({tables_, indexes_.data(), symbols_.data(),
                                                                  count / lanes_, states_, rest_.data(), end,
                                                                  escapes_});
    rest_ = rest_.subspan(static_cast<std::size_t>(next - rest_.data()));
  }

  // Encoders start each lane from 2^16 and a word of the side coder.
  void append_starts(Words& side_words) const {
    for (std::size_t lane = 0; lane < lanes_; ++lane) {
      const std::uint32_t word = states_[lane] - kLaneStateMin;
      if (word >= kLaneStateMin) {
        throw StreamError(concat("lane ", lane, " ends in state ", states_[lane], ", expected 2^16 to 2^17 - 1",
                                 kLaneAdvice));
      }
      side_words.push_back(static_cast<std::uint16_t>(word));
    }
  }

  void read_escape(SideReader& side, std::size_t position) {
    const LaneRow& row = tables_.row(static_cast<std::size_t>(indexes_[position]));
    raws_.push_back(side.get_raw());
    symbols_[position] = value_of(raws_.back(), row);
  }

  void read_last_symbols(SideReader& side, std::size_t first) {
    // Encoders take rows off the lanes until the side coder has put out a word for each lane, and no more.
    bool as_encoded = first == 0 || side.words_left() >= lanes_;
    for (std::size_t position = first; position < symbols_.size(); ++position) {
      if (position == first + lanes_) as_encoded = as_encoded && side.words_left() < lanes_;
      const LaneSymbol symbol = side.get_symbol(tables_, static_cast<std::size_t>(indexes_[position]));
      symbols_[position] = symbol.value;
      if (symbol.is_escape) read_escape(side, position);
    }
    if (!as_encoded) {
      throw StreamError(concat("a part of the stream has ", symbols_.size() - first,
                               " symbols outside its lanes, which is not the number that encoders choose",
                               kLaneAdvice));
    }
  }

  void compare(std::uint32_t expected) const {
    RawCheck check;
    for (auto raw = raws_.rbegin(); raw != raws_.rend(); ++raw) check.add(*raw);
    if (check.word() != expected) {
      throw StreamError(concat("the values of escapes have check ", check.word(), ", expected ", expected,
                               kLaneAdvice));
    }
  }

  std::span<const Index> indexes_;
  std::span<std::int32_t> symbols_;
  const LaneTables& tables_;
  std::size_t lanes_;
  InstructionSet set_;

  Words words_;  // of the part, and what kernels may read behind them
  std::span<const std::uint16_t> rest_;
  std::uint32_t states_[kManyLanes];
  std::vector<std::size_t> escapes_;  // their positions in the lanes
  std::vector<std::uint32_t> raws_;   // of all escapes
};

// A stream's first bytes, and where its parts are.
struct Layout {
  std::size_t lanes;
  std::vector<std::span<const std::uint8_t>> parts;
};

Layout read_layout(std::span<const std::uint8_t> data) {
  if (data.empty()) throw StreamError(concat("the stream has 0 bytes, expected a first byte", kLaneAdvice));
  Layout layout{data[0] & 1 ? kManyLanes : kFewLanes, {}};
  const std::size_t count = std::size_t{data[0]} / 2 + 1;
  const std::size_t header = 1 + (count - 1) * kPartSizeBytes;
  if (data.size() < header) {
    throw StreamError(concat("the stream has ", data.size(), " bytes, expected at least ", header, " for ", count,
                             " parts", kLaneAdvice));
  }
  std::span<const std::uint8_t> rest = data.subspan(header);
  for (std::size_t part = 0; part + 1 < count; ++part) {
    std::uint64_t words = 0;
    for (std::size_t i = 0; i < kPartSizeBytes; ++i) {
      words |= std::uint64_t{data[1 + part * kPartSizeBytes + i]} << (8 * i);
    }
    if (words > rest.size() / 2) {
      throw StreamError(concat("part ", part, " of the stream is said to have ", words, " words but there are ",
                               rest.size(), " bytes", kLaneAdvice));
    }
    layout.parts.push_back(rest.first(static_cast<std::size_t>(2 * words)));
    rest = rest.subspan(static_cast<std::size_t>(2 * words));
  }
  if (rest.size() % 2 != 0) {
    throw StreamError(concat("the last part of the stream has ", rest.size(), " bytes, expected whole words of 2",
                             kLaneAdvice));
  }
  layout.parts.push_back(rest);
  return layout;
}

}  // namespace

template <typename Index>
void decode_lanes(std::span<const std::uint8_t> data, std::span<const Index> indexes,
                  std::span<std::int32_t> symbols, const LaneTables& tables, std::size_t threads,
                  InstructionSet set) {
  if (symbols.size() != indexes.size()) {
    throw std::invalid_argument(concat("there is room for ", symbols.size(), " symbols but there are ",
                                       indexes.size(), " indexes"));
  }
  if (threads < 1) throw std::invalid_argument("threads is 0, expected at least 1");
  check(Kernel::kLanes, set);
  const Layout layout = read_layout(data);
  for_each_part(layout.parts.size(), threads, [&](std::size_t part) {
    const std::size_t begin = part_begin(part, layout.parts.size(), indexes.size());
    const std::size_t count = part_begin(part + 1, layout.parts.size(), indexes.size()) - begin;
    const auto part_indexes = indexes.subspan(begin, count);
    tables.check(part_indexes, begin);
    PartDecoder<Index>(layout.parts[part], part_indexes, symbols.subspan(begin, count), tables, layout.lanes, set)
        .decode();
  });
}

template void decode_lanes(std::span<const std::uint8_t>, std::span<const std::uint8_t>, std::span<std::int32_t>,
                           const LaneTables&, std::size_t, InstructionSet);
template void decode_lanes(std::span<const std::uint8_t>, std::span<const std::int32_t>, std::span<std::int32_t>,
                           const LaneTables&, std::size_t, InstructionSet);

}  // namespace jaxcompress
