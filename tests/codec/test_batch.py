"""Many pictures at once: in order, with bounded memory, on every device."""

import json
import os
import subprocess
import sys
import threading
import time

import jax
import numpy as np
import pytest

from jaxcompress import Codec, zoo
from jaxcompress.codec import BitstreamError
from jaxcompress.codec.batch import ordered_map


@pytest.fixture(scope="module")
def codec(golden_of) -> Codec:
    return golden_of("mbt2018-mean").codec


def test_results_come_in_the_order_of_items_whoever_is_done_first():
    last_is_done = threading.Event()

    def call(item):
        if item == 0:
            assert last_is_done.wait(60)
        if item == 3:
            last_is_done.set()
        return -item

    assert list(ordered_map(call, range(4), jobs=2)) == [0, -1, -2, -3]


def test_no_more_items_are_taken_than_the_window_holds():
    taken, returned, largest = 0, 0, 0

    def items():
        nonlocal taken
        for item in range(50):
            taken += 1
            yield item

    for _ in ordered_map(lambda item: item, items(), jobs=3, window=5):
        returned += 1
        largest = max(largest, taken - returned)
    assert returned == 50
    assert largest <= 5  # what was just returned is out of the window


def test_a_slow_first_item_does_not_let_the_others_pile_up():
    go_on, taken = threading.Event(), []

    def items():
        for item in range(20):
            taken.append(item)
            if item == 3:
                threading.Timer(0.2, go_on.set).start()  # long enough for more to be taken, if anything took them
            yield item

    results = ordered_map(lambda item: item > 0 or go_on.wait(60), items(), jobs=2)
    assert next(results)
    assert len(taken) == 4
    results.close()


def test_a_failure_is_raised_in_its_turn_and_the_rest_is_given_up():
    begun = []

    def call(item):
        begun.append(item)
        if item == 2:
            raise KeyError(item)
        return item

    results = ordered_map(call, range(1000), jobs=2)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(KeyError):
        next(results)
    assert len(begun) < 10


def test_nothing_runs_any_more_once_a_caller_has_stopped():
    begun, ended = [], []

    def call(item):
        begun.append(item)
        time.sleep(0.05 * item)
        ended.append(item)

    results = ordered_map(call, range(10), jobs=2)
    next(results)
    results.close()
    assert sorted(begun) == sorted(ended)
    assert len(begun) <= 4


def test_an_interrupt_waits_for_nothing():
    stop, ended = threading.Event(), []

    def items():
        yield 0
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(ordered_map(lambda _: ended.append(stop.wait(20)), items(), jobs=1))
    assert not ended
    stop.set()


@pytest.mark.parametrize("how", [{"jobs": 0}, {"jobs": 1, "window": 0}])
def test_numbers_below_one_are_refused_at_once(how):
    with pytest.raises(ValueError, match="expected at least 1"):
        ordered_map(str, [], **how)


def test_generators_are_coded_one_window_at_a_time(codec, photo):
    read = []

    def pictures():
        for width in range(20, 60):
            read.append(width)
            yield photo[:48, :width]

    files = codec.iter_compressed(pictures(), jobs=2)
    first = next(files)
    assert first == codec.compress(photo[:48, :20])
    assert len(read) <= 4
    shapes = [picture.shape for picture in codec.iter_decompressed((first, next(files)), jobs=1)]
    assert shapes == [(48, 20, 3), (48, 21, 3)]
    files.close()
    assert len(read) <= 5


def test_one_damaged_file_of_a_batch_raises(codec, photo):
    data = codec.compress(photo)
    with pytest.raises(BitstreamError, match="CRC-32"):
        codec.decompress_batch([data, data[:-1] + b"\0", data])


def test_the_device_that_a_caller_chose_is_that_of_all_calls():
    (device,) = jax.devices()[:1]
    with jax.default_device(device):
        results = ordered_map(lambda _: jax.config.jax_default_device, range(4), jobs=2)
    assert list(results) == [device] * 4
    assert list(ordered_map(lambda _: jax.config.jax_default_device, range(4), jobs=2)) == [None] * 4


TWO_DEVICES = """
import json, sys
import jax
import numpy as np
from jaxcompress import Codec, zoo
from jaxcompress.codec import stages

used = {"analysis": [], "synthesis": []}

def record(name, stage):
    def call(*args):
        out = stage(*args)
        used[name].append(sorted(d.id for array in jax.tree.leaves(out) for d in array.devices()))
        return out
    return call

for name in used:
    setattr(stages, name, record(name, getattr(stages, name)))
codec = Codec(zoo.load())
pictures = list(np.load(sys.argv[1]))
files = codec.compress_batch(pictures, jobs=4)
decoded = codec.decompress_batch(files, jobs=4)
copies = [device or jax.devices()[0] for device in codec._networks._made]
print(json.dumps({
    "files": [data.hex() for data in files],
    "sums": [int(picture.sum(dtype=np.int64)) for picture in decoded],
    "used": {name: sorted({i for ids in found for i in ids}) for name, found in used.items()},
    "copies": sorted(device.id for device in copies),
}))
"""


@pytest.mark.slow
def test_two_devices_share_the_pictures_and_write_the_same_bytes(tmp_path, photo):
    pictures = np.stack([photo[:64, :64], photo[20:84, :64], photo[:64, 10:74], photo[30:94, 5:69]])
    np.save(tmp_path / "pictures.npy", pictures)
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=2"
    done = subprocess.run(
        [sys.executable, "-P", "-c", TWO_DEVICES, tmp_path / "pictures.npy"],
        env={**os.environ, "XLA_FLAGS": flags, "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert found["used"] == {"analysis": [0, 1], "synthesis": [0, 1]}
    assert found["copies"] == [0, 1]
    codec = Codec(zoo.load())
    files = codec.compress_batch(pictures)
    assert [bytes.fromhex(data) for data in found["files"]] == files
    assert found["sums"] == [int(picture.sum(dtype=np.int64)) for picture in codec.decompress_batch(files)]
