// What a search for flipped scales remembers of its tries.
//
// A try is a path: the decoding with some scales flipped to the other side of a threshold. As in repair.cpp the sets of
// flips form a tree that is walked by the sums of distances. But here scales depend on what was decoded before: behind
// a flip they are others than on the parent's path, so that each path finds its own scales next to a threshold, and a
// flip leads on into a path of its own only once it was decoded.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <queue>
#include <span>
#include <utility>
#include <vector>

#include "evaluation.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/decoder.hpp"
#include "jaxcompress/repair_latents.hpp"

namespace jaxcompress {

// The positions of one picture in the order of its stream, step after step; every step has some.
class StreamOrder {
 public:
  StreamOrder(const ContextModel& model, const SideInformation& side, Order order);

  std::size_t steps() const { return begins_.size() - 1; }
  std::size_t positions() const { return positions_.size(); }
  // How many positions come before a step; of steps(), all.
  std::size_t before(std::size_t step) const { return begins_[step]; }
  const Position& at(std::size_t place) const { return positions_[place]; }
  std::span<const Position> at_step(std::size_t step) const {
    return std::span(positions_).subspan(begins_[step], begins_[step + 1] - begins_[step]);
  }

 private:
  std::vector<Position> positions_;
  std::vector<std::size_t> begins_;
};

// Some symbols of a step, by their number in it, with the table that each gets instead of its own.
using Flips = std::vector<std::pair<std::size_t, std::uint8_t>>;

// A scale next to a threshold.
struct NearScale {
  double distance;
  std::size_t step;
  std::size_t symbol;
  std::uint8_t alternative;
  Decoder decoder;  // at the beginning of the step
};

// The nearest of those that are added.
class NearScales {
 public:
  void add(const NearScale& scale);
  std::span<const NearScale> all() const { return heap_; }

 private:
  // With the farthest on top.
  std::vector<NearScale> heap_;
};

// It has the flips of its parent and one more, and decodes in the same way as its parent up to the step of that flip;
// the flips of this step are here. Latents from there on, in the order of the stream.
struct Path {
  std::shared_ptr<const Path> parent;
  std::size_t flip_count;
  double distance;
  std::size_t first_step;
  Flips flips;
  std::vector<float> latents;
};

// A path that is to be decoded, and where from.
struct Start {
  std::shared_ptr<Path> path;
  Decoder decoder;
};

class FlipTree {
 public:
  FlipTree(const StreamOrder& order, std::size_t channels) : order_(order), channels_(channels) {}

  // Keeps what may be tried after a path that has failed: one more of these scales, which are behind all its flips.
  void grow(const std::shared_ptr<Path>& path, const NearScales& scales);

  // Whether all that was kept has been tried.
  bool empty() const { return branches_.empty(); }
  // Whether nothing was ever kept.
  bool never_grew() const { return branch_count_ == 0; }
  // Takes out the nearest, and of equals the one that was kept first.
  Start take();

  // Calls copy(position, values) for the latents of a path before a place in the order of the stream.
  template <typename Copy>
  void copy_latents(const Path& path, std::size_t end, const Copy& copy) const {
    const std::size_t begin = order_.before(path.first_step);
    for (std::size_t i = begin; i < end; ++i) copy(order_.at(i), path.latents.data() + (i - begin) * channels_);
    if (path.parent) copy_latents(*path.parent, begin, copy);
  }

  // All flips of a path, in the order of the stream.
  std::vector<FlippedScale> flipped(const Path& path) const;

 private:
  struct Branch {
    double distance;
    std::size_t number;
    std::shared_ptr<const Path> parent;
    NearScale flip;

    // The one to be taken first is on top of the queue.
    bool operator<(const Branch& other) const;
  };

  const StreamOrder& order_;
  const std::size_t channels_;
  std::priority_queue<Branch> branches_;
  std::size_t branch_count_ = 0;
};

}  // namespace jaxcompress
