#include "jaxcompress/autoregressive.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <stdexcept>

#include "evaluation.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/encoder.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/team.hpp"
#include "latents.hpp"

namespace jaxcompress {
namespace {

// Residuals stay below this, which the coder's escapes can reach for any table of a sound model.
constexpr float kResidualEnd = 1 << 27;

// Half to even, for |value| < 2^51, in arithmetic that compilers make vectors of.
float round_half_even(float value) {
  constexpr double magic = 0x1.8p52;
  return static_cast<float>((value + magic) - magic);
}

void check_count(const char* name, std::size_t count, std::size_t pictures) {
  if (count == pictures) return;
  throw std::invalid_argument(concat("there are ", count, " ", name, " but side information of ", pictures,
                                     " pictures; give one for each"));
}

// Runs all steps, calling finish(evaluator, team, rank) on every thread after each. It has to leave the latents of
// the step in their grids.
template <typename Finish>
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
Range scales_of(Range share, std::size_t channels) {
  return {std::min(share.begin, channels), std::min(share.end, channels)};
}

Range means_of(Range share, std::size_t channels) {
  return {std::max(share.begin, channels) - channels, std::max(share.end, channels) - channels};
}

// The symbols of a picture and their tables, in raster order.
struct Plan {
  explicit Plan(std::size_t size) : symbols(size), indexes(size) {}

