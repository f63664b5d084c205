#include "jaxcompress/repair_latents.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <queue>
#include <stdexcept>
#include <string>
#include <tuple>
#include <utility>

#include "evaluation.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/team.hpp"
#include "latents.hpp"

namespace jaxcompress {
namespace {

using Clock = std::chrono::steady_clock;

// Tries at a time, which share the weights that are fetched. More would more often be for nothing.
constexpr std::size_t kLanes = 4;

// Scales of a decoding that may be tried on the other side: the nearest to a threshold, none beyond the distance
// (relative to the threshold). Float32 programs differ by some 1e-5 at most.
constexpr std::size_t kNearest = 64;
constexpr double kMaxDistance = 1e-4;

// In a set; one that has so many has gone astray.
constexpr std::size_t kMostFlips = 16;

// Some symbols of a step, by their number in it, with the table that each gets instead of its own.
using Flips = std::vector<std::pair<std::size_t, std::uint8_t>>;

// A scale next to a threshold.
struct Near {
  double distance;
  std::size_t step;
  std::size_t symbol;
  std::uint8_t alternative;
  Decoder decoder;  // at the beginning of the step
};

// A decoding with some flips. It has those of its parent and one more, and decodes in the same way as its parent up to
// the step of that flip; the flips of this step are here. Latents from there on, in the order of the stream.
struct Path {
  std::shared_ptr<const Path> parent;
  std::size_t flip_count;
  double distance;
  std::size_t first_step;
  Flips flips;
  std::vector<float> latents;
};

// A path to try: one with one more flip, behind those that it has.
struct Branch {
  double distance;
  std::size_t number;
  std::shared_ptr<const Path> parent;
  Near flip;

  // The nearest is on top of the queue, and of equals the one that was found first.
  bool operator<(const Branch& other) const {
    return std::tie(distance, number) > std::tie(other.distance, other.number);
  }
};

// A path that is being decoded.
struct Lane {
  std::shared_ptr<Path> path;
  Decoder decoder;
  std::size_t step;
  // Those found so far, a heap with the farthest on top.
  std::vector<Near> near;
};

// As in repair.cpp sets of flips form a tree that is walked by the sums of distances. But here scales depend on what
// was decoded before: behind a flip they are others than on the parent's path, so that each path finds its own scales
// next to a threshold, and a flip leads on into a path of its own only once it was decoded. What a wrong path decodes
// looks like any latent; only the end of the stream tells.
class Search {
 public:
  Search(const ContextModel& model, std::span<const std::uint8_t> stream, const SideInformation& side,
         const CdfTables& tables, Order order, const RepairLimits& limits)
      : model_(model),
        limits_(limits),
        start_(Clock::now()),
        decoder_(stream, tables),
        sides_(kLanes + 1, side),
        evaluation_(model, sides_, order) {
    const Steps steps(model, std::span(sides_).first(1), order);
    std::vector<Position> positions;
    for (std::size_t step = 0; step < steps.count(); ++step) {
      steps.list(step, positions);
      begins_.push_back(order_.size());
      order_.insert(order_.end(), positions.begin(), positions.end());
    }
    begins_.push_back(order_.size());
    indexes_.resize(steps.most() * model.channels());
    symbols_.resize(indexes_.size());
  }

  LatentRepair run(std::size_t threads, std::span<float> latent) {
    if (order_.empty()) {
      decoder_.finish();
      return {.flipped = {}, .tries = 0};
    }
    lanes_[0] = Lane{std::make_shared<Path>(), decoder_, 0, {}};
    threads = std::min(threads, model_.most_panels());
    std::vector<Evaluator> evaluators;
    evaluators.reserve(threads);
    for (std::size_t rank = 0; rank < threads; ++rank) evaluators.emplace_back(evaluation_);
    Team::run(threads, [&](Team& team, std::size_t rank) { work(team, rank, evaluators[rank]); });
    write_latent(latent);
    return {.flipped = flipped(), .tries = tries_};
  }

 private:
  // What each thread does. The first of them decodes and searches meanwhile.
  void work(Team& team, std::size_t rank, Evaluator& evaluator) {
    evaluator.start(team, rank);
    while (true) {
      team.wait();
      if (rank == 0) {
        team.attempt(rank, [&] {
          decode_step(evaluator);
          if (!found_) begin_step();
        });
      }
      team.wait();
      if (found_) return;
      evaluator.begin_context(begun_);
      evaluator.evaluate(positions_);
    }
  }

