"""Integer autoregressive coding refuses weights, pictures and streams that do not fit."""

import dataclasses

import numpy as np
import pytest

from jaxcompress import coder

ORDERS = ("raster", "wavefront")
MOST_SIDE = 2**29


def test_weights_that_do_not_fit_are_errors(small):
    weights = small[0]
    kernel, layers = weights.context_kernel, weights.layers
    for match, changes in {
        r"context_kernel has dtype float32, expected int8": {"context_kernel": kernel.astype(np.float32)},
        r"latent_shifts has dtype int64, expected uint8": {"latent_shifts": weights.latent_shifts.astype(int)},
        r"hidden_shifts\[1\] has dtype int8": {
            "hidden_shifts": [weights.hidden_shifts[0], weights.hidden_shifts[1].astype(np.int8)] * 2
        },
        r"bias of layers\[0\] has dtype float64, expected int32": {"layers": [(layers[0][0], np.zeros(19))]},
        r"kernel of layers\[0\] has dtype int32": {"layers": [(layers[0][1], layers[0][1])]},
        r"thresholds has dtype int64": {"thresholds": weights.thresholds.astype(int)},
        r"output_shifts has dtype uint8": {"output_shifts": weights.output_shifts.astype(np.uint8)},
        r"context_kernel has shape \(5, 5, 10\)": {"context_kernel": kernel[..., 0]},
        "two equal sides": {"context_kernel": kernel[:3]},
        "4 x 4, expected an odd side": {"context_kernel": kernel[:4, :4]},
        "1 x 1, expected an odd side": {"context_kernel": kernel[:1, :1]},
        "0 inputs and 20 outputs": {"context_kernel": kernel[:, :, :0]},
        "10 inputs and 0 outputs": {"context_kernel": kernel[..., :0]},
        "latent_shifts has 9 values, expected 10": {"latent_shifts": weights.latent_shifts[1:]},
        r"latent_shifts\[2\] is 31, expected 0 to 30": {
            "latent_shifts": np.where(np.arange(10) == 2, 31, weights.latent_shifts).astype(np.uint8)
        },
        "hidden_shifts for 2 layers but 3": {"hidden_shifts": weights.hidden_shifts[1:]},
        r"hidden_shifts\[0\] has 19 values, expected 20": {"hidden_shifts": [weights.hidden_shifts[1]] * 3},
        r"layers\[1\] kernel has 13 inputs, expected 19": {"layers": [layers[0], layers[2], layers[2]]},
        r"layers\[0\] kernel has no outputs": {"layers": [(layers[0][0][:, :0], layers[0][1][:0]), *layers[1:]]},
        r"layers\[1\] bias has 12 values, expected 13": {
            "layers": [layers[0], (layers[1][0], layers[1][1][1:]), layers[2]]
        },
        r"kernel of layers\[0\] has shape \(20,\)": {"layers": [(layers[0][0][:, 0], layers[0][1]), *layers[1:]]},
        "the last layer has 13 outputs, expected 20": {
            "layers": layers[:2],
            "hidden_shifts": weights.hidden_shifts[:2],
        },
        "output_shifts has 19 values, expected 20": {"output_shifts": weights.output_shifts[1:]},
        r"output_shifts\[0\] is -17, expected -16 to 30": {"output_shifts": np.full(20, -17, np.int8)},
        r"output_shifts\[0\] is 31": {"output_shifts": np.full(20, 31, np.int8)},
        r"output_shifts\[0\] is -16 but the output may reach .* with 2\^16 below": {
            "output_shifts": np.full(20, -16, np.int8)
        },
        r"thresholds\[1\] is 3 after 3": {"thresholds": np.array([3, 3], np.int32)},
        "256 thresholds, expected at most 255": {"thresholds": np.arange(256, dtype=np.int32)},
    }.items():
        with pytest.raises(ValueError, match=match):
            dataclasses.replace(weights, **changes).model()
    with pytest.raises(ValueError, match=r"isa is 'mmx', expected one that this processor has: .*portable"):
        weights.model("mmx")


def test_sums_that_may_overflow_are_errors(second):
    channels = 5462  # 3 x 3: 4 taps, so that 192 * 4 * channels is more than 2^22
    kernel = np.full((3, 3, channels, 1), -128, np.int8)
    bias = np.zeros(2 * channels, np.int32)
    weights = second.Weights(
        kernel,
        np.zeros(channels, np.uint8),
        [np.zeros(1, np.uint8)],
        [(np.zeros((1, 2 * channels), np.int8), bias)],
        np.zeros(2 * channels, np.int8),
        np.zeros(0, np.int32),
    )
    weights.model()  # 128 * 4 * 5462 < 2^22
    wide = dataclasses.replace(weights)
    wide.context_kernel = np.full((5, 5, 2731, 1), -128, np.int8)
    wide.latent_shifts, wide.output_shifts = np.zeros(2731, np.uint8), np.zeros(5462, np.int8)
    wide.layers = [(np.zeros((1, 5462), np.int8), np.zeros(5462, np.int32))]
    with pytest.raises(ValueError, match=r"output 0 of the context kernel may reach 4194816 \* 128 \+ 0 = 536936448"):
        wide.model()
    wide.context_kernel[0, 0, :4] = 0  # exactly 2^22
    wide.model()
    weights.layers[0][0][0, 7] = -2
    bias[7] = 2**30 - 2 * 247
    weights.model()
    bias[7] += 1
    with pytest.raises(ValueError, match=r"output 7 of layers\[0\] may reach 2 \* 247 \+ 1073741331 = 1073741825"):
        weights.model()
    bias[7] = -(2**31)
    with pytest.raises(ValueError, match=r"= 2147484142, expected at most 1073741824"):
        weights.model()