  std::vector<std::int32_t> symbols;
  std::vector<std::uint8_t> indexes;
};

[[noreturn]] void throw_not_codable(const Position& position, std::size_t channel, float y, float mean) {
  throw std::invalid_argument(concat("the latent at row ", position.row, ", column ", position.column, ", channel ",
                                     channel, " of picture ", position.picture, " is ", y, " and its mean ", mean,
                                     ": beyond the +-2^27 that can be coded; the input or the weights are not sound"));
}

// Writes symbols and decoded values of a thread's share of the channels.
void quantize(const Position& position, Range share, std::span<const float> y, const float* means,
              std::span<std::int32_t> symbols, float* y_hat) {
  for (std::size_t c = share.begin; c < share.end; ++c) {
    const float residual = y[c] - means[c];
    // As NaN does.
    if (!(std::abs(residual) < kResidualEnd)) throw_not_codable(position, c, y[c], means[c]);
    symbols[c] = static_cast<std::int32_t>(round_half_even(residual));
    // What a decoder does: from the symbol, which unlike the rounded residual has no negative zero.
    y_hat[c] = static_cast<float>(symbols[c]) + means[c];
  }
}

// `plan` in the order of the steps.
Plan reordered(const Plan& plan, const Steps& steps, std::size_t picture, std::size_t width, std::size_t channels) {
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

}  // namespace

void check(const ContextModel& model, std::span<const SideInformation> sides, std::size_t threads) {
  if (threads < 1) throw std::invalid_argument("threads is 0, expected at least 1");
  for (std::size_t i = 0; i < sides.size(); ++i) {
    const SideInformation& side = sides[i];
    const std::size_t positions = side.height * side.width;
    if (side.values.size() != positions * model.side_channels()) {
      throw std::invalid_argument(concat("the side information of picture ", i, " has ", side.values.size(),
                                         " values, expected ", side.height, " x ", side.width, " x ",
                                         model.side_channels()));
    }
    bool finite = true;
    constexpr std::uint32_t exponent = 0x7f800000;
    for (const float value : side.values) finite &= (std::bit_cast<std::uint32_t>(value) & exponent) != exponent;
    if (!finite) {
      throw std::invalid_argument(concat("the side information of picture ", i,
                                         " is not finite: the stream of z or the weights are not sound"));
    }
  }
}

void check(const ContextModel& model, const CdfTables& tables) {
  if (tables.size() != model.tables()) {
    throw std::invalid_argument(concat("there are ", tables.size(), " tables but the model's scale_table has ",
                                       model.tables(), " entries; give one table for each"));
  }
}

void check_latent(const ContextModel& model, const SideInformation& side, std::size_t values) {
  if (values == side.height * side.width * model.channels()) return;
  throw std::invalid_argument(concat("a latent has ", values, " values, expected ", side.height, " x ", side.width,
                                     " x ", model.channels()));
}

void add_means(const Position& position, std::span<const std::int32_t> symbols, const float* means, float* y_hat) {
  bool finite = true;
  for (std::size_t c = 0; c < symbols.size(); ++c) {
    y_hat[c] = static_cast<float>(symbols[c]) + means[c];
    finite &= std::isfinite(y_hat[c]);
  }
  if (!finite) {
    throw StreamError(concat("the latent at row ", position.row, ", column ", position.column,
                             " is not finite; the stream is damaged, or was not written with this model"));
  }
}

std::vector<std::vector<std::uint8_t>> encode_latents(const ContextModel& model,
                                                      std::span<const std::span<const float>> latents,
                                                      std::span<const SideInformation> sides,
                                                      const CdfTables& tables, Order order, std::size_t threads) {
  check(model, sides, threads);
  check(model, tables);
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  const std::size_t channels = model.channels();
  std::vector<Plan> plans;
  for (const auto& latent : latents) plans.emplace_back(latent.size());
  // All of y is there, so whatever the order of the stream this is the order to compute in.
  Evaluation evaluation(model, sides, Order::kWavefront);
  run(evaluation, threads, [&](Evaluator& evaluator, Team& team, std::size_t rank) {
    const Range scales = scales_of(evaluator.share(), channels);
    const Range means = means_of(evaluator.share(), channels);
    team.attempt(rank, [&] {
      for (std::size_t i = 0; i < evaluator.positions().size(); ++i) {
        const Position& position = evaluator.positions()[i];
        const auto [picture, row, column] = position;
        const std::size_t first = (row * sides[picture].width + column) * channels;
        Plan& plan = plans[picture];
        model.find_indexes({evaluator.outputs(i) + scales.begin, scales.end - scales.begin},
                           {plan.indexes.data() + first + scales.begin, scales.end - scales.begin});
        quantize(position, means, latents[picture].subspan(first, channels), evaluator.outputs(i) + channels,
                 std::span(plan.symbols).subspan(first, channels), evaluation.grids[picture].latent(row, column));
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

void decode_latents(const ContextModel& model, std::span<const std::span<const std::uint8_t>> streams,
                    std::span<const SideInformation> sides, const CdfTables& tables, Order order, std::size_t threads,
                    std::span<const std::span<float>> latents) {
  check(model, sides, threads);
  check(model, tables);
  check_count("streams", streams.size(), sides.size());
  check_count("latents", latents.size(), sides.size());
  for (std::size_t i = 0; i < sides.size(); ++i) check_latent(model, sides[i], latents[i].size());

  const std::size_t channels = model.channels();
  const std::size_t pictures = sides.size();
  std::vector<Decoder> decoders;
  decoders.reserve(pictures);
  for (std::size_t i = 0; i < pictures; ++i) {
    name_picture(i, pictures, [&] { decoders.emplace_back(streams[i], tables); });
  }
  Evaluation evaluation(model, sides, order);
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
      add_means(position, std::span(symbols).subspan(i * channels, channels), evaluator.outputs(i) + channels,
                evaluation.grids[picture].latent(position.row, position.column));
    }
  };
  run(evaluation, threads, [&](Evaluator& evaluator, Team& team, std::size_t rank) {
    const auto positions = evaluator.positions();
    const Range scales = scales_of(evaluator.share(), channels);
    for (std::size_t i = 0; i < positions.size(); ++i) {
      model.find_indexes({evaluator.outputs(i) + scales.begin, scales.end - scales.begin},
                         {indexes.data() + i * channels + scales.begin, scales.end - scales.begin});
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
    const std::size_t size = sides[i].width * channels;
    for (std::size_t row = 0; row < sides[i].height && size > 0; ++row) {
      std::copy_n(evaluation.grids[i].latent(row, 0), size, latents[i].data() + row * size);
    }
  }
}

void predict(const ContextModel& model, std::span<const float> latent, const SideInformation& side,
             std::size_t threads, std::span<float> scales, std::span<float> means) {
  check(model, {&side, 1}, threads);
  for (const std::size_t size : {latent.size(), scales.size(), means.size()}) check_latent(model, side, size);
  const std::size_t channels = model.channels();
  Evaluation evaluation(model, {&side, 1}, Order::kWavefront);
  const std::size_t size = side.width * channels;
  for (std::size_t row = 0; row < side.height && size > 0; ++row) {
    std::copy_n(latent.data() + row * size, size, evaluation.grids[0].latent(row, 0));
  }
  run(evaluation, threads, [&](Evaluator& evaluator, Team&, std::size_t) {
    const Range own_scales = scales_of(evaluator.share(), channels);
    const Range own_means = means_of(evaluator.share(), channels);
    for (std::size_t i = 0; i < evaluator.positions().size(); ++i) {
      const auto [picture, row, column] = evaluator.positions()[i];
      const std::size_t first = (row * side.width + column) * channels;
      const float* outputs = evaluator.outputs(i);
      std::copy(outputs + own_scales.begin, outputs + own_scales.end, scales.data() + first + own_scales.begin);
      outputs += channels;
      std::copy(outputs + own_means.begin, outputs + own_means.end, means.data() + first + own_means.begin);
    }
  });
}

}  // namespace jaxcompress
