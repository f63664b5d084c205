#include <algorithm>
#include <bit>
#include <memory>
#include <stdexcept>

#include "jaxcompress/errors.hpp"
#include "jaxcompress/format.hpp"
#include "jaxcompress/lanes.hpp"
#include "jaxcompress/lanes_kernels.hpp"
#include "jaxcompress/lanes_threads.hpp"
#include "jaxcompress/lanes_words.hpp"

namespace jaxcompress {
namespace {

// Encodes one part, from its last symbol to its first.
template <typename Index>
class PartEncoder {
 public:
  // `position` is that of symbols[0] in the caller's array.
  PartEncoder(std::span<const std::int32_t> symbols, std::span<const Index> indexes, std::size_t position,
              const LaneTables& tables, std::size_t lanes, InstructionSet set)
      : count_(symbols.size()),
        lanes_(lanes),
        set_(set),
        job_{tables, indexes.data(), symbols.data(), position, 0, states_, nullptr, raws_} {
    tables.check(indexes, position);
  }

  Words encode() {
    const std::size_t in_lanes = put_last_symbols();
    const std::size_t in_side = raws_.size();
    if (in_lanes > 0) put_lanes(in_lanes);
    if (raws_.size() > in_side) put_escapes(in_side);
    return assemble(in_lanes);
  }

 private:
  // Gives the side coder the last symbols: so many that the lanes have whole rows, and that the words it puts
  // out are enough for the lanes to start from. Returns how many symbols are left for the lanes.
  std::size_t put_last_symbols() {
    std::size_t left = count_;
    std::size_t count = left % lanes_;
    while (true) {
      for (; count > 0; --count) {
        const std::size_t escapes = raws_.size();
        const LaneEntry entry = find_entry(job_, --left);
        if (raws_.size() > escapes) side_.put_raw(raws_.back());
        side_.put(entry.start, entry.width);
      }
      if (left == 0 || side_.words().size() >= lanes_) return left;
      count = lanes_;
    }
  }

  void put_lanes(std::size_t count) {
    // Lanes from the last to the first, as everything here. The last starts from the first word put out, which
    // is the last to be read.
    for (std::size_t i = 0; i < lanes_; ++i) states_[i] = kLaneStateMin + side_.words()[i];
    words_ = std::make_unique_for_overwrite<std::uint16_t[]>(count + kWordsBeyond);
    job_.words = words_.get();
    job_.rows = count / lanes_;
    words_end_ = row_encoder<Index>(set_, lanes_)(job_);
  }

  // Gives the side coder the values of the escapes in the lanes, raws_[first] and on, and the check of all.
  void put_escapes(std::size_t first) {
    RawCheck check;
    for (const std::uint32_t raw : raws_) check.add(raw);
    for (std::size_t i = first; i < raws_.size(); ++i) side_.put_raw(raws_[i]);
    side_.put_bits(check.word(), kLaneWordBits);
  }

  Words assemble(std::size_t in_lanes) {
    BitWriter head;
    const std::size_t in_side = count_ - in_lanes;
    const int length = static_cast<int>(std::bit_width(in_side));
    head.put(static_cast<std::uint32_t>(length), kLengthBits);
    if (length > 0) head.put(static_cast<std::uint32_t>(in_side - (std::size_t{1} << (length - 1))), length - 1);
    if (in_lanes > 0) {
      for (std::size_t i = lanes_; i-- > 0;) put_state(head, states_[i]);
    }
    Words part = head.finish();
    const std::size_t started = in_lanes > 0 ? lanes_ : 0;
    append_reversed(part, std::span(words_.get(), words_end_));
    part.push_back(static_cast<std::uint16_t>(side_.state()));
    part.push_back(static_cast<std::uint16_t>(side_.state() >> kLaneWordBits));
    append_reversed(part, std::span(side_.words()).subspan(started));
    return part;
  }

  static void append_reversed(Words& part, std::span<const std::uint16_t> words) {
    const std::size_t size = part.size();
    part.resize(size + words.size());
    std::ranges::reverse_copy(words, part.begin() + static_cast<std::ptrdiff_t>(size));
  }

