"""Autoregressive coding: weights, pictures and streams that cannot be right are errors."""

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())
ORDERS = ("raster", "wavefront")


def test_weights_that_do_not_fit_are_errors(small_context_model):
    weights = small_context_model[0]
    kernel, bias = weights.context
    layers, scales = weights.layers, TABLES.scale_table
    nan = kernel.copy()
    nan[0, 1, 2, 3] = np.nan
    infinite = layers[1][0].copy()
    infinite[-1, -1] = np.inf
    for match, arguments in {
        "context kernel has nan": (nan, bias, layers, scales),
        "context bias has inf": (kernel, np.full_like(bias, np.inf), layers, scales),
        r"layers\[1\] kernel has inf": (kernel, bias, [layers[0], (infinite, layers[1][1]), layers[2]], scales),
        r"context_kernel has shape \(5, 5, 10\)": (kernel[..., 0], bias, layers, scales),
        "two equal sides": (kernel[:3], bias, layers, scales),
        "odd side of at least 3": (kernel[:4, :4], bias, layers, scales),
        "4 x 4": (kernel[:4, :4], bias, layers, scales),
        "1 x 1": (kernel[:1, :1], bias, layers, scales),
        "has no outputs": (kernel[..., :0], bias[:0], layers, scales),
        "has 0 inputs": (kernel[:, :, :0], bias, layers, scales),
        "bias has 19 values but the kernel has 20": (kernel, bias[1:], layers, scales),
        r"layers\[1\] kernel has 13 inputs, expected 19": (kernel, bias, [layers[0], layers[2]], scales),
        "the last layer has 13 outputs, expected 20": (kernel, bias, layers[:2], scales),
        "those of the side information and 20 of the context": (kernel, bias, [layers[2]], scales),
        "layers is empty": (kernel, bias, [], scales),
        r"kernel of layers\[0\] has shape \(1, 27, 19\)": (kernel, bias, [(layers[0][0][None], layers[0][1])], scales),
        r"scale_table\[1\] is 0.11": (kernel, bias, layers, np.full(64, 0.11)),
        "scale_table has 0 entries": (kernel, bias, layers, []),
        "scale_table has 257 entries": (kernel, bias, layers, np.arange(1, 258)),
        "scale_table.0. is nan": (kernel, bias, layers, [np.nan, 1]),
        "complex64": (kernel.astype(np.complex64), bias, layers, scales),
    }.items():
        with pytest.raises(ValueError, match=match):
            coder.ContextModel(*arguments)
    with pytest.raises(ValueError, match="slope is nan"):
        coder.ContextModel(kernel, bias, layers, scales, slope=np.nan)
    with pytest.raises(ValueError, match=r"isa is 'mmx', expected one that this processor has: .*portable"):
        coder.ContextModel(kernel, bias, layers, scales, isa="mmx")


