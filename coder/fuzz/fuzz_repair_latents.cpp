// Drives the search for flipped scales with streams of encoders that had other tables for a few scales, and with
// damaged streams; meant to be compiled with sanitizers, as fuzz_autoregressive.cpp is.
//
//   ./fuzz_repair_latents CASES SEED
//
// Exits with 0 if every case gave what it had to: the latents that were encoded, latents that encode to the very stream
// they came from, or a documented error.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "cases.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/repair_latents.hpp"
#include "networks.hpp"

namespace {

using namespace fuzz;
using namespace jaxcompress;

constexpr double kForever = std::numeric_limits<double>::infinity();

// As repair_latents.cpp has it.
constexpr double kMaxDistance = 1e-4;

struct Picture {
  Values y;
  Values hyper;
  SideInformation side;
  Order order;
};

Picture draw_picture(Random& random, const Network& network) {
  const std::size_t height = random.size(random.one_in(20) ? 0 : 1, 6);
  const std::size_t width = random.size(random.one_in(20) ? 0 : 1, 8);
  Picture picture{normal(random, height * width * network.channels, 2),
                  normal(random, height * width * network.side_channels, 1),
                  {height, width, {}},
                  random.one_in(2) ? Order::kRaster : Order::kWavefront};
  picture.side.values = picture.hyper;
  return picture;
}

Bytes encode_picture(const ContextModel& model, const Picture& picture, const CdfTables& tables) {
  const std::span<const float> y = picture.y;
  return encode_latents(model, {&y, 1}, {&picture.side, 1}, tables, picture.order, 1).front();
}

// The latent, or nothing for a StreamError.
std::optional<Values> decode_picture(const ContextModel& model, const Picture& picture, const Bytes& stream,
                                     const CdfTables& tables) {
  Values latent(picture.y.size());
  const std::span<float> target = latent;
  const std::span<const std::uint8_t> data = stream;
  try {
    decode_latents(model, {&data, 1}, {&picture.side, 1}, tables, picture.order, 1, {&target, 1});
  } catch (const StreamError&) {
    return std::nullopt;
  }
  return latent;
}

struct Outcome {
  Values latent;
  std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> flipped;
  std::size_t tries = 0;
  std::string error;