  // Decodes what has been evaluated.
  void decode_step(Evaluator& evaluator) {
    std::size_t first = 0;
    for (std::size_t i = 0; i < kLanes && first < positions_.size(); ++i) {
      if (!lanes_[i]) continue;
      const std::size_t count = positions_at(lanes_[i]->step).size();
      try {
        decode_lane(*lanes_[i], i, evaluator, first);
        first += count;
        if (found_) return;
      } catch (const StreamError& error) {
        first += count;
        if (first_error_.empty()) first_error_ = error.what();
        end(*lanes_[i]);
        lanes_[i].reset();
      }
    }
  }

  void decode_lane(Lane& lane, std::size_t number, Evaluator& evaluator, std::size_t first) {
    const std::size_t channels = model_.channels();
    const auto positions = positions_at(lane.step);
    const auto indexes = std::span(indexes_).first(positions.size() * channels);
    const auto symbols = std::span(symbols_).first(indexes.size());
    for (std::size_t i = 0; i < positions.size(); ++i) {
      const std::span scales(evaluator.outputs(first + i), channels);
      model_.find_indexes(scales, indexes.subspan(i * channels, channels));
      note(lane, scales, i * channels);
    }
    if (lane.step == lane.path->first_step) {
      for (const auto& [symbol, alternative] : lane.path->flips) indexes[symbol] = alternative;
    }
    lane.decoder.decode(std::span<const std::uint8_t>(indexes), symbols);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      float* y_hat = evaluation_.grids[number].latent(positions[i].row, positions[i].column);
      add_means(positions[i], symbols.subspan(i * channels, channels), evaluator.outputs(first + i) + channels, y_hat);
      lane.path->latents.insert(lane.path->latents.end(), y_hat, y_hat + channels);
    }
    if (++lane.step + 1 < begins_.size()) return;
    lane.decoder.finish();
    found_ = lane.path;
  }

  // Notes the scales of a position that are next to a threshold and behind all flips of the path.
  void note(Lane& lane, std::span<const float> scales, std::size_t first_symbol) {
    const Flips& flips = lane.path->flips;
    const bool flipped = lane.step == lane.path->first_step && !flips.empty();
    for (std::size_t c = 0; c < scales.size(); ++c) {
      const std::size_t symbol = first_symbol + c;
      const std::uint8_t index = indexes_[symbol];
      const auto consider = [&](std::size_t threshold, std::size_t alternative) {
        if (threshold >= model_.thresholds().size()) return;
        const double edge = model_.thresholds()[threshold];
        const double distance = std::abs(scales[c] - edge) / edge;
        // Nothing is below the bound. A distance may be NaN.
        if (edge < kScaleBound || !(distance <= kMaxDistance)) return;
        if (flipped && symbol <= flips.back().first) return;
        if (lane.near.size() == kNearest) {
          if (distance >= lane.near.front().distance) return;
          std::ranges::pop_heap(lane.near, {}, &Near::distance);
          lane.near.pop_back();
        }
        lane.near.push_back({distance, lane.step, symbol, static_cast<std::uint8_t>(alternative), lane.decoder});
        std::ranges::push_heap(lane.near, {}, &Near::distance);
      };
      consider(index, index + std::size_t{1});
      if (index > 0) consider(index - std::size_t{1}, index - std::size_t{1});
    }
  }

  // Keeps what may be tried next of a path that has failed.
  void end(Lane& lane) {
    if (lane.path->flip_count == kMostFlips) return;
    std::size_t last = lane.path->first_step;
    for (const Near& near : lane.near) last = std::max(last, near.step);
    const std::size_t kept = (begins_[last] - begins_[lane.path->first_step]) * model_.channels();
    lane.path->latents.resize(kept);
    lane.path->latents.shrink_to_fit();
    for (const Near& near : lane.near) {
      branches_.push({lane.path->distance + near.distance, ++branch_count_, lane.path, near});
    }
  }

  // Lists what is to be evaluated next.
  void begin_step() {
    if (tries_ > 0 || !lanes_[0]) stop_if_out_of_time();
    positions_.clear();
    begun_.clear();
    for (std::size_t i = 0; i < kLanes; ++i) {
      if (!lanes_[i] && !branches_.empty() && tries_ < limits_.tries) take_branch(i);
      if (!lanes_[i]) continue;
      for (const Position& position : positions_at(lanes_[i]->step)) {
        restore_first_sums(i, position);
        positions_.push_back({i, position.row, position.column});
      }
      list_begun(i);
    }
    if (positions_.empty()) throw_not_found(branches_.empty() ? ", which are all that could" : ", the limit");
  }

  // Adds the positions of a lane whose context is begun now: in raster order the rest of the row, when it begins or
  // is come back to, else those of the step.
  void list_begun(std::size_t number) {
    const Lane& lane = *lanes_[number];
    const Position& first = positions_at(lane.step).front();
    if (evaluation_.steps.order() == Order::kWavefront) {
      for (const Position& position : positions_at(lane.step)) {
        begun_.push_back({number, position.row, position.column});
      }
    } else if (first.column == 0 || lane.step == lane.path->first_step) {
      for (std::size_t column = first.column; column < sides_.front().width; ++column) {
        begun_.push_back({number, first.row, column});
      }
    }
  }

