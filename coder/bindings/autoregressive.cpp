// Autoregressive coding for Python.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "instruction_sets.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "jaxcompress/context_model.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/repair_latents.hpp"
#include "jaxcompress/tables.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

using Floats = Array<float>;

std::size_t side(const Floats& array, py::ssize_t axis) { return static_cast<std::size_t>(array.shape(axis)); }

// The shape as Python writes it.
std::string shape_of(const Floats& array) { return py::str(array.attr("shape")); }

void check_dimensions(std::string_view name, const Floats& array, py::ssize_t dimensions, std::string_view expected) {
  if (array.ndim() == dimensions) return;
  throw std::invalid_argument(concat(name, " has shape ", shape_of(array), ", expected ", expected));
}

std::shared_ptr<ContextModel> make_model(const Floats& context_kernel, const Floats& context_bias,
                                         const std::vector<std::pair<Floats, Floats>>& layers, const Floats& scale_table,
                                         float slope, const std::optional<std::string>& isa) {
  check_dimensions("context_kernel", context_kernel, 4, "[k, k, M, outputs]");
  if (context_kernel.shape(0) != context_kernel.shape(1)) {
    throw std::invalid_argument(
        concat("context_kernel has shape ", shape_of(context_kernel), ", expected two equal sides"));
  }
  const std::size_t size = side(context_kernel, 0);
  const ContextModel::Weights context{view<float>(context_kernel), view<float>(context_bias),
                                      size * size * side(context_kernel, 2), side(context_kernel, 3)};
  std::vector<ContextModel::Weights> weights;
  for (const auto& [kernel, bias] : layers) {
    check_dimensions(concat("the kernel of layers[", weights.size(), "]"), kernel, 2, "[inputs, outputs]");
    weights.push_back({view<float>(kernel), view<float>(bias), side(kernel, 0), side(kernel, 1)});
  }
  return std::make_shared<ContextModel>(size, context, weights, view<float>(scale_table), slope,
                                        find_instruction_set(Kernel::kMatrixF32, isa));
}

Order order_of(const std::string& name) {
  if (name == "raster") return Order::kRaster;
  if (name == "wavefront") return Order::kWavefront;
  throw std::invalid_argument(concat("order is '", name, "', expected 'raster' or 'wavefront'"));
}

std::vector<SideInformation> side_information(const std::vector<Floats>& hypers) {
  std::vector<SideInformation> sides;
  for (const Floats& hyper : hypers) {
    check_dimensions("hyper", hyper, 3, "[h, w, C]");
    sides.push_back({side(hyper, 0), side(hyper, 1), view<float>(hyper)});
  }
  return sides;
}

void check_latent(const Floats& latent, const Floats& hyper, const ContextModel& model) {
  if (latent.ndim() == 3 && latent.shape(0) == hyper.shape(0) && latent.shape(1) == hyper.shape(1) &&
      side(latent, 2) == model.channels()) {
    return;
  }
  throw std::invalid_argument(concat("y has shape ", shape_of(latent), ", expected (", hyper.shape(0), ", ",
                                     hyper.shape(1), ", ", model.channels(), "), as hyper and the model say"));
}

std::size_t count_of(std::int64_t threads) {
  if (threads < 1) throw std::invalid_argument(concat("threads is ", threads, ", expected at least 1"));
  return static_cast<std::size_t>(threads);
}

std::vector<py::bytes> encode_arrays(const ContextModel& model, const std::vector<Floats>& latents,
                                     const std::vector<Floats>& hypers, const CdfTables& tables,
                                     const std::string& order, std::int64_t threads) {
  const auto sides = side_information(hypers);
  std::vector<std::span<const float>> views;
  for (const Floats& latent : latents) {
    if (views.size() < hypers.size()) check_latent(latent, hypers[views.size()], model);
    views.push_back(view<float>(latent));
  }
  std::vector<std::vector<std::uint8_t>> streams;
  {
    const Order stream_order = order_of(order);
    const std::size_t count = count_of(threads);
    py::gil_scoped_release release;
    streams = encode_latents(model, views, sides, tables, stream_order, count);
  }
  std::vector<py::bytes> result;
  for (const auto& stream : streams) result.push_back(to_bytes(stream));
  return result;
}

