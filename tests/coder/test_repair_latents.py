"""Decoding autoregressive streams although some of the encoder's tables were others."""

import numpy as np
import pytest

from jaxcompress import coder
from jaxcompress.entropy import build_gaussian_tables, default_scale_table

TABLES = build_gaussian_tables(default_scale_table())
ORDERS = ("raster", "wavefront")
SIDE = 7
# Below these scales neighbouring tables are so much alike that another one may not show.
SCALES = np.asarray(TABLES.scale_table, np.float32)
THRESHOLDS = SCALES[(SCALES > 0.5) & (SCALES < 256)]


def random_weights(channels, seed):
    """What a model is made of: a 5x5 context and two layers, with scales and means that spread over many tables."""
    rng = np.random.default_rng(seed)
    kernel = rng.normal(0, 0.3 / np.sqrt(12 * channels), (5, 5, channels, 2 * channels))
    spread = np.exp(rng.uniform(np.log(0.1), np.log(20), channels))
    first = rng.normal(0, 1.4 / np.sqrt(SIDE + 2 * channels), (SIDE + 2 * channels, 19)), rng.normal(0, 0.3, 19)
    last = rng.normal(0, 1.4 / np.sqrt(19), (19, 2 * channels)) * np.concatenate([spread / 2, spread])
    bias = np.concatenate([1.3 * spread, rng.normal(0, 0.3, channels)])
    return kernel, rng.normal(0, 0.3, 2 * channels), [first, (last, bias)]


def random_picture(weights, shape):
    """Latents and side information."""
    rng = np.random.default_rng(1)
    channels = weights[0].shape[2]
    y = rng.normal(0, 1, (*shape, channels)) * weights[2][-1][1][:channels]
    return y, rng.normal(0, 1, (*shape, SIDE))


def other_model(weights, scales):
    """A model whose thresholds next to these scales lie just behind them."""
    table = SCALES.copy()
    for scale in scales:
        nearest = np.argmin(np.abs(SCALES - scale))
        towards = np.float32(np.inf if scale > table[nearest] else 0)
        table[nearest] = scale if towards else np.nextafter(scale, towards)
    return coder.ContextModel(*weights, table)


def nearest_scales(scales):
    """Positions of the scales that are nearest to their threshold, one for each threshold, and their distances."""
    relative = np.abs(scales[..., None] / THRESHOLDS.astype(np.float64) - 1)
    flat = relative.reshape(-1, len(THRESHOLDS))
    places, distances = flat.argmin(0), flat.min(0)
    order = distances.argsort()
    return [np.unravel_index(places[i], scales.shape) for i in order], distances[order]


class Case:
    """A picture with its model."""

    def __init__(self, weights, shape):
        self.weights, self.model = weights, coder.ContextModel(*weights, TABLES.scale_table)
        self.y, self.hyper = random_picture(weights, shape)
        data = self.model.encode(self.y, self.hyper, TABLES.coder_tables)
        self.y_hat = self.model.decode(data, self.hyper, TABLES.coder_tables)
        self.scales, _ = self.model.predict(self.y_hat, self.hyper)
        self.places, self.distances = nearest_scales(self.scales)

    def encode(self, ranks, order="raster"):
        """The stream of an encoder that has the scales of these ranks on the other side, and their places."""
        places = [self.places[rank] for rank in ranks]
        model = other_model(self.weights, [self.scales[place] for place in places])
        return model.encode(self.y, self.hyper, TABLES.coder_tables, order=order), places

    def repair(self, data, order="raster", **options):
        return self.model.decode_repaired(data, self.hyper, TABLES.coder_tables, order=order, **options)


@pytest.fixture(scope="module")
def case():
    case = Case(random_weights(16, seed=30), (16, 30))
    assert len(case.distances[case.distances < 1e-4]) > 4
    return case


def in_order(places, order):
    """Places as a stream has them."""
    fronts = {"raster": lambda place: place, "wavefront": lambda place: (place[1] + 3 * place[0], *place)}
    return sorted((tuple(map(int, place)) for place in places), key=fronts[order])


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("ranks", [[], [0], [1], [3], [0, 1], [1, 2], [0, 1, 2]], ids=str)
def test_scales_on_the_other_side_are_found(case, ranks, order):
    data, places = case.encode(ranks, order)
    if ranks:
        with pytest.raises(coder.StreamError):
            case.model.decode(data, case.hyper, TABLES.coder_tables, order=order)
    found = case.repair(data, order)
    np.testing.assert_array_equal(found.y_hat.view(np.uint32), case.y_hat.view(np.uint32))
    assert [tuple(place) for place in found.flipped.tolist()] == in_order(places, order)
    assert found.flipped.shape == (len(ranks), 3)
    assert (found.tries > 0) == bool(ranks)