  static void put_state(BitWriter& head, std::uint32_t state) {
    const std::uint32_t high = state >> kLaneWordBits;
    const int length = static_cast<int>(std::bit_width(high)) - 1;
    head.put(static_cast<std::uint32_t>(length), kHighLengthBits);
    head.put(high - (1U << length), length);
    head.put(state & ((1U << kLaneWordBits) - 1), kLaneWordBits);
  }

  std::size_t count_;
  std::size_t lanes_;
  InstructionSet set_;

  std::vector<std::uint32_t> raws_;  // of all escapes, from the last to the first
  SideWriter side_;
  std::uint32_t states_[kManyLanes];
  std::unique_ptr<std::uint16_t[]> words_;
  std::uint16_t* words_end_ = nullptr;
  EncodeRows<Index> job_;
};

// Writes the lowest `count` bytes of `value`, and returns what is behind them.
std::uint8_t* write(std::uint8_t* to, std::uint32_t value, std::size_t count) {
  for (; count > 0; --count, value >>= 8) *to++ = static_cast<std::uint8_t>(value);
  return to;
}

std::vector<std::uint8_t> join(const std::vector<Words>& parts, std::size_t lanes) {
  std::size_t size = 1 + (parts.size() - 1) * kPartSizeBytes;
  for (const Words& part : parts) size += 2 * part.size();
  std::vector<std::uint8_t> bytes(size);
  std::uint8_t* to = bytes.data();
  to = write(to, static_cast<std::uint32_t>((lanes == kManyLanes) | (parts.size() - 1) << 1), 1);
  for (std::size_t part = 0; part + 1 < parts.size(); ++part) {
    to = write(to, static_cast<std::uint32_t>(parts[part].size()), kPartSizeBytes);
  }
  for (const Words& part : parts) {
    for (const std::uint16_t word : part) to = write(to, word, 2);
  }
  return bytes;
}

void check_options(const LaneOptions& options, std::size_t symbols) {
  if (options.lanes != kFewLanes && options.lanes != kManyLanes) {
    throw std::invalid_argument(concat("lanes is ", options.lanes, ", expected 32 or 64"));
  }
  if (options.parts < 1 || options.parts > kMaxParts) {
    throw std::invalid_argument(concat("parts is ", options.parts, ", expected 1 to ", kMaxParts));
  }
  if (options.threads < 1) throw std::invalid_argument("threads is 0, expected at least 1");
  check(Kernel::kLanes, options.set);
  if (symbols / options.parts >= kPartSymbolsEnd) {
    throw std::invalid_argument(concat("there are ", symbols, " symbols for ", options.parts,
                                       " parts, expected less than 2^30 for each"));
  }
}

}  // namespace

std::size_t lane_parts(std::size_t symbols) {
  return std::clamp<std::size_t>(symbols / kSymbolsPerPart, 1, kMaxParts);
}

template <typename Index>
std::vector<std::uint8_t> encode_lanes(std::span<const std::int32_t> symbols, std::span<const Index> indexes,
                                       const LaneTables& tables, const LaneOptions& options) {
  if (symbols.size() != indexes.size()) {
    throw std::invalid_argument(concat("there are ", symbols.size(), " symbols but ", indexes.size(),
                                       " indexes; give one index per symbol"));
  }
  check_options(options, symbols.size());
  std::vector<Words> parts(options.parts);
  for_each_part(parts.size(), options.threads, [&](std::size_t part) {
    const std::size_t begin = part_begin(part, parts.size(), symbols.size());
    const std::size_t count = part_begin(part + 1, parts.size(), symbols.size()) - begin;
    parts[part] = PartEncoder<Index>(symbols.subspan(begin, count), indexes.subspan(begin, count), begin, tables,
                                     options.lanes, options.set)
                      .encode();
  });
  return join(parts, options.lanes);
}

template std::vector<std::uint8_t> encode_lanes(std::span<const std::int32_t>, std::span<const std::uint8_t>,
                                                const LaneTables&, const LaneOptions&);
template std::vector<std::uint8_t> encode_lanes(std::span<const std::int32_t>, std::span<const std::int32_t>,
                                                const LaneTables&, const LaneOptions&);

}  // namespace jaxcompress
