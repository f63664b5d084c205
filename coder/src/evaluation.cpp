#include "evaluation.hpp"

#include <algorithm>

namespace jaxcompress {
namespace {

// The most positions whose sums over what is known in advance are computed together.
constexpr std::size_t kChunk = 64;

}  // namespace

Steps::Steps(const ContextModel& model, std::span<const SideInformation> sides, Order order)
    : sides_(sides), order_(order), reach_(model.reach()), slope_(reach_ + 1) {
  for (const SideInformation& side : sides) {
    if (side.height == 0 || side.width == 0) continue;
    const bool raster = order == Order::kRaster;
    count_ = std::max(count_, raster ? side.height * side.width : side.width + slope_ * (side.height - 1));
    most_ += raster ? 1 : std::min(side.height, (side.width - 1) / slope_ + 1);
  }
}

void Steps::list(std::size_t step, std::vector<Position>& positions) const {
  positions.clear();
  for (std::size_t picture = 0; picture < sides_.size(); ++picture) {
    const SideInformation& side = sides_[picture];
    const Range range = rows(step, side);
    for (std::size_t row = range.begin; row < range.end; ++row) {
      positions.push_back({picture, row, order_ == Order::kRaster ? step % side.width : step - slope_ * row});
    }
  }
}

void Steps::list_begun(std::size_t step, std::vector<Position>& positions) const {
  positions.clear();
  for (std::size_t picture = 0; picture < sides_.size(); ++picture) {
    const SideInformation& side = sides_[picture];
    if (order_ == Order::kRaster) {
      const bool begins = side.width > 0 && step % side.width == 0 && step / side.width < side.height;
      for (std::size_t column = 0; begins && column < side.width; ++column) {
        positions.push_back({picture, step / side.width, column});
      }
    } else if (step % slope_ == 0) {
      for (std::size_t next = step; next < step + slope_; ++next) {
        const Range range = rows(next, side);
        for (std::size_t row = range.begin; row < range.end; ++row) {
          positions.push_back({picture, row, next - slope_ * row});
        }
      }
    }
  }
}

std::size_t Steps::first_taps() const {
  const std::size_t above = reach_ * (2 * reach_ + 1);
  return order_ == Order::kRaster ? above : above - reach_;
}

Range Steps::rows(std::size_t step, const SideInformation& side) const {
  if (side.height == 0 || side.width == 0) return {};
  if (order_ == Order::kRaster) {
    const std::size_t row = step / side.width;
    return {row, std::min(row + 1, std::max(row, side.height))};
  }
  const std::size_t first = step < side.width ? 0 : (step - side.width) / slope_ + 1;
  return {first, std::min(step / slope_ + 1, side.height)};
}

Grid::Grid(const ContextModel& model, const SideInformation& side)
    : height_(side.height),
      width_(side.width),
      channels_(model.channels()),
      side_channels_(model.side_channels()),
      reach_(model.reach()),
      stride_(width_ + 2 * reach_),
      context_size_(model.context().matrix.width()),
      first_size_(model.layers().front().matrix.width()),
      side_(side.values.data()) {
  if (height_ == 0 || width_ == 0) return;
  latent_ = Floats((height_ + reach_) * stride_ * channels_);
  context_sums_ = Floats(height_ * width_ * context_size_);
  first_sums_ = Floats(height_ * width_ * first_size_);
}

Evaluation::Evaluation(const ContextModel& network, std::span<const SideInformation> sides, Order order)
    : model(network), steps(model, sides, order) {
  for (const SideInformation& side : sides) grids.emplace_back(model, side);
  for (std::size_t i = 1; i < model.layers().size(); ++i) {
    hidden.emplace_back(steps.most() * model.layers()[i].matrix.width());
  }
}

Evaluator::Evaluator(Evaluation& shared) : shared_(shared) {
  positions_.reserve(shared.steps.most());
  inputs_.reserve(std::max(shared.steps.most(), kChunk));
  sums_.reserve(std::max(shared.steps.most(), kChunk));
}

void Evaluator::start(Team& team, std::size_t rank) {
  team_ = &team;
  rank_ = rank;
  const Layer& first = shared_.model.layers().front();
  for (Grid& grid : shared_.grids) {
    for (std::size_t row = 0; row < grid.height(); ++row) {
      for (std::size_t chunk = 0; chunk < grid.width(); chunk += kChunk) {
        inputs_.clear();
        sums_.clear();
        for (std::size_t column = chunk; column < std::min(chunk + kChunk, grid.width()); ++column) {
          inputs_.push_back(grid.side(row, column));
          sums_.push_back(grid.first_sums(row, column));
        }
        start_sums(first);
        accumulate(first, 0, shared_.model.side_channels());
      }
    }
  }
}

void Evaluator::evaluate(std::size_t step) {
  shared_.steps.list_begun(step, begun_);
  begin_context(begun_);
  shared_.steps.list(step, positions_);
  evaluate_positions();
}

void Evaluator::evaluate(std::span<const Position> positions) {
  positions_.assign(positions.begin(), positions.end());
  evaluate_positions();
}

void Evaluator::begin_context(std::span<const Position> positions) {
  for (std::size_t first = 0; first < positions.size(); first += kChunk) {
    const auto chunk = positions.subspan(first, std::min(kChunk, positions.size() - first));
    list_context_sums(chunk);
    start_sums(shared_.model.context());
    accumulate_taps(chunk, {0, shared_.steps.first_taps()});
  }
}

void Evaluator::evaluate_positions() {
  list_context_sums(positions_);
  accumulate_taps(positions_, {shared_.steps.first_taps(), shared_.model.taps()});
  for (std::size_t i = 0; i < shared_.model.layers().size(); ++i) {
    team_->wait();
    evaluate_layer(i);
  }
}

// A thread has the same panels of a layer in every step, so that it finds the sums that it began.
Range Evaluator::panels_of(const Layer& layer) const {
  const std::size_t count = layer.matrix.panels();
  return {count * rank_ / team_->size(), count * (rank_ + 1) / team_->size()};
}

Range Evaluator::outputs_of(const Layer& layer) const {
  const Range panels = panels_of(layer);
  const std::size_t count = layer.matrix.outputs();
  return {std::min(panels.begin * kPanel, count), std::min(panels.end * kPanel, count)};
}

float* Evaluator::sums(std::size_t layer, std::size_t i) {
  const Position& position = positions_[i];
  if (layer == 0) return shared_.grids[position.picture].first_sums(position.row, position.column);
  return shared_.hidden[layer - 1].data() + i * shared_.model.layers()[layer].matrix.width();
}

void Evaluator::start_sums(const Layer& layer) {
  const Range range = outputs_of(layer);
  const float* bias = layer.bias.data();
  for (float* sums : sums_) std::copy(bias + range.begin, bias + range.end, sums + range.begin);
}

void Evaluator::accumulate(const Layer& layer, std::size_t first_row, std::size_t rows) {
  layer.matrix.accumulate(shared_.model.instruction_set(), {first_row, first_row + rows}, panels_of(layer),
                          inputs_, sums_);
}

void Evaluator::list_context_sums(std::span<const Position> positions) {
  sums_.clear();
  for (const auto& [picture, row, column] : positions) {
    sums_.push_back(shared_.grids[picture].context_sums(row, column));
  }
}

void Evaluator::accumulate_taps(std::span<const Position> positions, Range taps) {
  const std::size_t size = shared_.model.size();
  const std::size_t channels = shared_.model.channels();
  while (taps.begin < taps.end) {
    const std::size_t kernel_row = taps.begin / size;
    const std::size_t kernel_column = taps.begin % size;
    const std::size_t count = std::min(size - kernel_column, taps.end - taps.begin);
    inputs_.clear();
    for (const auto& [picture, row, column] : positions) {
      inputs_.push_back(shared_.grids[picture].seen(kernel_row, row, column) + kernel_column * channels);
    }
    accumulate(shared_.model.context(), taps.begin * channels, count * channels);
    taps.begin += count;
  }
}

void Evaluator::evaluate_layer(std::size_t index) {
  const ContextModel& model = shared_.model;
  const Layer& layer = model.layers()[index];
  inputs_.clear();
  sums_.clear();
  for (std::size_t i = 0; i < positions_.size(); ++i) {
    const auto& [picture, row, column] = positions_[i];
    inputs_.push_back(index == 0 ? shared_.grids[picture].context_sums(row, column) : sums(index - 1, i));
    sums_.push_back(sums(index, i));
  }
  if (index == 0) {
    accumulate(layer, model.side_channels(), model.context().matrix.outputs());
  } else {
    start_sums(layer);
    accumulate(layer, 0, layer.matrix.inputs());
  }
  if (index + 1 == model.layers().size()) return;
  const Range range = outputs_of(layer);
  for (float* sums : sums_) model.activate({sums + range.begin, sums + range.end});
}

}  // namespace jaxcompress
