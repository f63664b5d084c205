"""What codes the chunks of y, by the prior: one pass, the kernel of autoregressive models, or pass by pass."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxcompress.codec.autoregressive import KernelCoder
from jaxcompress.codec.chunks import ChunkCoder
from jaxcompress.codec.context import context_model, integer_context_model
from jaxcompress.codec.model_windows import windows_of_passes
from jaxcompress.codec.one_pass import OnePassCoder
from jaxcompress.codec.passes import PassCoder, float_parameters, integer_parameters
from jaxcompress.codec.side_information import FloatSideInformation, IntegerSideInformation
from jaxcompress.integer import IntegerEvaluator
from jaxcompress.models import CompressionModel
from jaxcompress.priors import Raster
from jaxcompress.weights import Weights


def chunk_coder(
    weights: Weights,
    model: CompressionModel,
    variables: Mapping[str, Any],
    side: FloatSideInformation | IntegerSideInformation,
    evaluator: IntegerEvaluator | None,
    *,
    progress: bool,
    isa: str | None,
) -> ChunkCoder:
    """Chooses the coder of a model's y.

    Args:
        weights: trained weights.
        model: the module they belong to, with a hyper-latent.
        variables: their parameters, on the device.
        side: computes side information.
        evaluator: of the integer networks; None to code by the floating-point ones.
        progress: show bars on standard error.
        isa: instructions to code with, of `coder.instruction_sets`; the fastest if None.
    """
    last = model.layout.last
    tables = weights.tables[last.prior.tables]
    scale_table = tuple(np.asarray(tables.scale_table).tolist())
    if last.prior.in_one_pass:
        scales = side.scales if isinstance(side, FloatSideInformation) else None
        return OnePassCoder(tables.coder_tables, scale_table, scales, isa=isa)
    if isinstance(last.prior, Raster):
        kernel = (
            context_model(model, weights.params, np.asarray(tables.scale_table))
            if evaluator is None
            else integer_context_model(weights.require_integer(), isa=isa)
        )
        if kernel is not None:
            return KernelCoder(kernel, tables.coder_tables)
    windows = windows_of_passes(model)
    parameters = (
        float_parameters(model, variables, scale_table, windows)
        if evaluator is None
        else integer_parameters(evaluator, windows)
    )
    return PassCoder(last.prior, parameters, tables.coder_tables, last.channels, progress=progress)
