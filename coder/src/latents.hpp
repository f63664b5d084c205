// What all functions that code latents share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "evaluation.hpp"
#include "jaxcompress/autoregressive.hpp"
#include "latent_loops.hpp"

namespace jaxcompress {

// These throw std::invalid_argument.
void check(const ContextModel& model, std::span<const SideInformation> sides, std::size_t threads);
void check(const ContextModel& model, const CdfTables& tables);

// Writes the decoded values of a position. Throws StreamError if they are not finite.
void add_means(const Position& position, std::span<const std::int32_t> symbols, const float* means, float* y_hat);

}  // namespace jaxcompress
