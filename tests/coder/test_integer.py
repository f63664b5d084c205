"""Integer autoregressive coding: the arithmetic as specified, equal in every way to run it, and its errors."""

import dataclasses
import itertools

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.coder import _rans

ORDERS = ("raster", "wavefront")
INSTRUCTION_SETS = _rans.instruction_sets("matrix_i8")
MOST_SIDE = 2**29


# ---------------------------------------------------------------- a second implementation


def half(shift):
    return (1 << shift) >> 1


def rounded(values, shifts):
    return (values + half(shifts)) >> shifts


@dataclasses.dataclass
class Weights:
    """A model as arrays, with its picture-by-picture reference in int64."""

    context_kernel: np.ndarray
    latent_shifts: np.ndarray
    hidden_shifts: list[np.ndarray]
    layers: list[tuple[np.ndarray, np.ndarray]]
    output_shifts: np.ndarray
    thresholds: np.ndarray

    def model(self, isa=None):
        return coder.IntegerContextModel(**{f.name: getattr(self, f.name) for f in dataclasses.fields(self)}, isa=isa)

    @property
    def channels(self):
        return len(self.latent_shifts)

    def predict(self, window, side):
        """Indexes and means at one position, given `[k, k, M]` in 64ths."""
        size = self.context_kernel.shape[0]
        taps = size * size // 2
        shifts = self.latent_shifts.astype(np.int64)
        seen = np.clip(rounded(window.reshape(-1, self.channels)[:taps], shifts), -128, 127)
        kernel = self.context_kernel.astype(np.int64).reshape(size * size, self.channels, -1)[:taps]
        sums = side.astype(np.int64) + np.einsum("ti,tio->o", seen, kernel)
        for shifts, (kernel, bias) in zip(self.hidden_shifts, self.layers, strict=True):
            leaky = np.where(sums >= 0, sums, (sums >> 7) + (sums >> 9) + (sums >> 12))
            hidden = np.clip(rounded(leaky, shifts.astype(np.int64)), -8, 247)
            sums = bias + hidden @ kernel.astype(np.int64)
        assert np.abs(sums).max() <= 2**30
        shifts = self.output_shifts.astype(np.int64)
        values = np.where(shifts >= 0, rounded(sums, np.maximum(shifts, 0)), sums << np.maximum(-shifts, 0))
        assert np.abs(values).max() < 2**31
        scales, means = np.split(values, 2)
        return (scales[:, None] > self.thresholds).sum(1), np.clip(means, -(2**21), 2**21)

    def reference(self, y, side):
        """Symbols, indexes, y_hat and means, `[h, w, M]` each."""
        size = self.context_kernel.shape[0]
        reach = size // 2
        padded = np.zeros((y.shape[0] + 2 * reach, y.shape[1] + 2 * reach, y.shape[2]), np.int64)
        symbols, indexes, means = (np.zeros(y.shape, np.int32) for _ in range(3))
        for row, column in np.ndindex(y.shape[:2]):
            window = padded[row : row + size, column : column + size]
            indexes[row, column], means[row, column] = self.predict(window, side[row, column])
            residual = y[row, column] - means[row, column].astype(np.float32) / np.float32(64)
            symbols[row, column] = np.rint(residual)
            window[reach, reach] = 64 * symbols[row, column] + means[row, column]
        y_int = padded[reach : reach + y.shape[0], reach : reach + y.shape[1]]
        return symbols, indexes, (y_int / 64).astype(np.float32), means