std::vector<Floats> decode_arrays(const ContextModel& model, const std::vector<py::bytes>& streams,
                                 const std::vector<Floats>& hypers, const CdfTables& tables, const std::string& order,
                                 std::int64_t threads) {
  const auto sides = side_information(hypers);
  std::vector<std::span<const std::uint8_t>> views;
  for (const py::bytes& stream : streams) views.push_back(view(stream));
  std::vector<Floats> latents;
  std::vector<std::span<float>> targets;
  for (const Floats& hyper : hypers) {
    latents.emplace_back(std::vector<py::ssize_t>{hyper.shape(0), hyper.shape(1),
                                                  static_cast<py::ssize_t>(model.channels())});
    targets.push_back(mutable_view(latents.back()));
  }
  const Order stream_order = order_of(order);
  const std::size_t count = count_of(threads);
  py::gil_scoped_release release;
  decode_latents(model, views, sides, tables, stream_order, count, targets);
  return latents;
}

std::tuple<Floats, Array<std::int64_t>, std::size_t> decode_repaired_array(
    const ContextModel& model, const py::bytes& stream, const Floats& hyper, const CdfTables& tables,
    const std::string& order, std::int64_t threads, std::size_t max_tries, double max_seconds) {
  const auto sides = side_information({hyper});
  const auto data = view(stream);
  const auto channels = static_cast<py::ssize_t>(model.channels());
  Floats latent(std::vector<py::ssize_t>{hyper.shape(0), hyper.shape(1), channels});
  const auto target = mutable_view(latent);
  const Order stream_order = order_of(order);
  const std::size_t count = count_of(threads);
  LatentRepair repair;
  {
    py::gil_scoped_release release;
    repair = decode_latents_repaired(model, data, sides.front(), tables, stream_order, count,
                                     {.tries = max_tries, .seconds = max_seconds}, target);
  }
  Array<std::int64_t> flipped({static_cast<py::ssize_t>(repair.flipped.size()), py::ssize_t{3}});
  std::int64_t* next = flipped.mutable_data();
  for (const auto& [row, column, channel] : repair.flipped) {
    for (const std::size_t value : {row, column, channel}) *next++ = static_cast<std::int64_t>(value);
  }
  return {latent, flipped, repair.tries};
}

std::pair<Floats, Floats> predict_array(const ContextModel& model, const Floats& latent, const Floats& hyper,
                                      std::int64_t threads) {
  const auto sides = side_information({hyper});
  check_latent(latent, hyper, model);
  const std::vector<py::ssize_t> shape(latent.shape(), latent.shape() + latent.ndim());
  std::pair<Floats, Floats> result{Floats(shape), Floats(shape)};
  const auto scales = mutable_view(result.first);
  const auto means = mutable_view(result.second);
  const auto values = view<float>(latent);
  const std::size_t count = count_of(threads);
  py::gil_scoped_release release;
  predict(model, values, sides.front(), count, scales, means);
  return result;
}

}  // namespace

void bind_autoregressive(py::module_& module) {
  py::class_<ContextModel, std::shared_ptr<ContextModel>>(module, "ContextModel")
      .def(py::init(&make_model), "context_kernel"_a.noconvert(), "context_bias"_a.noconvert(), "layers"_a.noconvert(),
           "scale_table"_a.noconvert(), "slope"_a, "isa"_a)
      .def("encode", &encode_arrays, "latents"_a.noconvert(), "hypers"_a.noconvert(), "tables"_a, "order"_a,
           "threads"_a)
      .def("decode", &decode_arrays, "streams"_a, "hypers"_a.noconvert(), "tables"_a, "order"_a, "threads"_a)
      .def("decode_repaired", &decode_repaired_array, "stream"_a, "hyper"_a.noconvert(), "tables"_a, "order"_a,
           "threads"_a, "max_tries"_a, "max_seconds"_a)
      .def("predict", &predict_array, "latent"_a.noconvert(), "hyper"_a.noconvert(), "threads"_a);
}

}  // namespace jaxcompress
