// Which positions of some pictures are computed together.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "jaxcompress/order.hpp"
#include "jaxcompress/range.hpp"

namespace jaxcompress {

struct Position {
  std::size_t picture;
  std::size_t row;
  std::size_t column;
};

// Splits the positions of pictures into steps: those of a step do not see each other, and see only what is in
// the steps before.
class Steps {
 public:
  // The pictures have the sizes of `sides`.
  template <typename Model, typename Side>
  Steps(const Model& model, std::span<const Side> sides, Order order) : order_(order), reach_(model.reach()) {
    for (const Side& side : sides) add({side.height, side.width});
  }

  Order order() const { return order_; }
  std::size_t count() const { return count_; }
  // The most positions that a step has.
  std::size_t most() const { return most_; }
  // Makes `positions` those of a step, ordered by picture and row.
  void list(std::size_t step, std::vector<Position>& positions) const;
  // Makes `positions` those whose context has its first taps summed before a step, many at a time: the weights of
  // these taps are then fetched once for all of them. In raster order a row's; else those of as many steps as there
  // can be.
  void list_begun(std::size_t step, std::vector<Position>& positions) const;
  // How many taps these are, in the order of the kernel.
  std::size_t first_taps() const;

 private:
  struct Size {
    std::size_t height;
    std::size_t width;
  };

  void add(const Size& size);
  std::size_t slope() const { return reach_ + 1; }
  // The rows in which a picture has a position of the step.
  Range rows(std::size_t step, const Size& size) const;

  Order order_;
  std::size_t reach_;
  std::vector<Size> sizes_;
  std::size_t count_ = 0;
  std::size_t most_ = 0;
};

}  // namespace jaxcompress
