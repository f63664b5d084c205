// Autoregressive coding for Python.
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
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
#include "latents.hpp"

namespace py = pybind11;
using namespace pybind11::literals;

namespace jaxcompress {
namespace {

std::shared_ptr<ContextModel> make_model(const Array<float>& context_kernel, const Array<float>& context_bias,
                                         const std::vector<std::pair<Array<float>, Array<float>>>& layers,
                                         const Array<float>& scale_table, float slope,
                                         const std::optional<std::string>& isa) {
  check_context_kernel(context_kernel);
  const std::size_t size = extent(context_kernel, 0);
  const ContextModel::Weights context{view<float>(context_kernel), view<float>(context_bias),
                                      size * size * extent(context_kernel, 2), extent(context_kernel, 3)};
  std::vector<ContextModel::Weights> weights;
  for (const auto& [kernel, bias] : layers) {
    check_dimensions(concat("the kernel of layers[", weights.size(), "]"), kernel, 2, "[inputs, outputs]");
    weights.push_back({view<float>(kernel), view<float>(bias), extent(kernel, 0), extent(kernel, 1)});
  }
  return std::make_shared<ContextModel>(size, context, weights, view<float>(scale_table), slope,
                                        find_instruction_set(Kernel::kMatrixF32, isa));
}

using Pictures = std::vector<Array<float>>;

std::vector<py::bytes> encode(const ContextModel& model, const Pictures& latents, const Pictures& hypers,
                              const CdfTables& tables, const std::string& order, std::int64_t threads) {
  return encode_arrays<SideInformation>(model, "hyper", latents, hypers, tables, order, threads);
}

Pictures decode(const ContextModel& model, const std::vector<py::bytes>& streams, const Pictures& hypers,
                const CdfTables& tables, const std::string& order, std::int64_t threads) {
  return decode_arrays<SideInformation>(model, "hyper", streams, hypers, tables, order, threads);
}

std::tuple<Array<float>, Array<std::int64_t>, std::size_t> decode_repaired_array(
    const ContextModel& model, const py::bytes& stream, const Array<float>& hyper, const CdfTables& tables,
    const std::string& order, std::int64_t threads, std::size_t max_tries, double max_seconds) {
  const auto sides = sides_of<SideInformation>("hyper", Pictures{hyper});
  const auto data = view(stream);
  const auto channels = static_cast<py::ssize_t>(model.channels());
  Array<float> latent(std::vector<py::ssize_t>{hyper.shape(0), hyper.shape(1), channels});
  const std::span<float> target = mutable_view(latent);
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

std::pair<Array<float>, Array<float>> predict_array(const ContextModel& model, const Array<float>& latent, const Array<float>& hyper,
                                      std::int64_t threads) {
  const auto sides = sides_of<SideInformation>("hyper", Pictures{hyper});
  check_latent_shape(latent, sides.front(), "hyper", model);
  const std::vector<py::ssize_t> shape(latent.shape(), latent.shape() + latent.ndim());
  std::pair<Array<float>, Array<float>> result{Array<float>(shape), Array<float>(shape)};
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
      .def("encode", &encode, "latents"_a.noconvert(), "hypers"_a.noconvert(), "tables"_a, "order"_a,
           "threads"_a)
      .def("decode", &decode, "streams"_a, "hypers"_a.noconvert(), "tables"_a, "order"_a, "threads"_a)
      .def("decode_repaired", &decode_repaired_array, "stream"_a, "hyper"_a.noconvert(), "tables"_a, "order"_a,
           "threads"_a, "max_tries"_a, "max_seconds"_a)
      .def("predict", &predict_array, "latent"_a.noconvert(), "hyper"_a.noconvert(), "threads"_a);
}

}  // namespace jaxcompress