def test_pictures_that_do_not_fit_are_errors(small):
    _, model, tables, pictures, streams = small
    y, side = pictures[0]
    data = streams["raster"][0]
    for match, call in {
        r"y has shape \(8, 5, 10\), expected \(5, 8, 10\)": lambda: model.encode(y.swapaxes(0, 1), side, tables),
        r"y has shape \(5, 8, 9\)": lambda: model.encode(y[..., 1:], side, tables),
        r"side has shape \(5, 8\), expected \[h, w, C\]": lambda: model.encode(y, side[..., 0], tables),
        "has 760 values, expected 5 x 8 x 20": lambda: model.decode(data, side[..., 1:], tables),
        "side has dtype float32, expected int32": lambda: model.decode(data, side.astype(np.float32), tables),
        r"side\[1\] has dtype int64": lambda: model.encode_batch([y, y], [side, side.astype(int)], tables),
        "1 latents but side information of 2": lambda: model.encode_batch([y], [side, side], tables),
        "2 streams but side information of 1": lambda: model.decode_batch([data, data], [side], tables),
        "order is 'column'": lambda: model.encode(y, side, tables, order="column"),
        "threads is 0": lambda: model.decode(data, side, tables, threads=0),
        "there are 1 tables": lambda: model.encode(y, side, coder.CdfTables([[0, 9, 65536]], [3], [0])),
        r"y has shape \(4, 8, 10\)": lambda: model.predict(y[1:], side),
        "y_hat has dtype complex64": lambda: model.predict(y.astype(np.complex64), side),
    }.items():
        with pytest.raises(ValueError, match=match):
            call()
    with pytest.raises(TypeError, match="expected CdfTables"):
        model.encode(y, side, None)


@pytest.mark.parametrize("value", [MOST_SIDE + 1, -MOST_SIDE - 1, 2**31 - 1, -(2**31)])
def test_side_information_beyond_its_bound_is_an_error(small, value):
    _, model, tables, pictures, streams = small
    y, side = pictures[0]
    side = side.copy()
    side[-1, -1, -1] = value
    for call in (
        lambda: model.encode(y, side, tables),
        lambda: model.decode(streams["raster"][0], side, tables),
        lambda: model.predict(np.zeros_like(y), side),
    ):
        with pytest.raises(ValueError, match=f"side information of picture 0 has {value} as its value number 799"):
            call()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 32768.01, -40000, 3e38])
def test_latents_beyond_their_bound_are_errors(small, value, threads):
    _, model, tables, pictures, _ = small
    y, side = pictures[0]
    y = y.copy()
    y[3, 4, 9] = value
    with pytest.raises(ValueError, match=r"row 3, column 4, channel 9 of picture 0 is .*, expected at most 2\^15"):
        model.encode(y, side, tables, threads=threads)


@pytest.mark.parametrize("value", [1 / 128, np.nan, np.inf, 2.0**16 + 1 / 64 + 1 / 128, -(2.0**17), 3e38])
def test_predicting_from_what_decoding_cannot_give_is_an_error(small, value):
    _, model, _, pictures, _ = small
    y_hat = np.zeros_like(pictures[0][0])
    y_hat[2, 3, 4] = value
    with pytest.raises(ValueError, match="row 2, column 3, channel 4"):
        model.predict(y_hat, pictures[0][1])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
def test_damaged_streams_are_errors(small, order, threads):
    _, model, tables, pictures, streams = small
    data, side = streams[order][0], pictures[0][1]
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    for stream, other in [
        (b"", side),
        (data[:8], side),
        (data[:-4], side),
        (data + bytes(4), side),
        (changed, side),
        (bytes(len(data)), side),
        (data, side + 5000),
        (streams[ORDERS[order == "raster"]][0], side),
        (streams[order][1], side),
    ]:
        with pytest.raises(coder.StreamError):
            model.decode(stream, other, tables, order=order, threads=threads)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_symbols_beyond_their_bound_are_errors(small, order, threads):
    _, model, tables, pictures, _ = small
    side = pictures[0][1][:1, :1]
    y = np.zeros((1, 1, 10), np.float32)
    indexes, means = model.predict(y, side)
    for symbol in (2**16, -(2**16)):
        symbols = np.zeros(10, np.int32)
        symbols[6] = symbol
        data = coder.encode(symbols, indexes.ravel(), tables)
        y_hat = model.decode(data, side, tables, order=order, threads=threads)
        assert y_hat[0, 0, 6] * 64 == symbol * 64 + means[0, 0, 6]
        symbols[6] += np.sign(symbol)
        data = coder.encode(symbols, indexes.ravel(), tables)
        with pytest.raises(coder.StreamError, match=rf"row 0, column 0, channel 6 is {symbols[6]}, beyond"):
            model.decode(data, side, tables, order=order, threads=threads)


def test_errors_in_a_batch_name_the_picture(small):
    _, model, tables, pictures, streams = small
    datas = [streams["raster"][0], streams["raster"][1][:12], streams["raster"][2]]
    with pytest.raises(coder.StreamError, match=r"^picture 1: the stream"):
        model.decode_batch(datas, [side for _, side in pictures], tables, threads=2)
