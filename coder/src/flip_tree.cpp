#include "flip_tree.hpp"

#include <algorithm>
#include <tuple>

namespace jaxcompress {
namespace {

// Scales of a decoding that may be tried on the other side.
constexpr std::size_t kNearest = 64;

// In a set; one that has so many has gone astray.
constexpr std::size_t kMostFlips = 16;

}  // namespace

StreamOrder::StreamOrder(const ContextModel& model, const SideInformation& side, Order order) {
  const Steps steps(model, std::span(&side, 1), order);
  std::vector<Position> positions;
  for (std::size_t step = 0; step < steps.count(); ++step) {
    steps.list(step, positions);
    if (positions.empty()) continue;  // wavefronts of a picture that is narrower than they are steep
    begins_.push_back(positions_.size());
    positions_.insert(positions_.end(), positions.begin(), positions.end());
  }
  begins_.push_back(positions_.size());
}

void NearScales::add(const NearScale& scale) {
  if (heap_.size() == kNearest) {
    if (scale.distance >= heap_.front().distance) return;
    std::ranges::pop_heap(heap_, {}, &NearScale::distance);
    heap_.pop_back();
  }
  heap_.push_back(scale);
  std::ranges::push_heap(heap_, {}, &NearScale::distance);
}

bool FlipTree::Branch::operator<(const Branch& other) const {
  return std::tie(distance, number) > std::tie(other.distance, other.number);
}

void FlipTree::grow(const std::shared_ptr<Path>& path, const NearScales& scales) {
  if (path->flip_count == kMostFlips) return;
  std::size_t last = path->first_step;
  for (const NearScale& scale : scales.all()) last = std::max(last, scale.step);
  // Latents behind the last place to go on from are of no use any more.
  path->latents.resize((order_.before(last) - order_.before(path->first_step)) * channels_);
  path->latents.shrink_to_fit();
  for (const NearScale& scale : scales.all()) {
    branches_.push({path->distance + scale.distance, ++branch_count_, path, scale});
  }
}

Start FlipTree::take() {
  const Branch branch = branches_.top();
  branches_.pop();
  const auto path = std::make_shared<Path>();
  path->parent = branch.parent;
  path->flip_count = branch.parent->flip_count + 1;
  path->distance = branch.distance;
  path->first_step = branch.flip.step;
  if (branch.parent->first_step == path->first_step) path->flips = branch.parent->flips;
  path->flips.emplace_back(branch.flip.symbol, branch.flip.alternative);
  return {path, branch.flip.decoder};
}

std::vector<FlippedScale> FlipTree::flipped(const Path& path) const {
  std::vector<FlippedScale> result;
  for (const Path* one = &path; one->parent; one = one->parent.get()) {
    const std::size_t symbol = one->flips.back().first;
    const Position& position = order_.at(order_.before(one->first_step) + symbol / channels_);
    result.push_back({position.row, position.column, symbol % channels_});
  }
  std::ranges::reverse(result);
  return result;
}

}  // namespace jaxcompress