@pytest.mark.parametrize("order", ORDERS)
def test_threads_do_not_matter(case, order):
    data, _ = case.encode([0], order)
    one, two = (case.repair(data, order, threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.y_hat.view(np.uint32), two.y_hat.view(np.uint32))
    assert (one.flipped.tolist(), one.tries) == (two.flipped.tolist(), two.tries)


@pytest.mark.parametrize("order", ORDERS)
def test_two_scales_of_one_position_are_found(order):
    weights = random_weights(12, seed=35)
    kernel, bias = weights[2][-1]
    kernel[:, 7], bias[7] = kernel[:, 2], bias[2]
    case = Case(weights, (16, 30))
    rank = next(i for i, place in enumerate(case.places) if place[2] in (2, 7))
    assert case.distances[rank] < 5e-5
    data, [(row, column, _)] = case.encode([rank], order)
    found = case.repair(data, order)
    np.testing.assert_array_equal(found.y_hat.view(np.uint32), case.y_hat.view(np.uint32))
    assert found.flipped.tolist() == [[row, column, 2], [row, column, 7]]


def test_every_place_of_a_row_can_be_resumed_at():
    # Streams of one flip each, at many columns.
    case = Case(random_weights(24, seed=32), (8, 60))
    columns, plain = set(), case.encode([])[0]
    for rank in np.flatnonzero(case.distances < 9e-5):
        data, [place] = case.encode([rank])
        if data == plain:  # an escape, which both tables write alike
            continue
        assert case.repair(data).flipped.tolist() == [list(place)]
        columns.add(place[1])
    assert len(columns) > 5


def test_a_scale_far_from_its_threshold_is_not_flipped(case):
    rank = np.flatnonzero(case.distances > 1e-4)[0]
    data, _ = case.encode([rank])
    message = r"^no choice of other tables .* \(\d+ tries, (the limit|which are all that could)\); as it is, the stream"
    with pytest.raises(coder.StreamError, match=message):
        case.repair(data, max_tries=20)


def test_a_stream_without_doubts_has_its_own_error():
    weights = random_weights(3, seed=33)
    y, hyper = random_picture(weights, (2, 2))
    model = coder.ContextModel(*weights, TABLES.scale_table)
    data = model.encode(y, hyper, TABLES.coder_tables)
    with pytest.raises(coder.StreamError, match=r"^the stream"):
        model.decode_repaired(data + bytes(4), hyper, TABLES.coder_tables)


def test_limits_are_kept(case):
    data, _ = case.encode([1])
    tries = case.repair(data).tries
    assert case.repair(data, max_tries=tries).tries == tries
    with pytest.raises(coder.StreamError, match=r"\(0 tries, the limit\)"):
        case.repair(data, max_tries=0)
    with pytest.raises(coder.StreamError, match=r"\(0 tries in the limit of 0 s\)"):
        case.repair(data, max_seconds=0)
    whole, _ = case.encode([])
    assert case.repair(whole, max_seconds=0, max_tries=0).tries == 0


@pytest.mark.parametrize("order", ORDERS)
def test_damaged_streams_are_errors(case, order):
    data, _ = case.encode([], order)
    changed = bytearray(data)
    changed[len(data) // 2] ^= 4
    for stream in (b"", data[:8], data[:-4], data + bytes(4), changed, bytes(len(data))):
        with pytest.raises(coder.StreamError):
            case.repair(stream, order, max_tries=4)


@pytest.mark.parametrize("shape", [(0, 0), (0, 4), (4, 0)])
def test_a_picture_may_be_empty(case, shape):
    hyper = np.zeros((*shape, SIDE))
    data = coder.encode(np.zeros(0, np.int32), np.zeros(0, np.int32), TABLES.coder_tables)
    found = case.model.decode_repaired(data, hyper, TABLES.coder_tables)
    assert found.y_hat.shape == (*shape, 16)
    assert (found.flipped.shape, found.tries) == ((0, 3), 0)
    with pytest.raises(coder.StreamError):
        case.model.decode_repaired(data + bytes(4), hyper, TABLES.coder_tables)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("shape", [(40, 1), (20, 2), (1, 40)])
def test_a_picture_may_be_narrow(shape, order):
    case = Case(random_weights(24, seed=34), shape)
    found = case.repair(case.encode([], order)[0], order)
    np.testing.assert_array_equal(found.y_hat.view(np.uint32), case.y_hat.view(np.uint32))
    assert (found.flipped.shape, found.tries) == ((0, 3), 0)
    data, places = case.encode([0], order)
    assert case.distances[0] < 9.9e-5
    assert case.repair(data, order).flipped.tolist() == [list(places[0])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_tries": -1}, "max_tries is -1"),
        ({"max_seconds": np.nan}, "max_seconds is not a number"),
        ({"threads": 0}, "threads is 0"),
        ({"order": "spiral"}, "order is 'spiral'"),
    ],
    ids=str,
)
def test_arguments_that_make_no_sense_are_errors(case, options, message):
    data, _ = case.encode([])
    with pytest.raises(ValueError, match=message):
        case.repair(data, **options)
    with pytest.raises(ValueError, match="not finite"):
        case.model.decode_repaired(data, case.hyper * np.inf, TABLES.coder_tables)
    with pytest.raises(ValueError, match="hyper has shape"):
        case.model.decode_repaired(data, case.hyper[0], TABLES.coder_tables)
