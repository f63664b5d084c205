// The loops over positions, for any network that evaluator.hpp can evaluate. The Evaluation has, beside what is said
// there,
//   find_indexes(outputs, channels, indexes)   the tables of a range of channels
//   encode(position, channels, y, outputs, symbols)     quantizes a range of channels and keeps them as decoded
//   decode(position, symbols, outputs, y_hat)           the other way round, of all channels
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <vector>

#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/order.hpp"
#include "jaxcompress/team.hpp"
#include "steps.hpp"

namespace jaxcompress {

// These throw std::invalid_argument.
inline void check_count(const char* name, std::size_t count, std::size_t pictures) {
  if (count == pictures) return;
  throw std::invalid_argument(concat("there are ", count, " ", name, " but side information of ", pictures,
                                     " pictures; give one for each"));
}

template <typename Model, typename Side>
void check_latent(const Model& model, const Side& side, std::size_t values) {
  if (values == side.height * side.width * model.channels()) return;
  throw std::invalid_argument(concat("a latent has ", values, " values, expected ", side.height, " x ", side.width,
                                     " x ", model.channels()));
}

// Of side information.
template <typename Side>
void check_size(const Side& side, std::size_t picture, std::size_t channels) {
  if (side.values.size() == side.height * side.width * channels) return;
  throw std::invalid_argument(concat("the side information of picture ", picture, " has ", side.values.size(),
                                     " values, expected ", side.height, " x ", side.width, " x ", channels));
}

// Half to even, for |value| < 2^51, in arithmetic that compilers make vectors of.
inline float round_half_even(float value) {
  constexpr double magic = 0x1.8p52;
  return static_cast<float>((value + magic) - magic);
}

// Runs all steps, calling finish(evaluator, team, rank) on every thread after each. It has to leave the latents of
// the step where the next ones see them.
template <typename Evaluator, typename Evaluation, typename Finish>
void run(Evaluation& evaluation, std::size_t threads, const Finish& finish) {
  threads = std::min(threads, evaluation.model.most_panels());
  std::vector<Evaluator> evaluators;
  evaluators.reserve(threads);
  for (std::size_t rank = 0; rank < threads; ++rank) evaluators.emplace_back(evaluation);
  Team::run(threads, [&](Team& team, std::size_t rank) {
    Evaluator& evaluator = evaluators[rank];
    evaluator.start(team, rank);
    for (std::size_t step = 0; step < evaluation.steps.count(); ++step) {
      evaluator.evaluate(step);
      finish(evaluator, team, rank);
      team.wait();
    }
  });
}

// A thread's share of outputs as channels of scales and of means.
inline Range scales_of(Range share, std::size_t channels) {
  return {std::min(share.begin, channels), std::min(share.end, channels)};
}

inline Range means_of(Range share, std::size_t channels) {
  return {std::max(share.begin, channels) - channels, std::max(share.end, channels) - channels};
}

// The symbols of a picture and their tables, in raster order.
struct Plan {
  explicit Plan(std::size_t size) : symbols(size), indexes(size) {}

