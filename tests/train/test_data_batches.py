"""The stream of training batches: dense, seeded, and the same however it is divided or interrupted."""

import collections
import json
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from jaxcompress.train.data import open_source, training_batches

PICTURES, HEIGHT, WIDTH, CROP, BATCH = 11, 12, 14, 8, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Pictures whose pixels say where they are: row, column, number of the picture."""
    path = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        rows, columns = np.mgrid[:HEIGHT, :WIDTH]
        pixels = np.stack([rows, columns, np.full_like(rows, number)], axis=-1).astype(np.uint8)
        Image.fromarray(pixels).save(path / f"{number:02d}.png")
    return path


@pytest.fixture(scope="module")
def source(folder):
    return open_source(folder, crop=CROP, cache_bytes=10**6)


def stream(source, **options):
    # Few threads: what they read ahead is dropped, and Grain takes milliseconds to shuffle each of so few pictures.
    return training_batches(source, **{"batch_size": BATCH, "crop": CROP, "seed": 1, "threads": 1} | options)


def take(batches, count):
    taken = np.stack([next(batches) for _ in range(count)])
    batches.close()
    return taken


def test_batches_are_crops_of_the_pictures(source):
    batch = next(stream(source))
    assert (batch.shape, batch.dtype) == ((BATCH, CROP, CROP, 3), np.uint8)
    assert batch.flags.c_contiguous
    for crop in batch:
        flipped = crop[0, 0, 1] > crop[0, -1, 1]
        (top, left, number) = (crop[:, ::-1] if flipped else crop)[0, 0]
        expected = source[number][top : top + CROP, left : left + CROP]
        np.testing.assert_array_equal(crop, expected[:, ::-1] if flipped else expected)


def test_a_batch_of_one_is_a_batch_like_others(source):
    batch = next(stream(source, batch_size=1))
    assert batch.shape == (1, CROP, CROP, 3)
    assert batch.flags.c_contiguous
    assert batch.flags.writeable


def test_every_epoch_has_every_picture_once_in_another_order(source):
    numbers = take(stream(source), 2 * PICTURES)[..., 0, 0, 2].ravel().reshape(-1, PICTURES)
    np.testing.assert_array_equal(np.sort(numbers, axis=1), np.tile(np.arange(PICTURES), (len(numbers), 1)))
    assert len({tuple(epoch) for epoch in numbers}) == len(numbers)


def test_crops_are_spread_evenly_over_all_places_and_both_directions(source):
    crops = take(stream(source.select([0]), batch_size=700), 10).reshape(-1, CROP, CROP, 3)
    flipped = crops[:, 0, 0, 1] > crops[:, 0, -1, 1]
    places = zip(crops[:, 0, 0, 0], np.minimum(crops[:, 0, 0, 1], crops[:, 0, -1, 1]), flipped, strict=True)
    counts = collections.Counter((int(top), int(left), bool(flip)) for top, left, flip in places)
    expected = {(t, l, f) for t in range(HEIGHT - CROP + 1) for l in range(WIDTH - CROP + 1) for f in (False, True)}
    assert set(counts) == expected  # first and last row and column included
    chi_squared = sum((count - 100) ** 2 / 100 for count in counts.values())
    assert chi_squared < 113  # 69 degrees of freedom: exceeded by chance in one of a thousand seeds


def test_a_crop_may_be_as_large_as_the_picture(source):
    crop = next(stream(source, crop=HEIGHT))[0]
    assert crop.shape == (HEIGHT, HEIGHT, 3)
    assert crop[0, 0, 0] == 0


def test_nothing_is_flipped_if_not_asked(source):
    crops = take(stream(source, flip=False), 20).reshape(-1, CROP, CROP, 3)
    assert (crops[:, 0, 0, 1] < crops[:, 0, -1, 1]).all()


def test_the_seed_alone_decides(source, folder):
    expected = take(stream(source), 6)
    for threads in (0, 3, 16):
        np.testing.assert_array_equal(take(stream(source, threads=threads), 6), expected)
    np.testing.assert_array_equal(take(stream(open_source(folder, crop=CROP)), 6), expected)  # no cache
    assert (take(stream(source, seed=2), 6) != expected).any()


@pytest.mark.parametrize("processes", [2, 4, 8])
def test_the_batches_of_all_processes_are_the_batch_of_one(source, processes):
    expected = take(stream(source), 2 * PICTURES)
    parts = [
        take(stream(source, process_index=index, process_count=processes), 2 * PICTURES) for index in range(processes)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)


def test_broken_pictures_leave_no_gap_between_processes(folder, tmp_path):
    for path in folder.iterdir():
        data = path.read_bytes()
        (tmp_path / path.name).write_bytes(data[: len(data) // 2] if path.stem in ("03", "04") else data)
    source = open_source(tmp_path, crop=CROP)
    assert len(source) == PICTURES
    expected = take(stream(source), 6)
    assert set(np.unique(expected[..., 2])) == set(range(PICTURES)) - {3, 4}
    parts = [take(stream(source, process_index=index, process_count=2), 6) for index in range(2)]
    np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected)


# 11 pictures and batches of 8: the first epoch ends within batch 1, the eighth with batch 10.
@pytest.mark.parametrize("done", [0, 1, 2, 5, 11])
def test_a_stream_resumes_exactly(source, done):
    batches = stream(source)
    for _ in range(done):
        next(batches)
    state = json.loads(json.dumps(batches.state()))
    expected = take(batches, 4)
    resumed = stream(source, threads=2)
    next(resumed)
    resumed.restore(state)
    assert resumed.state() == state
    np.testing.assert_array_equal(take(resumed, 4), expected)
    np.testing.assert_array_equal(take(stream(source, start=done), 4), expected)


def test_a_stream_resumes_exactly_with_other_processes(source):
    batches = [stream(source, process_index=index, process_count=2) for index in range(2)]
    for _ in range(3):
        for part in batches:
            next(part)
    assert batches[0].state() == batches[1].state()
    expected = np.concatenate([take(part, 4) for part in batches], axis=1)

    state = stream(source, start=3).state()
    for processes in (1, 4):
        resumed = [stream(source, process_index=index, process_count=processes) for index in range(processes)]
        for part in resumed:
            part.restore(state)
        np.testing.assert_array_equal(np.concatenate([take(part, 4) for part in resumed], axis=1), expected)


def test_a_stream_resumes_exactly_in_a_fresh_process(source, folder):
    batches = stream(source)
    for _ in range(3):
        next(batches)
    code = """
