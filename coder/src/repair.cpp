#include "jaxcompress/repair.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "jaxcompress/decoder.hpp"
#include "jaxcompress/errors.hpp"

namespace jaxcompress {
namespace {

using Clock = std::chrono::steady_clock;

// Symbols between two looks at the clock: some tenths of a millisecond.
constexpr std::size_t kBlock = std::size_t{1} << 16;

// Symbols after which two ways to decode a stream have met, if they ever do.
constexpr std::size_t kProbe = std::size_t{1} << 12;

template <typename Index>
void check_arguments(std::span<const Index> indexes, const CdfTables& tables, std::span<const Doubt> doubts,
                     const RepairLimits& limits, std::size_t room) {
  if (room != indexes.size()) {
    throw std::invalid_argument(concat("there is room for ", room, " symbols but there are ",
                                       indexes.size(), " indexes"));
  }
  for (std::size_t i = 0; i < indexes.size(); ++i) tables.at(indexes[i], i);
  if (doubts.size() > kMaxDoubts) {
    throw std::invalid_argument(concat("there are ", doubts.size(), " candidates, expected at most ",
                                       kMaxDoubts, "; give those nearest to an edge"));
  }
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < doubts.size(); ++i) {
    const auto& [position, alternative, distance] = doubts[i];
    if (position >= indexes.size()) {
      throw std::invalid_argument(concat("candidates[", i, "] is ", static_cast<std::int64_t>(position),
                                         " but there are ", indexes.size(), " indexes"));
    }
    if (static_cast<std::uint64_t>(std::int64_t{alternative}) >= tables.size()) {
      throw std::invalid_argument(concat("alternatives[", i, "] is ", alternative, " but there are ",
                                         tables.size(), " tables (expected 0 to ", tables.size() - 1, ")"));
    }
    if (!std::isfinite(distance) || distance < 0) {
      throw std::invalid_argument(concat("distances[", i, "] is ", distance,
                                         ", expected finite and at least 0"));
    }
    positions.push_back(position);
  }
  std::ranges::sort(positions);
  if (const auto twice = std::ranges::adjacent_find(positions); twice != positions.end()) {
    throw std::invalid_argument(concat("candidates has ", *twice, " twice, expected different positions"));
  }
  if (std::isnan(limits.seconds)) throw std::invalid_argument("max_seconds is not a number");
}

// The sets of alternatives form a tree: a set's parent lacks its last flip in the order of the stream, and so
// decodes in the same way up to there. A child therefore begins at a checkpoint of its parent; and if its
// parent failed before that place, the child would fail there too, and with it all that descends from it.
// Distances are not negative, so a set never comes before its parent in the order of the sums. That order is
// close to that of the probabilities, if the errors of the numbers that the indexes come from are normal.
template <typename Index>
class Search {
 public:
  Search(std::span<const std::uint8_t> data, std::span<const Index> indexes, const CdfTables& tables,
         std::span<const Doubt> doubts, const RepairLimits& limits)
      : begin_(data, tables),
        indexes_(indexes),
        doubts_(doubts),
        order_(doubts.size()),
        limits_(limits),
        start_(Clock::now()),
        scratch_(std::min(kBlock, indexes.size())) {
    std::iota(order_.begin(), order_.end(), std::size_t{0});
    std::ranges::sort(order_, {}, [&](std::size_t i) { return doubts[i].position; });
  }

  // Decodes into `symbols` once it is known how.
  Repair run(std::span<std::int32_t> symbols) {
    bool found = follow({.parent = 0, .next = 0, .distance = 0, .checkpoints = {}}, begin_, 0);
    std::size_t tries = 0;
    while (!found) {
      if (steps_.empty() || tries == limits_.tries || is_out_of_time()) throw_not_found(tries);
      const Step step = steps_.top();
      steps_.pop();
      found = take(step);
      ++tries;
    }
    Repair repair{.flipped = {}, .tries = tries};
    std::vector<std::int32_t> theirs(indexes_.begin(), indexes_.end());
    for (std::size_t path = paths_.size() - 1; path != 0; path = paths_[path].parent) {
      const std::size_t flip = order_[paths_[path].next - 1];
      theirs[doubts_[flip].position] = doubts_[flip].alternative;
      repair.flipped.push_back(flip);
    }
    std::ranges::sort(repair.flipped);
    const std::vector<Decoder> checkpoints = decode(theirs, symbols);
    for (std::size_t i = 0; tries > 0 && i < order_.size(); ++i) {
      const Doubt& doubt = doubts_[order_[i]];
      if (theirs[doubt.position] == doubt.alternative) continue;
      check_unambiguous(doubt, checkpoints[i], theirs, symbols);
    }
    return repair;
  }

 private:
  // One set of alternatives that was tried: the flips of its parent and, unless it is the first and has none,
  // entry next - 1 of order_. Checkpoints stand at the entries from next on, as far as it could be decoded.
  struct Path {
    std::size_t parent;
    std::size_t next;
    double distance;
    std::vector<Decoder> checkpoints;
  };

  // A set to try: a path with one more flip.
  struct Step {
    double distance;
    std::size_t path;
    std::size_t flip;

    // The nearest is on top of the queue, and of equals the one that was found first.
    bool operator<(const Step& other) const {
      return std::tie(distance, path, flip) > std::tie(other.distance, other.path, other.flip);
    }
  };

  bool take(const Step& step) {
    const Path& parent = paths_[step.path];
    Decoder decoder = parent.checkpoints[step.flip - parent.next];
    const Doubt& doubt = doubts_[order_[step.flip]];
    try {
      decode_flipped(decoder, doubt, std::span(scratch_).first(1));
    } catch (const StreamError&) {
      return false;
    }
    return follow({.parent = step.path, .next = step.flip + 1, .distance = step.distance, .checkpoints = {}},
                  decoder, doubt.position + 1);
  }