  bool operator==(const Outcome&) const = default;
};

Outcome repair(const ContextModel& model, const Picture& picture, const Bytes& stream, const CdfTables& tables,
               std::size_t threads, const RepairLimits& limits) {
  // The exact allocation lets the address sanitizer see the first byte read too many.
  const Bytes exact(stream.begin(), stream.end());
  Outcome outcome;
  Values latent(picture.y.size());
  try {
    const LatentRepair found =
        decode_latents_repaired(model, exact, picture.side, tables, picture.order, threads, limits, latent);
    for (const FlippedScale& scale : found.flipped) outcome.flipped.emplace_back(scale.row, scale.column, scale.channel);
    outcome.latent = latent;
    outcome.tries = found.tries;
  } catch (const StreamError& error) {
    outcome.error = error.what();
  }
  return outcome;
}

// Positions as a stream has them.
std::vector<std::size_t> in_order(const ContextModel& model, const Picture& picture) {
  std::vector<std::size_t> places(picture.side.height * picture.side.width);
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
  if (picture.order == Order::kRaster) return places;
  std::ranges::stable_sort(places, {}, [&](std::size_t place) {
    return place % picture.side.width + (model.reach() + 1) * (place / picture.side.width);
  });
  return places;
}

// The index on the other side of the threshold that the scale is next to.
std::uint8_t other_index(const ContextModel& model, float scale, std::uint8_t index) {
  for (std::size_t i = 0; i < model.thresholds().size(); ++i) {
    const double edge = model.thresholds()[i];
    if (std::abs(scale - edge) / edge > kMaxDistance) continue;
    require(index == i || index == i + 1, "a scale next to a threshold has a table beside it");
    return static_cast<std::uint8_t>(2 * i + 1 - index);
  }
  require(false, "what is flipped is next to a threshold");
  return 0;
}

// Encodes what a search has found once more, with the coder alone. Nothing if floats are too coarse to tell.
std::optional<Bytes> encode_again(const ContextModel& model, const Picture& picture, const CdfTables& tables,
                                  const Outcome& outcome) {
  const std::size_t channels = model.channels();
  Values scales(outcome.latent.size()), means(outcome.latent.size());
  predict(model, outcome.latent, picture.side, 1, scales, means);
  std::vector<std::uint8_t> indexes(scales.size());
  model.find_indexes(scales, indexes);
  for (const auto& [row, column, channel] : outcome.flipped) {
    require(row < picture.side.height && column < picture.side.width && channel < channels, "flips are in the picture");
    const std::size_t i = (row * picture.side.width + column) * channels + channel;
    indexes[i] = other_index(model, scales[i], indexes[i]);
  }
  Ints symbols;
  std::vector<std::uint8_t> ordered;
  for (const std::size_t place : in_order(model, picture)) {
    for (std::size_t i = place * channels; i < (place + 1) * channels; ++i) {
      const float coarse = 1 << 20;
      if (!(std::abs(outcome.latent[i]) < coarse && std::abs(means[i]) < coarse)) return std::nullopt;
      symbols.push_back(static_cast<std::int32_t>(std::nearbyint(outcome.latent[i] - means[i])));
      ordered.push_back(indexes[i]);
    }
  }
  return encode(symbols, ordered, tables);
}

// Searches, and checks all that holds for any stream.
Outcome check_search(Random& random, const ContextModel& model, const Picture& picture, const Bytes& stream,
                     const CdfTables& tables, const RepairLimits& limits) {
  const Outcome outcome = repair(model, picture, stream, tables, 1, limits);
  require(outcome.tries <= limits.tries, "no more tries than there may be");
  if (random.one_in(4)) {
    require(repair(model, picture, stream, tables, 2, limits) == outcome, "threads do not matter");
  }
  const std::optional<Values> plain = decode_picture(model, picture, stream, tables);
  if (plain) require(outcome == Outcome{*plain, {}, 0, {}}, "a stream that decodes is not searched for");
  if (outcome.error.empty()) {
    require(outcome.flipped.empty() == plain.has_value(), "a stream that does not decode has flips");
    const std::optional<Bytes> again = encode_again(model, picture, tables, outcome);
    require(!again || *again == stream, "what is found is what encoding gives");
  }
  return outcome;
}

// A threshold of the decoder next to a scale, and one of the encoder on the other side of it.
struct Thresholds {
  float decoder;
  float encoder;
};

Thresholds around(float scale, Random& random) {
  const double distance = static_cast<double>(random.below(90)) * 1e-6;
  if (random.one_in(2)) return {static_cast<float>(scale * (1 + distance)), std::nextafter(scale, 0.0F)};
  return {std::nextafter(static_cast<float>(scale * (1 - distance)), 0.0F), scale};
}

// Two of the scales that a picture has, often at one position, or others if it has no two that lie apart.
std::pair<float, float> draw_scales(const Values& scales, std::size_t channels, Random& random) {
  std::pair<float, float> result{0.3F, 1};
  if (scales.empty()) return result;
  const std::size_t place = random.below(scales.size());
  const std::size_t beside = place / channels * channels + random.below(channels);
  const float one = scales[place];
  const float other = scales[random.one_in(2) ? beside : random.below(scales.size())];
  if (one > 0.15F && one < 0.9F) result.first = one;
  if (other > 1.01F * result.first && other < 100) result.second = other;
  return result;
}

void check_case(Random& random, const CdfTables& tables) {
  const Network drawn = network(random);
  const Picture picture = draw_picture(random, drawn);
  const auto sets = instruction_sets(Kernel::kMatrixF32);
  const InstructionSet set = sets[random.below(sets.size())];

  // Which tables there are changes the stream but not the latent.
  const ContextModel first = drawn.model(set);
  const Values latent = *decode_picture(first, picture, encode_picture(first, picture, tables), tables);
  Values scales(latent.size()), means(latent.size());
  predict(first, latent, picture.side, 1, scales, means);

  const auto [low, high] = draw_scales(scales, drawn.channels, random);
  const Thresholds lows = around(low, random), highs = around(high, random);
  const ContextModel theirs = drawn.model(set, lows.encoder, random.one_in(2) ? highs.encoder : highs.decoder);
  const ContextModel ours = drawn.model(set, lows.decoder, highs.decoder);
  const Bytes stream = encode_picture(theirs, picture, tables);
  const Outcome found = check_search(random, ours, picture, stream, tables, {.tries = 300, .seconds = kForever});
  const bool gave_up = found.error.find("the limit") != std::string::npos;
  require(gave_up || found.latent == latent, "flipped scales are found");

  const RepairLimits limits{.tries = random.below(random.one_in(4) ? 50 : 5),
                            .seconds = random.one_in(9) ? -kForever : kForever};
  check_search(random, ours, picture, stream, tables, limits);
  check_search(random, ours, picture, damaged(stream, random), tables, limits);

  require_invalid("a limit that is not a number", [&] {
    repair(ours, picture, stream, tables, 1, {.tries = 1, .seconds = std::numeric_limits<double>::quiet_NaN()});
  });
  require_invalid("no threads", [&] { repair(ours, picture, stream, tables, 0, limits); });
  if (latent.empty()) return;
  Picture shorter = picture;
  shorter.y.pop_back();
  require_invalid("too short a latent", [&] { repair(ours, shorter, stream, tables, 1, limits); });
}

}  // namespace

int main(int argc, char** argv) {
  const CdfTables tables = three_tables();
  return run(argc, argv, [&](Random& random) { check_case(random, tables); });
}
