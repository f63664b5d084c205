// The integer twin of autoregressive.cpp.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "arrays.hpp"
#include "bind.hpp"
#include "instruction_sets.hpp"
#include "jaxcompress/errors.hpp"
#include "jaxcompress/integer_latents.hpp"
#include "jaxcompress/integer_model.hpp"
#include "jaxcompress/tables.hpp"
#include "latents.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

using Pictures = std::vector<Array<float>>;
using Sides = std::vector<Array<std::int32_t>>;
using Layer = std::pair<Array<std::int8_t>, Array<std::int32_t>>;

std::shared_ptr<IntegerContextModel> make_model(const Array<std::int8_t>& context_kernel,
                                                const Array<std::uint8_t>& latent_shifts,
                                                const std::vector<Array<std::uint8_t>>& hidden_shifts,
                                                const std::vector<Layer>& layers,
                                                const Array<std::int8_t>& output_shifts,
                                                const Array<std::int32_t>& thresholds,
                                                const std::optional<std::string>& isa) {
  check_context_kernel(context_kernel);
  if (hidden_shifts.size() != layers.size()) {
    throw std::invalid_argument(concat("there are hidden_shifts for ", hidden_shifts.size(), " layers but ",
                                       layers.size(), " layers; give an array for the inputs of each"));
  }
  IntegerContextModel::Weights weights{.context_kernel = view<std::int8_t>(context_kernel),
                                       .size = extent(context_kernel, 0),
                                       .channels = extent(context_kernel, 2),
                                       .outputs = extent(context_kernel, 3),
                                       .latent_shifts = view<std::uint8_t>(latent_shifts),
                                       .layers = {},
                                       .output_shifts = view<std::int8_t>(output_shifts),
                                       .thresholds = view<std::int32_t>(thresholds)};
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& [kernel, bias] = layers[i];
    check_dimensions(concat("the kernel of layers[", i, "]"), kernel, 2, "[inputs, outputs]");
    weights.layers.push_back({view<std::int8_t>(kernel), view<std::int32_t>(bias), view<std::uint8_t>(hidden_shifts[i]),
                              extent(kernel, 0), extent(kernel, 1)});
  }
  return std::make_shared<IntegerContextModel>(weights, find_instruction_set(Kernel::kMatrixI8, isa));
}

std::vector<py::bytes> encode(const IntegerContextModel& model, const Pictures& latents, const Sides& sides,
                              const CdfTables& tables, const std::string& order, std::int64_t threads) {
  return encode_arrays<IntegerSide>(model, "side", latents, sides, tables, order, threads);
}

Pictures decode(const IntegerContextModel& model, const std::vector<py::bytes>& streams, const Sides& sides,
                const CdfTables& tables, const std::string& order, std::int64_t threads) {
  return decode_arrays<IntegerSide>(model, "side", streams, sides, tables, order, threads);
}

std::pair<Array<std::uint8_t>, Array<std::int32_t>> predict_array(const IntegerContextModel& model,
                                                                  const Array<float>& latent,
                                                                  const Array<std::int32_t>& side_array,
                                                                  std::int64_t threads) {
  const auto sides = sides_of<IntegerSide>("side", Sides{side_array});
  check_latent_shape(latent, sides.front(), "side", model);
  const std::vector<py::ssize_t> shape(latent.shape(), latent.shape() + latent.ndim());
  std::pair result{Array<std::uint8_t>(shape), Array<std::int32_t>(shape)};
  const auto indexes = mutable_view(result.first);
  const auto means = mutable_view(result.second);
  const auto values = view<float>(latent);
  const std::size_t count = count_of(threads);
  py::gil_scoped_release release;
  predict(model, values, sides.front(), count, indexes, means);
  return result;
}

}  // namespace

void bind_integer(py::module_& module) {
  py::class_<IntegerContextModel, std::shared_ptr<IntegerContextModel>>(module, "IntegerContextModel")
      .def(py::init(&make_model), "context_kernel"_a.noconvert(), "latent_shifts"_a.noconvert(),
           "hidden_shifts"_a.noconvert(), "layers"_a.noconvert(), "output_shifts"_a.noconvert(),
           "thresholds"_a.noconvert(), "isa"_a)
      .def("encode", &encode, "latents"_a.noconvert(), "sides"_a.noconvert(), "tables"_a, "order"_a, "threads"_a)
      .def("decode", &decode, "streams"_a, "sides"_a.noconvert(), "tables"_a, "order"_a, "threads"_a)
      .def("predict", &predict_array, "latent"_a.noconvert(), "side"_a.noconvert(), "threads"_a);
}

}  // namespace jaxcompress