def test_pictures_that_do_not_fit_are_errors(small_context_model):
    _, model, pictures, streams = small_context_model
    (y, hyper), tables = pictures[0], TABLES.coder_tables
    data = streams["raster"][0]
    for match, call in {
        r"y has shape \(8, 5, 10\), expected \(5, 8, 10\)": lambda: model.encode(y.swapaxes(0, 1), hyper, tables),
        r"y has shape \(5, 8, 9\)": lambda: model.encode(y[..., 1:], hyper, tables),
        r"hyper has shape \(5, 8\), expected \[h, w, C\]": lambda: model.encode(y, hyper[..., 0], tables),
        "has 240 values, expected 5 x 8 x 7": lambda: model.decode(data, hyper[..., 1:], tables),
        "1 latents but side information of 2": lambda: model.encode_batch([y], [hyper, hyper], tables),
        "2 latents but side information of 1": lambda: model.encode_batch([y, y], [hyper], tables),
        "2 streams but side information of 1": lambda: model.decode_batch([data, data], [hyper], tables),
        "order is 'column'": lambda: model.encode(y, hyper, tables, order="column"),
        "threads is 0": lambda: model.decode(data, hyper, tables, threads=0),
        "there are 1 tables": lambda: model.encode(y, hyper, coder.CdfTables([[0, 9, 65536]], [3], [0])),
        r"y has shape \(4, 8, 10\)": lambda: model.predict(y[1:], hyper),
    }.items():
        with pytest.raises(ValueError, match=match):
            call()
    for tables in (None, TABLES):
        with pytest.raises(TypeError, match="expected CdfTables"):
            model.encode(y, hyper, tables)
    with pytest.raises(TypeError, match="data is str"):
        model.decode("stream", hyper, TABLES.coder_tables)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_side_information_that_is_not_finite_is_an_error(small_context_model, value):
    _, model, pictures, streams = small_context_model
    y, hyper = pictures[0]
    hyper = hyper.copy()
    hyper[-1, -1, -1] = value
    for call in (
        lambda: model.encode(y, hyper, TABLES.coder_tables),
        lambda: model.decode(streams["raster"][0], hyper, TABLES.coder_tables),
        lambda: model.predict(y, hyper),
    ):
        with pytest.raises(ValueError, match="side information of picture 0 is not finite"):
            call()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, 2.0**27 + 100, -(2.0**27) - 100, 3e38])
def test_latents_beyond_the_coder_are_errors(small_context_model, value, threads):
    _, model, pictures, _ = small_context_model
    y, hyper = pictures[0]
    y = y.copy()
    y[3, 4, 9] = value
    with pytest.raises(ValueError, match="row 3, column 4, channel 9 of picture 0"):
        model.encode(y, hyper, TABLES.coder_tables, threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
def test_a_network_that_overflows_is_an_error(threads):
    huge = np.full((2, 2), 1e30, np.float32)
    kernel = np.ones((3, 3, 1, 1), np.float32)
    layers = [(huge, np.ones(2)), (huge, np.ones(2))]
    model = coder.ContextModel(kernel, [1], layers, TABLES.scale_table)
    y, hyper = np.ones((2, 2, 1), np.float32), np.ones((2, 2, 1), np.float32)
    with pytest.raises(ValueError, match="its mean inf"):
        model.encode(y, hyper, TABLES.coder_tables, threads=threads)
    data = coder.encode(np.ones(4, np.int32), np.full(4, 63), TABLES.coder_tables)
    for order in ORDERS:
        with pytest.raises(coder.StreamError, match="row 0, column 0 is not finite"):
            model.decode(data, hyper, TABLES.coder_tables, order=order, threads=threads)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_damaged_streams_are_errors(small_context_model, order, threads):
    _, model, pictures, streams = small_context_model
    data, hyper = streams[order][0], pictures[0][1]
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    wrong_side = hyper + np.float32(0.5)
    for stream, side in [
        (b"", hyper),
        (data[:8], hyper),
        (data[:-4], hyper),
        (data[:-1], hyper),
        (data + bytes(4), hyper),
        (changed, hyper),
        (bytes(len(data)), hyper),
        (data, wrong_side),
        (streams[ORDERS[order == "raster"]][0], hyper),
        (streams[order][1], hyper),
    ]:
        with pytest.raises(coder.StreamError):
            model.decode(stream, side, TABLES.coder_tables, order=order, threads=threads)


@pytest.mark.parametrize("bad", [b"", b"cut", b"end"])
def test_errors_in_a_batch_name_the_picture(small_context_model, bad):
    _, model, pictures, streams = small_context_model
    datas = list(streams["raster"])
    datas[1] = {b"cut": datas[1][:12], b"end": datas[1] + bytes(4)}.get(bad, bad)
    with pytest.raises(coder.StreamError, match=r"^picture 1: the stream"):
        model.decode_batch(datas, [hyper for _, hyper in pictures], TABLES.coder_tables, threads=2)
