"""Autoregressive models in the codec: in the coder's kernel where it knows them, else position by position."""

import dataclasses
import functools
import zlib

import jax
import numpy as np
import pytest

from jaxcompress import Codec
from jaxcompress.codec import BitstreamError, container
from jaxcompress.codec.coded_string import CodedString, StreamFormat, SymbolOrder
from jaxcompress.codec.context import context_model
from jaxcompress.codec.passes import PassCoder
from jaxcompress.layers import Conv, MaskedConv, Sequential, leaky_relu
from jaxcompress.models import JointAutoregressive

LAYER = functools.partial(Conv, kernel_size=1, stride=1)


def entropy_parameters(m, *, activation=leaky_relu, layer=LAYER):
    """The layers of mbt2018, with changes."""
    features = (m * 10 // 3, m * 8 // 3, 2 * m)
    first, second, third = (functools.partial(layer, count) for count in features)
    return Sequential((first, activation, second, activation, third))


class WithRelu(JointAutoregressive):
    def make_entropy_parameters(self):
        return entropy_parameters(self.m, activation=jax.nn.relu)


class WithWindows(JointAutoregressive):
    def make_entropy_parameters(self):
        return entropy_parameters(self.m, layer=functools.partial(Conv, kernel_size=3, stride=1))


class WithItsOwnPositions(JointAutoregressive):
    def position_parameters(self, window, hyper):
        scales, means = super().position_parameters(window, hyper)
        return 2 * scales, means


class WithAnotherContext(JointAutoregressive):
    def make_context_prediction(self):
        return MaskedConv(2 * self.m, self.context_size, kind="B")


@pytest.fixture(scope="module")
def codec(golden_of) -> Codec:
    return golden_of("mbt2018").codec


def kernel_of(codec, make):
    model = make(n=codec.weights.n, m=codec.weights.m)
    table = codec.weights.tables["gaussian_conditional"].scale_table
    return context_model(model, codec.weights.params, table)


def test_the_kernel_takes_the_models_that_it_knows(codec):
    assert kernel_of(codec, JointAutoregressive) is not None


@pytest.mark.parametrize("make", [WithRelu, WithWindows, WithItsOwnPositions, WithAnotherContext])
def test_the_kernel_takes_no_other(codec, make):
    assert kernel_of(codec, make) is None


@pytest.mark.parametrize("architecture", ["mbt2018", "cheng2020-anchor"])
def test_files_are_in_wavefront_order_and_compressai_s_strings_in_raster_order(architecture, golden_of, photo):
    codec = golden_of(architecture).codec
    picture = np.pad(photo, ((13, 14), (26, 27), (0, 0)))  # as the codec pads it
    header, (z, y) = container.unpack(codec.compress(photo))
    assert header.symbol_order == SymbolOrder.WAVEFRONT
    (theirs, _), _ = codec.compress_strings(picture[None] / np.float32(255))
    assert len(y.data) == len(theirs[0])
    raster = dataclasses.replace(header, symbol_order=SymbolOrder.RASTER)
    with pytest.raises(BitstreamError, match="do not decode"):
        codec.decompress(container.pack(raster, [z, y]))
    string = CodedString(theirs[0], checksum=zlib.crc32(theirs[0]))
    same = codec.decompress(container.pack(raster, [z, string]))
    np.testing.assert_array_equal(same, codec.decompress(container.pack(header, [z, y])))


def test_a_model_of_another_kind_is_coded_position_by_position(codec, photo, monkeypatch):
    picture = photo[:64, :64]
    other = Codec(dataclasses.replace(codec.weights, module=WithRelu(n=codec.weights.n, m=codec.weights.m)))
    data = other.compress(picture)
    header, strings = container.unpack(data)
    assert header.symbol_order == SymbolOrder.RASTER
    decoded = other.decompress(data)
    visited = []
    visit = PassCoder._visit
    record = lambda self, known, numbers: visited.append(known.shape) or visit(self, known, numbers)  # noqa: E731
    monkeypatch.setattr(PassCoder, "_visit", record)
    np.testing.assert_array_equal(other.decompress(data), decoded)
    assert visited == [(4, 4, 2 * codec.weights.m)]
    wavefront = dataclasses.replace(header, symbol_order=SymbolOrder.WAVEFRONT)
    with pytest.raises(BitstreamError, match="symbol order WAVEFRONT"):
        other.decompress(container.pack(wavefront, strings))


def test_strings_of_many_lanes_are_refused(codec, photo):
    header, (z, y) = container.unpack(codec.compress(photo[:64, :64]))
    lanes = y._replace(format=StreamFormat.LANES)
    with pytest.raises(BitstreamError, match="stream formats"):
        codec.decompress(container.pack(header, [z, lanes]))
