#pragma once

#include <pybind11/pybind11.h>

namespace jaxcompress {

void bind_autoregressive(pybind11::module_& module);

}  // namespace jaxcompress
