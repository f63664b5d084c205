#include "jaxcompress/repair_latents.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "evaluation.hpp"
#include "flip_tree.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/team.hpp"
#include "latents.hpp"

namespace jaxcompress {
namespace {

using Clock = std::chrono::steady_clock;

// Tries at a time, which share the weights that are fetched. More would more often be for nothing.
constexpr std::size_t kLanes = 4;

// How far a scale that is tried on the other side may be from its threshold, relative to that. Float32 programs differ
// by some 1e-5 at most.
constexpr double kMaxDistance = 1e-4;

// A path that is being decoded.
struct Lane {
  std::shared_ptr<Path> path;
  Decoder decoder;
  std::size_t step;
  NearScales near;
};

// Decodes paths in lanes, side by side, until one ends as a stream must. What a wrong path decodes looks like any
// latent; only the end of the stream tells.
class Search {
 public:
  Search(const ContextModel& model, std::span<const std::uint8_t> stream, const SideInformation& side,
         const CdfTables& tables, Order order, const RepairLimits& limits)
      : model_(model),
        limits_(limits),
        start_(Clock::now()),
        decoder_(stream, tables),
        sides_(kLanes + 1, side),
        evaluation_(model, sides_, order),
        order_(model, side, order),
        tree_(order_, model.channels()),
        indexes_(evaluation_.steps.most() * model.channels()),
        symbols_(indexes_.size()) {}

  LatentRepair run(std::size_t threads, std::span<float> latent) {
    if (order_.positions() == 0) {
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
    return {.flipped = tree_.flipped(*found_), .tries = tries_};
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
      const std::size_t count = order_.at_step(lanes_[i]->step).size();
      try {
        decode_lane(*lanes_[i], i, evaluator, first);
        first += count;
        if (found_) return;
      } catch (const StreamError& error) {
        first += count;
        if (first_error_.empty()) first_error_ = error.what();
        tree_.grow(lanes_[i]->path, lanes_[i]->near);
        lanes_[i].reset();
      }
    }
  }

  void decode_lane(Lane& lane, std::size_t number, Evaluator& evaluator, std::size_t first) {
    const std::size_t channels = model_.channels();
    const auto positions = order_.at_step(lane.step);
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
    if (++lane.step < order_.steps()) return;
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
        lane.near.add({distance, lane.step, symbol, static_cast<std::uint8_t>(alternative), lane.decoder});
      };
      consider(index, index + std::size_t{1});
      if (index > 0) consider(index - std::size_t{1}, index - std::size_t{1});
    }
  }

  // Lists what is to be evaluated next.
  void begin_step() {
    if (tries_ > 0 || !lanes_[0]) stop_if_out_of_time();
    positions_.clear();
    begun_.clear();
    for (std::size_t i = 0; i < kLanes; ++i) {
      if (!lanes_[i] && !tree_.empty() && tries_ < limits_.tries) start_try(i);
      if (!lanes_[i]) continue;
      for (const Position& position : order_.at_step(lanes_[i]->step)) {
        restore_first_sums(i, position);
        positions_.push_back({i, position.row, position.column});
      }
      list_begun(i);
    }
    if (positions_.empty()) throw_not_found(tree_.empty() ? ", which are all that could" : ", the limit");
  }

  // Adds the positions of a lane whose context is begun now: in raster order the rest of the row, when it begins or
  // is come back to, else those of the step.
  void list_begun(std::size_t number) {
    const Lane& lane = *lanes_[number];
    const Position& first = order_.at_step(lane.step).front();
    if (evaluation_.steps.order() == Order::kWavefront) {
      for (const Position& position : order_.at_step(lane.step)) {
        begun_.push_back({number, position.row, position.column});
      }
    } else if (first.column == 0 || lane.step == lane.path->first_step) {
      for (std::size_t column = first.column; column < sides_.front().width; ++column) {
        begun_.push_back({number, first.row, column});
      }
    }
  }

  void start_try(std::size_t number) {
    ++tries_;
    const Start start = tree_.take();
    lanes_[number] = Lane{start.path, start.decoder, start.path->first_step, {}};
    Grid& grid = evaluation_.grids[number];
    tree_.copy_latents(*start.path, order_.before(start.path->first_step), [&](const Position& at, const float* values) {
      std::copy_n(values, model_.channels(), grid.latent(at.row, at.column));
    });
  }

  // Sums that evaluating has changed become again those of the last grid, which is never evaluated.
  void restore_first_sums(std::size_t number, const Position& position) {
    const float* sums = evaluation_.grids.back().first_sums(position.row, position.column);
    std::copy_n(sums, model_.layers().front().matrix.width(),
                evaluation_.grids[number].first_sums(position.row, position.column));
  }

  void write_latent(std::span<float> latent) const {
    tree_.copy_latents(*found_, order_.positions(), [&](const Position& at, const float* values) {
      const std::size_t place = at.row * sides_.front().width + at.column;
      std::copy_n(values, model_.channels(), latent.data() + place * model_.channels());
    });
  }

  // The first decoding is no try, and has all the time it needs.
  void stop_if_out_of_time() const {
    const double seconds = std::chrono::duration<double>(Clock::now() - start_).count();
    if (!(seconds <= limits_.seconds)) throw_not_found(concat(" in the limit of ", limits_.seconds, " s"));
  }

  [[noreturn]] void throw_not_found(const std::string& why) const {
    if (tree_.never_grew()) throw StreamError(first_error_);
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
  const StreamOrder order_;
  FlipTree tree_;

  std::array<std::optional<Lane>, kLanes> lanes_;
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