def random_weights(channels, *, size=5, context=None, hidden=(19, 13), tables=64, seed=0):
    """Weights whose activations spread over their range, and whose scales spread over the tables."""
    rng = np.random.default_rng(seed)
    sizes = [2 * channels if not hidden and context is None else context or 2 * channels, *hidden]
    if hidden or context is not None:
        sizes.append(2 * channels)
    kernel = rng.integers(-128, 128, (size, size, channels, sizes[0]), np.int8)
    layers = [
        (rng.integers(-128, 128, shape, np.int8), rng.integers(-9000, 9000, shape[1], np.int32))
        for shape in itertools.pairwise(sizes)
    ]
    depths = [channels * (size * size // 2), *sizes[1:-1]]
    hidden_shifts = [
        np.clip(rng.integers(-2, 2, count) + 7 + int(np.log2(depth) / 2), 0, 30).astype(np.uint8)
        for count, depth in zip(sizes, depths, strict=False)
    ][: len(layers)]
    deviation = 74 * 60 * np.sqrt(sizes[-2] if layers else channels * (size * size // 2))
    shift = int(np.log2(deviation / 1500))
    output_shifts = np.clip(rng.integers(-1, 2, 2 * channels) + shift, -16, 30).astype(np.int8)
    if layers:
        layers[-1][1][:channels] += 2000 << shift
    thresholds = np.unique(np.geomspace(60, 9000, tables - 1).astype(np.int32))
    return Weights(kernel, rng.integers(3, 7, channels, np.uint8), hidden_shifts, layers, output_shifts, thresholds)


def random_picture(weights, height, width, seed=0, spread=6.0):
    rng = np.random.default_rng(seed)
    y = rng.normal(0, spread, (height, width, weights.channels)).astype(np.float32)
    side = rng.integers(-20000, 20000, (height, width, weights.context_kernel.shape[3]), np.int32)
    return y, side


def in_wavefronts(array, size):
    """Rows `[M]` of an array `[h, w, M]` in the order of fronts."""
    slope = (size + 1) // 2
    return np.array([array[p] for p in sorted(np.ndindex(array.shape[:2]), key=lambda p: (p[1] + slope * p[0], p[0]))])


@pytest.fixture(scope="module")
def tables_of(gaussian):
    """A function from weights to tables that have enough rows."""

    def tables(weights):
        rows = np.arange(len(weights.thresholds) + 1) % 64
        return coder.CdfTables(gaussian.cdf[rows], gaussian.lengths[rows], gaussian.offsets[rows])

    return tables


CASES = {
    "5x5": ({"channels": 5}, (6, 7)),
    "3x3": ({"channels": 4, "size": 3, "seed": 1}, (4, 9)),
    "7x7": ({"channels": 3, "size": 7, "seed": 2}, (8, 6)),
    "one position": ({"channels": 6, "seed": 3}, (1, 1)),
    "one row": ({"channels": 6, "seed": 4}, (1, 9)),
    "one column": ({"channels": 6, "seed": 5}, (9, 1)),
    "no layers": ({"channels": 5, "hidden": (), "seed": 6}, (4, 5)),
    "one layer": ({"channels": 5, "context": 7, "hidden": (), "seed": 6}, (4, 5)),
    "many layers": ({"channels": 5, "hidden": (9, 8, 7, 6), "seed": 7}, (3, 4)),
    "wide layers": ({"channels": 37, "context": 101, "hidden": (110, 90), "seed": 9}, (2, 5)),
    "rows that are computed in parts": ({"channels": 2, "size": 3, "hidden": (3,), "seed": 11}, (2, 130)),
    "one channel": ({"channels": 1, "hidden": (4,), "seed": 14}, (5, 5)),
    "256 tables": ({"channels": 9, "tables": 256, "seed": 12}, (3, 3)),
    "one table": ({"channels": 3, "tables": 1, "seed": 13}, (3, 3)),
}


@pytest.fixture(params=CASES, scope="module")
def case(request):
    options, shape = CASES[request.param]
    weights = random_weights(**options)
    y, side = random_picture(weights, *shape, seed=1)
    return weights, y, side, weights.reference(y, side)


@pytest.fixture(scope="module")
def small(tables_of):
    """Weights, a model, its tables, and three pictures of different sizes with their streams by order."""
    weights = random_weights(10, seed=20)
    model, tables = weights.model(), tables_of(weights)
    pictures = [random_picture(weights, *shape, seed=seed) for seed, shape in enumerate([(5, 8), (9, 3), (4, 4)])]
    streams = {order: [model.encode(*p, tables, order=order) for p in pictures] for order in ORDERS}
    return weights, model, tables, pictures, streams


def check_equal(weights, y, side, tables, expected, isa, threads):
    """Everything that a model gives for a picture is the reference's."""
    symbols, indexes, y_hat, means = expected
    model, size = weights.model(isa), weights.context_kernel.shape[0]
    found = model.predict(y_hat, side, threads=threads)
    assert [array.dtype for array in found] == [np.uint8, np.int32]
    np.testing.assert_array_equal(found[0], indexes)
    np.testing.assert_array_equal(found[1], means)
    for order, arrange in (("raster", np.asarray), ("wavefront", lambda array: in_wavefronts(array, size))):
        data = model.encode(y, side, tables, order=order, threads=threads)
        assert data == coder.encode(arrange(symbols).ravel(), arrange(indexes).ravel(), tables), order
        decoded = model.decode(data, side, tables, order=order, threads=threads)
        assert decoded.dtype == np.float32
        np.testing.assert_array_equal(decoded.view(np.uint32), y_hat.view(np.uint32), err_msg=order)


# ---------------------------------------------------------------- bits


def test_the_cases_show_something(case):
    weights, _, _, (symbols, indexes, _, means) = case
    assert len(np.unique(indexes)) >= min(8, indexes.size // 4, len(weights.thresholds) + 1)
    assert (symbols != 0).any()
    assert len(np.unique(means)) > means.size // 3


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_bits_are_those_of_the_arithmetic_that_is_specified(case, tables_of, isa, threads):
    weights, y, side, expected = case
    check_equal(weights, y, side, tables_of(weights), expected, isa, threads)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_pictures_beside_each_other_do_not_matter(small, isa, threads, order):
    weights, single, tables, pictures, streams = small
    model = weights.model(isa)
    ys, sides = zip(*pictures, strict=True)
    # From 1 to 9 at a time: every number of positions that a tile of the product can have.
    for count in range(1, 10):
        chosen = [i % 3 for i in range(count)]
        found = model.encode_batch(
            [ys[i] for i in chosen], [sides[i] for i in chosen], tables, order=order, threads=threads
        )
        assert found == [streams[order][i] for i in chosen]
        decoded = model.decode_batch(found, [sides[i] for i in chosen], tables, order=order, threads=threads)
        for i, y_hat in zip(chosen, decoded, strict=True):
            np.testing.assert_array_equal(y_hat, single.decode(streams[order][i], sides[i], tables, order=order))


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
@pytest.mark.parametrize("seed", range(6))
def test_extremes_of_weights_and_latents(tables_of, isa, seed):
    rng = np.random.default_rng(seed)
    weights = random_weights(7, context=33, hidden=(40, 18), seed=seed)
    sign = rng.choice([-1, 1], 33)
    if seed < 2:  # all products of a sum have one sign
        weights.context_kernel[:] = np.where(sign > 0, 127, -128)
        weights.layers[0][0][:] = 127
        weights.layers[1][0][:] = -128
    if seed == 2:  # as large as sums may be
        for kernel, bias in weights.layers:
            room = 2**30 - 247 * np.abs(kernel.astype(np.int64)).sum(0)
            bias[:] = room * rng.choice([-1, 1], room.shape)
        weights.output_shifts[:] = rng.choice([0, 16, 29, 30], 14)
    if seed == 3:
        weights.latent_shifts[:] = [0, 0, 1, 15, 22, 29, 30]
        for shifts in weights.hidden_shifts:
            shifts[:] = rng.choice([0, 1, 29, 30], shifts.shape)
    if seed == 4:
        weights.layers[-1][0][:] = rng.integers(-1, 2, (18, 14))
        weights.layers[-1][1][:] = rng.choice([-9, 9], 14)
        weights.output_shifts[:] = rng.choice([-16, -15, -1, 0], 14)
        weights.output_shifts[0] = -16
        weights.layers[-1][0][:, 0] = 0
        weights.layers[-1][1][0] = -(2**15) + 1
        weights.thresholds = np.array([-(2**31), -(2**31) + 1, 0, 2**31 - 1], np.int32)
        weights.layers[-1][0][:, 1:] = 0  # 2^31 / 2^16 is little
        weights.layers[-1][1][1:] = rng.integers(-(2**14), 2**14, 13)
    y, side = random_picture(weights, 4, 6, seed=seed, spread=rng.choice([1, 300, 1e5]))
    y = y.clip(-(2**15), 2**15)
    y[0, 0] = [2**15, -(2**15), 1e-38, 2**15 - 2**-9, 32767.5, -0.5, 0.5]
    side[:] = rng.choice([MOST_SIDE, -MOST_SIDE, MOST_SIDE - 1, 0, -1, 1, 12345], side.shape)
    expected = weights.reference(y, side)
    for threads in (1, 2):
        check_equal(weights, y, side, tables_of(weights), expected, isa, threads)


@pytest.mark.parametrize("isa", INSTRUCTION_SETS)
def test_thresholds_are_met_exactly(tables_of, isa):
    # Without context: scales are side information, and an index is the number of thresholds strictly below.
    thresholds = np.array([-1000, -1, 0, 1, 7, 2**29 - 1, 2**29], np.int32)
    around = np.unique(np.add.outer(thresholds.astype(np.int64), [-1, 0, 1]).clip(-MOST_SIDE, MOST_SIDE))
    around = around.astype(np.int32)
    channels = len(around)
    weights = Weights(
        np.zeros((3, 3, channels, 2 * channels), np.int8),
        np.zeros(channels, np.uint8),
        [],
        [],
        np.zeros(2 * channels, np.int8),
        thresholds,
    )
    side = np.concatenate([around, around])[None, None]
    expected = weights.reference(np.zeros((1, 1, channels), np.float32), side)
    np.testing.assert_array_equal(expected[1][0, 0], np.searchsorted(thresholds, around, side="left"))
    check_equal(weights, np.zeros((1, 1, channels), np.float32), side, tables_of(weights), expected, isa, 1)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_a_picture_may_be_empty(small, shape, order):
    weights, model, tables, pictures, streams = small
    y, side = random_picture(weights, *shape)
    data = model.encode(y, side, tables, order=order)
    assert data == coder.encode([], [], tables)
    assert model.decode(data, side, tables, order=order).shape == y.shape
    assert [array.shape for array in model.predict(y, side)] == [y.shape, y.shape]
    both = model.encode_batch([y, pictures[0][0]], [side, pictures[0][1]], tables, order=order)
    assert both == [data, streams[order][0]]
    assert model.encode_batch([], [], tables, order=order) == []
    assert model.decode_batch([], [], tables, order=order) == []


def test_masked_taps_are_not_read(small):
    weights, _, tables, pictures, streams = small
    kernel = weights.context_kernel.copy()
    kernel[2, 2:] = kernel[3:] = 99
    model = dataclasses.replace(weights, context_kernel=kernel).model()
    assert model.encode(*pictures[0], tables) == streams["raster"][0]


def test_other_layouts_are_taken(small):
    weights, _, tables, pictures, streams = small
    y, side = pictures[0]
    layers = [(np.asfortranarray(kernel), bias[::-1][::-1]) for kernel, bias in weights.layers]
    model = dataclasses.replace(weights, layers=layers).model()
    assert model.encode(np.asfortranarray(y, np.float64), np.asfortranarray(side), tables) == streams["raster"][0]


# ---------------------------------------------------------------- errors


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


def test_sums_that_may_overflow_are_errors(tables_of):
    channels = 5462  # 3 x 3: 4 taps, so that 192 * 4 * channels is more than 2^22
    kernel = np.full((3, 3, channels, 1), -128, np.int8)
    bias = np.zeros(2 * channels, np.int32)
    weights = Weights(
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
