"""Pictures of a folder, of Vimeo-90K's lists, and those that cannot be used."""

import logging
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from PIL import Image

from jaxcompress.train.data import (
    ImageFiles,
    Pictures,
    hold_out,
    open_source,
    training_batches,
    validation_pictures,
)


def noise(*shape, seed=0, dtype=np.uint8):
    return np.random.default_rng(seed).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def truncate(path):
    path.write_bytes(path.read_bytes()[:-100])


def names(source):
    return [source.name(index) for index in range(len(source))]


def test_every_kind_of_picture_becomes_rgb(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    colour, grey = save(tmp_path / "a.png", noise(20, 30, 3)), save(tmp_path / "b.png", noise(20, 30))
    alpha, deep = save(tmp_path / "c.png", noise(20, 30, 4)), save(tmp_path / "d.png", noise(20, 30, dtype=np.uint16))
    turned = save(tmp_path / "e.png", noise(20, 30, 3), exif=exif)
    source = open_source(tmp_path, crop=20)

    assert all(picture.dtype == np.uint8 and picture.shape[2] == 3 for picture in source)
    np.testing.assert_array_equal(source[0], colour)
    np.testing.assert_array_equal(source[1], np.stack([grey] * 3, axis=-1))
    opacity = alpha[..., 3:] / 255
    np.testing.assert_allclose(source[2], alpha[..., :3] * opacity + 255 * (1 - opacity), atol=1)  # rounding
    np.testing.assert_array_equal(source[3][..., 1], np.rint(deep / 257))
    np.testing.assert_array_equal(source[4], np.rot90(turned, -1))


def test_a_folder_is_searched_at_any_depth_and_sorted_by_path(tmp_path):
    for name in ("b/z.PNG", "b/a.Jpeg", "a.png", "b.png", "c/d/e.webp"):
        save(tmp_path / name, noise(8, 8, 3))
    for name in (".hidden.png", ".folder/a.png", "b/.DS_Store.png"):
        save(tmp_path / name, noise(8, 8, 3))
    (tmp_path / "list.txt").write_text("no picture")
    source = open_source(tmp_path, crop=8)
    assert names(source) == ["a.png", "b.png", "b/a.Jpeg", "b/z.PNG", "c/d/e.webp"]


def test_links_to_folders_are_followed_once(tmp_path):
    save(tmp_path / "elsewhere" / "a.png", noise(8, 8, 3))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(tmp_path / "data")
    assert names(open_source(tmp_path / "data", crop=8)) == ["link/a.png"]


def test_small_and_unreadable_files_are_left_out_and_counted(tmp_path, caplog):
    save(tmp_path / "good.png", noise(16, 16, 3))
    save(tmp_path / "low.png", noise(15, 40, 3))
    save(tmp_path / "narrow.png", noise(40, 15, 3))
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    source = open_source(tmp_path, crop=16)
    assert names(source) == ["good.png"]
    assert "1 pictures; left out are 2 smaller than 16 x 16 and 2 unreadable, such as empty.png" in caplog.text


def test_nothing_is_said_of_a_good_folder(tmp_path, caplog, capfd):
    save(tmp_path / "a.png", noise(16, 16, 3))
    open_source(tmp_path, crop=16)[0]
    assert not caplog.text
    assert capfd.readouterr() == ("", "")


def test_the_next_picture_stands_for_a_broken_one_which_is_reported_once(tmp_path, caplog):
    for name in "abcd":
        save(tmp_path / f"{name}.jpg", noise(32, 32, 3, seed=ord(name)))
    truncate(tmp_path / "b.jpg")
    truncate(tmp_path / "d.jpg")
    source = open_source(tmp_path, crop=16)
    assert len(source) == 4  # their headers are good
    for _ in range(2):
        np.testing.assert_array_equal(source[1], source[2])
        np.testing.assert_array_equal(source[3], source[0])
    records = [record for record in caplog.records if record.name == "jaxcompress"]
    assert [record.levelno for record in records] == [logging.WARNING] * 2
    assert ["b.jpg" in records[0].message, "d.jpg" in records[1].message, "truncated" in caplog.text] == [True] * 3


def test_a_picture_that_vanished_or_shrank_is_skipped(tmp_path, caplog):
    for name in "abc":
        save(tmp_path / f"{name}.png", noise(16, 16, 3, seed=ord(name)))
    source = open_source(tmp_path, crop=16)
    (tmp_path / "a.png").unlink()
    save(tmp_path / "b.png", noise(15, 16, 3))
    np.testing.assert_array_equal(source[0], source[2])
    assert "No such file" in caplog.text
    assert "16 x 15 pixels, fewer than the crop's 16 x 16" in caplog.text


def test_it_raises_if_every_picture_is_broken(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.jpg", noise(32, 32, 3))
        truncate(tmp_path / f"{name}.jpg")
    with pytest.raises(ValueError, match=r"none of 2 pictures can be read.*such as b.jpg"):
        open_source(tmp_path, crop=16)[1]


def test_a_source_is_indexed_like_a_sequence(tmp_path):
    for name in "ab":
        save(tmp_path / f"{name}.png", noise(8, 8, 3, seed=ord(name)))
    source = open_source(tmp_path, crop=8)
    np.testing.assert_array_equal(source[-1], source[np.int64(1)])
    assert len(list(source)) == 2
    with pytest.raises(IndexError):
        source[2]


@pytest.mark.parametrize("frames", [("sep", 7), ("tri", 3)])
def test_vimeo_lists_name_every_frame(tmp_path, frames, caplog):
    kind, count = frames
    for sequence in ("00001/0001", "00001/0002", "00002/0001"):
        for frame in range(1, 8):
            save(tmp_path / "sequences" / sequence / f"im{frame}.png", noise(8, 8, 3))
    (tmp_path / f"{kind}_trainlist.txt").write_text("00002/0001\n\n00001/0001\n   \n")
    (tmp_path / f"{kind}_testlist.txt").write_text("00001/0002")
    train, test = open_source(tmp_path, crop=8), open_source(tmp_path, crop=8, split="test")
    assert len(train) == 2 * count
    assert names(train)[0] == "sequences/00001/0001/im1.png"
    assert names(train)[-1] == f"sequences/00002/0001/im{count}.png"
    assert not caplog.text  # empty lines are none
    assert names(test) == [f"sequences/00001/0002/im{frame}.png" for frame in range(1, count + 1)]

    (tmp_path / "sequences" / "00001" / "0002" / "im2.png").unlink()
    assert len(open_source(tmp_path, crop=8, split="test")) == count - 1
    assert "1 unreadable, such as sequences/00001/0002/im2.png" in caplog.text
    (tmp_path / f"{kind}_testlist.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no split 'test'; expected one of Vimeo-90K's lists"):
        open_source(tmp_path, crop=8, split="test")
    (tmp_path / "sequences").rename(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*sequences"):
        open_source(tmp_path, crop=8)


@pytest.mark.parametrize("name", ["test", "val", "validation"])
def test_split_folders_are_told_apart(tmp_path, name):
    save(tmp_path / "train" / "a.png", noise(8, 8, 3))
    save(tmp_path / name / "b.png", noise(8, 8, 3))
    assert names(open_source(tmp_path, crop=8)) == ["a.png"]
    assert names(open_source(tmp_path, crop=8, split="test")) == ["b.png"]


def test_a_folder_named_test_is_training_data_where_no_folder_is_named_train(tmp_path):
    save(tmp_path / "test" / "b.png", noise(8, 8, 3))
    assert names(open_source(tmp_path, crop=8)) == ["test/b.png"]
    with pytest.raises(FileNotFoundError, match="has no split 'test'"):
        open_source(tmp_path, crop=8, split="test")


def test_errors_say_what_was_given_and_expected(tmp_path):
    save(tmp_path / "a.png", noise(8, 8, 3))
    (tmp_path / "b.png").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*nowhere; give one"):
        open_source(tmp_path / "nowhere", crop=8)
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*a.png"):
        open_source(tmp_path / "a.png", crop=8)
    with pytest.raises(ValueError, match=r"9 x 9 pixels; found were 2 image files, 1 smaller .* and 1 unreadable"):
        open_source(tmp_path, crop=9)
    with pytest.raises(ValueError, match="split is 'dev'; expected one of 'train', 'test'"):
        open_source(tmp_path, crop=8, split="dev")
    with pytest.raises(ValueError, match="crop is 0; expected at least 1"):
        open_source(tmp_path, crop=0)


class Counted(ImageFiles):
    """Files that count how often one is opened."""

    opened = 0

    def open(self, index):
        self.opened += 1
        return super().open(index)


def test_the_cache_keeps_what_fits_and_changes_nothing(tmp_path):
    for name in "abcd":
        save(tmp_path / f"{name}.png", noise(8, 8, seed=ord(name)))
    files = Counted(tmp_path, [f"{name}.png" for name in "abcd"])
    plain = Pictures(ImageFiles(tmp_path, [f"{name}.png" for name in "abcd"]), crop=8)
    cached = Pictures(files, crop=8, cache_bytes=2 * 8 * 8 * 3 + 1)
    for _ in range(3):
        for index in range(4):
            np.testing.assert_array_equal(cached[index], plain[index])
    assert files.opened == 2 + 3 * 2  # two fit
    with pytest.raises(ValueError, match="read-only"):
        cached[0][:] = 0


def test_threads_share_a_source(tmp_path, caplog):
    for name in "abcd":
        save(tmp_path / f"{name}.jpg", noise(64, 64, 3, seed=ord(name)))
    truncate(tmp_path / "c.jpg")
    source, expected = open_source(tmp_path, crop=8, cache_bytes=2 * 64 * 64 * 3), open_source(tmp_path, crop=8)
    same = []

    def work():
        same.extend(np.array_equal(source[index], expected[3 if index == 2 else index]) for index in range(4))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert same == [True] * 64
    assert caplog.text.count("the picture c.jpg is left out") == 1


def test_sources_can_be_pickled(tmp_path):
    for name in "abc":
        save(tmp_path / f"{name}.png", noise(8, 8, 3, seed=ord(name)))
    save(tmp_path / "0.png", noise(7, 8, 3))
    source = open_source(tmp_path, crop=8, cache_bytes=1000).select([2, 1, 0]).select([0, 2])
    source[0]
    copy = pickle.loads(pickle.dumps(source))
    assert names(copy) == ["c.png", "a.png"]
    assert copy.fingerprint() == source.fingerprint()
    np.testing.assert_array_equal(copy[0], source[0])


def test_the_fingerprint_is_of_the_names_below_the_folder(tmp_path):
    for folder, files in (("one", "ab"), ("same", "ab"), ("other", "ac")):
        for name in files:
            save(tmp_path / folder / f"{name}.png", noise(8, 8, 3))
    one, same, other = (open_source(tmp_path / folder, crop=8).fingerprint() for folder in ("one", "same", "other"))
    assert one == same != other


def test_held_out_pictures_are_evenly_spaced_and_never_trained_with(tmp_path, caplog):
    for number in range(10):
        save(tmp_path / f"{number}.png", noise(32, 32, 3, seed=number))
    truncate(tmp_path / "1.png")
    source = open_source(tmp_path, crop=32)
    train, held = hold_out(source, 3)
    assert names(held) == ["1.png", "5.png", "8.png"]
    assert sorted(names(train) + names(held)) == names(source)
    np.testing.assert_array_equal(held[0], held[1])  # not 2.png, which is trained with
    for count in (0, 10, 11):
        with pytest.raises(ValueError, match=rf"{count} of 10 pictures cannot be held out"):
            hold_out(source, count)


def test_validation_pictures_are_the_centres(tmp_path):
    pictures = [save(tmp_path / f"{number}.png", noise(10 + number, 13, 3, seed=number)) for number in range(4)]
    source = open_source(tmp_path, crop=8)
    assert len(validation_pictures(source, count=9, crop=8)) == 4
    one, three = validation_pictures(source, count=2, crop=8)
    np.testing.assert_array_equal(one, pictures[1][1:9, 2:10])
    np.testing.assert_array_equal(three, pictures[3][2:10, 2:10])
    with pytest.raises(ValueError, match="count is 0"):
        validation_pictures(source, count=0, crop=8)
    with pytest.raises(ValueError, match="fewer than the crop's 12 x 12"):
        validation_pictures(source, count=4, crop=12)


def test_importing_does_not_import_grain():
    code = "import sys, jaxcompress.train.data; print([m for m in ('grain', 'array_record') if m in sys.modules])"
    result = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_without_grain_the_error_says_what_to_install(tmp_path, monkeypatch):
    save(tmp_path / "a.png", noise(8, 8, 3))
    monkeypatch.setitem(sys.modules, "grain", None)
    with pytest.raises(ImportError, match=r"needs grain .*pip install 'jaxcompress\[train\]'"):
        training_batches(open_source(tmp_path, crop=8), batch_size=1, crop=8, seed=0)


def test_held_out_pictures_may_have_to_be_larger_than_those_to_train_with(tmp_path, caplog):
    for name, side in (("a", 20), ("b", 40), ("c", 40), ("d", 20)):
        save(tmp_path / f"{name}.png", noise(side, side, 3))
    train, held = hold_out(open_source(tmp_path, crop=16), 3, crop=32)
    assert names(train) == ["b.png"]
    assert names(held) == ["a.png", "c.png", "d.png"]
    assert {picture.shape for picture in validation_pictures(held, count=3, crop=32)} == {(32, 32, 3)}
    assert "a.png is left out" in caplog.text
