"""Autoregressive coding: recorded streams of CompressAI, and the JAX model's own loop."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.codec.chunks import CodedChunk, Coding, Picture
from jaxcompress.codec.coded_string import SymbolOrder
from jaxcompress.codec.passes import PassCoder, float_parameters
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())


@dataclasses.dataclass
class Recorded:
    """A recorded network: our model of it, y and side information of its pictures, and what else is recorded."""

    case: Any
    model: coder.ContextModel
    tables: coder.CdfTables
    ys: np.ndarray
    hypers: np.ndarray


@pytest.fixture(params=["mbt2018", "cheng2020-anchor"], scope="module")
def recorded(request, golden_of):
    case = golden_of(request.param)
    params, tables = case.weights.params, case.weights.tables["gaussian_conditional"]
    context, parts = params["context_prediction"], params["entropy_parameters"]
    layers = [(parts[name]["kernel"][0, 0], parts[name]["bias"]) for name in sorted(parts, key=int)]
    model = coder.ContextModel(context["kernel"], context["bias"], layers, tables.scale_table)
    return Recorded(case, model, tables.coder_tables, case.image("eval/g_a"), case.image("eval/h_s"))


def test_streams_are_compressai_s(recorded):
    assert recorded.model.encode_batch(recorded.ys, recorded.hypers, recorded.tables) == recorded.case.strings()[0]


def test_streams_of_compressai_decode_to_its_latents(recorded):
    for data, y, hyper in zip(recorded.case.strings()[0], recorded.ys, recorded.hypers, strict=True):
        y_hat = recorded.model.decode(data, hyper, recorded.tables)
        assert np.abs(y_hat - y).max() < 0.5 + 1e-5
        other_order = recorded.model.encode(y, hyper, recorded.tables, order="wavefront")
        assert other_order != data
        again = recorded.model.decode(other_order, hyper, recorded.tables, order="wavefront")
        np.testing.assert_array_equal(again, y_hat)


def test_scales_and_means_are_compressai_s(recorded):
    # Its forward pass looks at y rounded without its mean.
    for y, hyper, expected in zip(
        recorded.ys, recorded.hypers, recorded.case.image("eval/entropy_parameters"), strict=True
    ):
        scales, means = recorded.model.predict(np.rint(y), hyper)
        np.testing.assert_allclose(np.concatenate([scales, means], -1), expected, rtol=1e-5, atol=1e-5)


def test_the_loop_of_the_codec_codes_the_same(recorded):
    module, params = recorded.case.weights.model(), recorded.case.weights.params
    table = tuple(TABLES.scale_table.tolist())
    y, hyper = recorded.ys[0], recorded.hypers[0]
    predictions = []
    evaluate = float_parameters(module, {"params": params}, table, None)

    def parameters(*args):
        indexes, means = evaluate(*args)
        predictions.append(means)
        return indexes, means

    loop = PassCoder(module.layout.last.prior, parameters, recorded.tables, y.shape[-1], progress=False)
    (string,) = loop.encode([y], [hyper], Coding(native=False, threads=1, numbers={}))
    y_hat = recorded.model.decode(string.data, hyper, recorded.tables)
    np.testing.assert_allclose(
        recorded.model.predict(y_hat, hyper)[1], np.reshape(predictions, y.shape), rtol=1e-5, atol=1e-5
    )
    picture = Picture(np.zeros((1, 1, 1), np.int32), SymbolOrder.RASTER, 1, {})
    (expected,) = loop.decode([CodedChunk(np.s_[:, :], string, hyper)], picture)
    np.testing.assert_allclose(y_hat, expected, rtol=1e-5, atol=1e-5)