  void take_branch(std::size_t number) {
    const Branch branch = branches_.top();
    branches_.pop();
    ++tries_;
    const auto path = std::make_shared<Path>();
    path->parent = branch.parent;
    path->flip_count = branch.parent->flip_count + 1;
    path->distance = branch.distance;
    path->first_step = branch.flip.step;
    if (branch.parent->first_step == path->first_step) path->flips = branch.parent->flips;
    path->flips.emplace_back(branch.flip.symbol, branch.flip.alternative);
    lanes_[number] = Lane{path, branch.flip.decoder, path->first_step, {}};
    Grid& grid = evaluation_.grids[number];
    copy_latents(*path, begins_[path->first_step], [&](const Position& position, const float* values) {
      std::copy_n(values, model_.channels(), grid.latent(position.row, position.column));
    });
  }

  // Calls copy(position, values) for the latents of a path before a place in the order.
  template <typename Copy>
  void copy_latents(const Path& path, std::size_t end, const Copy& copy) const {
    const std::size_t begin = begins_[path.first_step];
    for (std::size_t i = begin; i < end; ++i) copy(order_[i], path.latents.data() + (i - begin) * model_.channels());
    if (path.parent) copy_latents(*path.parent, begin, copy);
  }

  // Sums that evaluating has changed become again those of the last grid, which is never evaluated.
  void restore_first_sums(std::size_t number, const Position& position) {
    const float* sums = evaluation_.grids.back().first_sums(position.row, position.column);
    std::copy_n(sums, model_.layers().front().matrix.width(),
                evaluation_.grids[number].first_sums(position.row, position.column));
  }

  void write_latent(std::span<float> latent) const {
    copy_latents(*found_, order_.size(), [&](const Position& position, const float* values) {
      const std::size_t place = position.row * sides_.front().width + position.column;
      std::copy_n(values, model_.channels(), latent.data() + place * model_.channels());
    });
  }

  std::vector<FlippedScale> flipped() const {
    std::vector<FlippedScale> result;
    for (const Path* path = found_.get(); path->parent; path = path->parent.get()) {
      const std::size_t symbol = path->flips.back().first;
      const Position& position = order_[begins_[path->first_step] + symbol / model_.channels()];
      result.push_back({position.row, position.column, symbol % model_.channels()});
    }
    std::ranges::reverse(result);
    return result;
  }

  std::span<const Position> positions_at(std::size_t step) const {
    return std::span(order_).subspan(begins_[step], begins_[step + 1] - begins_[step]);
  }

  // The first decoding is no try, and has all the time it needs.
  void stop_if_out_of_time() const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    if (!(seconds <= limits_.seconds)) throw_not_found(concat(" in the limit of ", limits_.seconds, " s"));
  }

  [[noreturn]] void throw_not_found(const std::string& why) const {
    if (branch_count_ == 0) throw StreamError(first_error_);
    throw StreamError(concat("no choice of other tables for scales next to a threshold makes the stream decode (",
                             tries_, " tries", why, "); as it is, ", first_error_));
  }

  const ContextModel& model_;
  const RepairLimits limits_;
  const Clock::time_point start_;
  const Decoder decoder_;
  // Of each lane, and once more.
  const std::vector<SideInformation> sides_;
  Evaluation evaluation_;
  // Positions in the order of the stream, and where each step begins and the last ends.
  std::vector<Position> order_;
  std::vector<std::size_t> begins_;

  std::array<std::optional<Lane>, kLanes> lanes_;
  std::priority_queue<Branch> branches_;
  std::size_t branch_count_ = 0;
  std::size_t tries_ = 0;
  std::shared_ptr<const Path> found_;
  std::string first_error_;
  // Of the step that is being evaluated; a picture is a lane.
  std::vector<Position> positions_;
  std::vector<Position> begun_;
  // Of one lane.
  std::vector<std::uint8_t> indexes_;
  std::vector<std::int32_t> symbols_;
};

}  // namespace

LatentRepair decode_latents_repaired(const ContextModel& model, std::span<const std::uint8_t> stream,
                                     const SideInformation& side, const CdfTables& tables, Order order,
                                     std::size_t threads, const RepairLimits& limits, std::span<float> latent) {
  check(model, {&side, 1}, threads);
  check(model, tables);
  check_latent(model, side, latent.size());
  if (std::isnan(limits.seconds)) throw std::invalid_argument("max_seconds is not a number");
  return Search(model, stream, side, tables, order, limits).run(threads, latent);
}

}  // namespace jaxcompress