  // Decodes on from `position` without further flips, and notes where there could be some. Whether the stream
  // ends as it must.
  bool follow(Path path, Decoder decoder, std::size_t position) {
    bool ended_well = false;
    try {
      for (std::size_t flip = path.next; flip < order_.size(); ++flip) {
        const std::size_t place = doubts_[order_[flip]].position;
        if (!advance(decoder, position, place)) return false;
        position = place;
        path.checkpoints.push_back(decoder);
      }
      if (!advance(decoder, position, indexes_.size())) return false;
      decoder.finish();
      ended_well = true;
    } catch (const StreamError& error) {
      if (paths_.empty()) first_error_ = error.what();
    }
    for (std::size_t i = 0; i < path.checkpoints.size(); ++i) {
      const std::size_t flip = path.next + i;
      steps_.push({path.distance + doubts_[order_[flip]].distance, paths_.size(), flip});
    }
    paths_.push_back(std::move(path));
    return ended_well;
  }

  // Decodes from one position to another. False if the time is over.
  bool advance(Decoder& decoder, std::size_t position, std::size_t end) {
    while (position < end) {
      // The first decoding is no try, and has all the time it needs.
      if (!paths_.empty() && is_out_of_time()) return false;
      const std::size_t count = std::min(end - position, kBlock);
      decoder.decode(indexes_.subspan(position, count), std::span(scratch_).first(count));
      position += count;
    }
    return true;
  }

  // Decodes everything. The decoders before each entry of order_.
  std::vector<Decoder> decode(std::span<const std::int32_t> theirs, std::span<std::int32_t> symbols) const {
    std::vector<Decoder> checkpoints;
    Decoder decoder = begin_;
    std::size_t position = 0;
    for (const std::size_t doubt : order_) {
      const std::size_t count = doubts_[doubt].position - position;
      decoder.decode(theirs.subspan(position, count), symbols.subspan(position, count));
      position += count;
      checkpoints.push_back(decoder);
    }
    decoder.decode(theirs.subspan(position), symbols.subspan(position));
    decoder.finish();
    return checkpoints;
  }

  // Throws if `theirs`, which give `symbols`, can take the alternative here too and the stream still ends as
  // it must, `decoder` being at its place: where both tables give the code that is read the same interval,
  // the coder's state is the same afterwards. Wherever the two ways part for good, they part soon.
  void check_unambiguous(const Doubt& doubt, Decoder decoder, std::span<const std::int32_t> theirs,
                         std::span<const std::int32_t> symbols) {
    std::size_t position = doubt.position;
    const auto read = std::span(scratch_);
    bool differs = false;
    try {
      decode_flipped(decoder, doubt, read.first(1));
      differs = read[0] != symbols[position];
      ++position;
      while (position < symbols.size()) {
        const std::size_t count = std::min({symbols.size() - position, kProbe, read.size()});
        decoder.decode(theirs.subspan(position, count), read.first(count));
        if (!std::ranges::equal(read.first(count), symbols.subspan(position, count))) {
          if (position > doubt.position + kProbe) return;
          differs = true;
        }
        position += count;
      }
      decoder.finish();
    } catch (const StreamError&) {
      return;
    }
    if (differs) {
      throw StreamError(concat("the stream can be decoded in two ways, with table ",
                               theirs[doubt.position], " or ", doubt.alternative,
                               " at position ", doubt.position, ", and nothing tells which is right"));
    }
  }

  static void decode_flipped(Decoder& decoder, const Doubt& doubt, std::span<std::int32_t> symbol) {
    decoder.decode(std::span<const std::int32_t>(&doubt.alternative, 1), symbol);
  }

  bool is_out_of_time() const {
    return std::chrono::duration<double>(Clock::now() - start_).count() > limits_.seconds;
  }

  [[noreturn]] void throw_not_found(std::size_t tries) const {
    if (doubts_.empty()) throw StreamError(first_error_);
    std::string why = concat(" in the limit of ", limits_.seconds, " s");
    if (tries == limits_.tries) why = ", the limit";
    if (steps_.empty()) why = ", which are all that could";
    throw StreamError(concat("no choice of other tables for ", doubts_.size(), " indexes in doubt makes the "
                             "stream decode (", tries, " tries", why, "); as it is, ", first_error_));
  }

  const Decoder begin_;
  const std::span<const Index> indexes_;
  const std::span<const Doubt> doubts_;
  std::vector<std::size_t> order_;  // of the doubts in the stream
  const RepairLimits limits_;
  const Clock::time_point start_;
  std::vector<std::int32_t> scratch_;
  std::vector<Path> paths_;
  std::priority_queue<Step> steps_;
  std::string first_error_;
};

}  // namespace

template <typename Index>
Repair decode_repaired(std::span<const std::uint8_t> data, std::span<const Index> indexes,
                       const CdfTables& tables, std::span<const Doubt> doubts, const RepairLimits& limits,
                       std::span<std::int32_t> symbols) {
  check_arguments(indexes, tables, doubts, limits, symbols.size());
  return Search<Index>(data, indexes, tables, doubts, limits).run(symbols);
}

template Repair decode_repaired(std::span<const std::uint8_t>, std::span<const std::uint8_t>,
                                const CdfTables&, std::span<const Doubt>, const RepairLimits&,
                                std::span<std::int32_t>);
template Repair decode_repaired(std::span<const std::uint8_t>, std::span<const std::int32_t>,
                                const CdfTables&, std::span<const Doubt>, const RepairLimits&,
                                std::span<std::int32_t>);

}  // namespace jaxcompress