  std::vector<std::int32_t> symbols;
  std::vector<std::uint8_t> indexes;
};

// `plan` in the order of the steps.
inline Plan reordered(const Plan& plan, const Steps& steps, std::size_t picture, std::size_t width,
                      std::size_t channels) {
  Plan result(plan.symbols.size());
  auto symbols = result.symbols.begin();
  auto indexes = result.indexes.begin();
  std::vector<Position> positions;
  for (std::size_t step = 0; step < steps.count(); ++step) {
    steps.list(step, positions);
    for (const Position& position : positions) {
      if (position.picture != picture) continue;
      const std::size_t first = (position.row * width + position.column) * channels;
      symbols = std::copy_n(plan.symbols.data() + first, channels, symbols);
      indexes = std::copy_n(plan.indexes.data() + first, channels, indexes);
    }
  }
  return result;
}

// Runs an action on one of several pictures, which the message of a StreamError then names.
template <typename Action>
void name_picture(std::size_t picture, std::size_t count, const Action& action) {
  try {
    action();
  } catch (const StreamError& error) {
    if (count == 1) throw;
    throw StreamError(concat("picture ", picture, ": ", error.what()));
  }
}

// The stream of each latent. `evaluation` has the order of wavefronts whatever that of the streams: all of y is there.
template <typename Evaluator, typename Evaluation, typename Side>
std::vector<std::vector<std::uint8_t>> encode_with(Evaluation& evaluation,
                                                   std::span<const std::span<const float>> latents,
                                                   std::span<const Side> sides, const CdfTables& tables, Order order,
                                                   std::size_t threads) {
  const std::size_t channels = evaluation.model.channels();
  std::vector<Plan> plans;
  for (const auto& latent : latents) plans.emplace_back(latent.size());
  run<Evaluator>(evaluation, threads, [&](Evaluator& evaluator, Team& team, std::size_t rank) {
    const Range scales = scales_of(evaluator.share(), channels);
    const Range means = means_of(evaluator.share(), channels);
    team.attempt(rank, [&] {
      for (std::size_t i = 0; i < evaluator.positions().size(); ++i) {
        const Position& position = evaluator.positions()[i];
        const std::size_t first = (position.row * sides[position.picture].width + position.column) * channels;
        Plan& plan = plans[position.picture];
        evaluation.find_indexes(evaluator.outputs(i), scales, plan.indexes.data() + first);
        evaluation.encode(position, means, latents[position.picture].subspan(first, channels), evaluator.outputs(i),
                          std::span(plan.symbols).subspan(first, channels));
      }
    });
  });

  std::vector<std::vector<std::uint8_t>> streams;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (order == Order::kWavefront) plans[i] = reordered(plans[i], evaluation.steps, i, sides[i].width, channels);
    streams.push_back(encode<std::uint8_t>(plans[i].symbols, plans[i].indexes, tables));
  }
  return streams;
}

// Writes the latent of each stream. `evaluation` has the order of the streams.
template <typename Evaluator, typename Evaluation, typename Side>
void decode_with(Evaluation& evaluation, std::span<const std::span<const std::uint8_t>> streams,
                 std::span<const Side> sides, const CdfTables& tables, std::size_t threads,
                 std::span<const std::span<float>> latents) {
  const std::size_t channels = evaluation.model.channels();
  const std::size_t pictures = sides.size();
  std::vector<Decoder> decoders;
  decoders.reserve(pictures);
  for (std::size_t i = 0; i < pictures; ++i) {
    name_picture(i, pictures, [&] { decoders.emplace_back(streams[i], tables); });
  }
  std::vector<std::uint8_t> indexes(evaluation.steps.most() * channels);
  std::vector<std::int32_t> symbols(indexes.size());

  // The positions of one picture in a step, from `begin` on.
  const auto decode_positions = [&](Evaluator& evaluator, Range range) {
    const std::size_t picture = evaluator.positions()[range.begin].picture;
    const auto part = [&](auto& values) {
      return std::span(values).subspan(range.begin * channels, (range.end - range.begin) * channels);
    };
    decoders[picture].decode(std::span<const std::uint8_t>(part(indexes)), part(symbols));
    for (std::size_t i = range.begin; i < range.end; ++i) {
      const Position& position = evaluator.positions()[i];
      const std::size_t first = (position.row * sides[picture].width + position.column) * channels;
      evaluation.decode(position, std::span(symbols).subspan(i * channels, channels), evaluator.outputs(i),
                        latents[picture].subspan(first, channels));
    }
  };
  run<Evaluator>(evaluation, threads, [&](Evaluator& evaluator, Team& team, std::size_t rank) {
    const auto positions = evaluator.positions();
    const Range scales = scales_of(evaluator.share(), channels);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      evaluation.find_indexes(evaluator.outputs(i), scales, indexes.data() + i * channels);
    }
    team.wait();
    team.attempt(rank, [&] {
      std::size_t end = 0;
      for (std::size_t begin = 0; begin < positions.size(); begin = end) {
        const std::size_t picture = positions[begin].picture;
        while (end < positions.size() && positions[end].picture == picture) ++end;
        if (picture % team.size() != rank) continue;
        name_picture(picture, pictures, [&] { decode_positions(evaluator, {begin, end}); });
      }
    });
  });
  for (std::size_t i = 0; i < pictures; ++i) {
    name_picture(i, pictures, [&] { decoders[i].finish(); });
  }
}

}  // namespace jaxcompress