import json, sys, zlib
from jaxcompress.train.data import open_source, training_batches
folder, state, crop, batch_size = json.loads(sys.argv[1])
batches = training_batches(open_source(folder, crop=crop), batch_size=batch_size, crop=crop, seed=1)
batches.restore(state)
for _ in range(3):
    batch = next(batches)
    print(batch.shape, zlib.crc32(batch))
"""
    argument = json.dumps([str(folder), batches.state(), CROP, BATCH])
    command = [sys.executable, "-P", "-W", "error", "-c", code, argument]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    expected = [f"{batch.shape} {zlib.crc32(batch)}" for batch in take(batches, 3)]
    assert (result.stdout.splitlines(), result.stderr) == (expected, "")


def test_a_state_of_other_data_is_refused_with_what_changed(source):
    state = stream(source).state()
    stream(source, threads=3).restore(state)
    changes = [
        (stream(source, seed=5), "seed was 1, is 5"),
        (stream(source, crop=7), "crop was 8, is 7"),
        (stream(source, flip=False), "flip was True, is False"),
        (stream(source, batch_size=4), "batch_size was 8, is 4"),
        (stream(source.select(range(10))), "pictures was 11, is 10; names was '"),
        (stream(source.select([1, 0, *range(2, 11)])), "names was '"),
    ]
    for batches, message in changes:
        with pytest.raises(ValueError, match=f"of other training data: {message}"):
            batches.restore(state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch_size": 6, "process_count": 4}, "batch_size is 6, of all 4 processes; expected a multiple of 4"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"crop": 0}, "crop is 0; expected at least 1"),
        ({"process_index": 2, "process_count": 2}, "process_index is 2 of process_count 2"),
        ({"process_count": 0}, "process_index is 0 of process_count 0"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296; expected"),
        ({"start": -1}, "start is -1"),
    ],
)
def test_arguments_out_of_range_are_refused(source, options, message):
    with pytest.raises(ValueError, match=message):
        stream(source, **options)


def test_a_picture_smaller_than_the_crop_is_told(source):
    with pytest.raises(ValueError, match=r"14 x 12 pixels, fewer than the crop's 13 x 13"):
        next(stream(source, crop=13))
