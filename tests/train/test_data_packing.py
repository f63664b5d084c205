"""ArrayRecord shards: packed, found, read, and refused where something is missing."""

import argparse
import pickle

import numpy as np
import pytest
from array_record.python.array_record_data_source import ArrayRecordDataSource
from array_record.python.array_record_module import ArrayRecordReader
from PIL import Image

from jaxcompress.cli import pack as command
from jaxcompress.train.data import open_source, pack, training_batches


@pytest.fixture
def folder(tmp_path):
    """Six good pictures, two small, three broken."""
    root = tmp_path / "pictures"
    (root / "deeper").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for number, name in enumerate(("a.png", "b.jpg", "c.png", "deeper/a.jpg", "deeper/b.png", "e.webp")):
        shape = (32, 40, 3) if number else (40, 32)
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(root / name)
    for name, shape in (("s.png", (31, 40, 3)), ("t.jpg", (40, 31, 3))):
        Image.fromarray(rng.integers(0, 256, shape, np.uint8)).save(root / name)
    (root / "empty.png").write_bytes(b"")
    (root / "text.jpg").write_text("no picture")
    (root / "truncated.jpg").write_bytes((root / "b.jpg").read_bytes()[:700])
    return root


def shards(folder):
    return sorted(path.name for path in folder.iterdir())


def test_shards_hold_the_bytes_of_the_good_files_in_order(folder, tmp_path, caplog):
    packed = pack(folder, tmp_path / "out", crop=32)
    assert shards(tmp_path / "out") == ["train-00000-of-00001.array_record"]
    path = tmp_path / "out" / "train-00000-of-00001.array_record"
    good = ["a.png", "b.jpg", "c.png", "deeper/a.jpg", "deeper/b.png", "e.webp"]
    assert list(ArrayRecordDataSource([str(path)])) == [(folder / name).read_bytes() for name in good]
    assert packed == (6, 1, path.stat().st_size, 2, 3)
    for name in ("empty.png", "text.jpg", "truncated.jpg"):
        assert f"{name} is not packed" in caplog.text


def test_a_full_shard_is_followed_by_another(folder, tmp_path):
    packed = pack(folder, tmp_path, crop=32, shard_bytes=1, overwrite=False)
    assert packed.shards == 6
    assert [name for name in shards(tmp_path) if "train" in name] == [
        f"train-{number:05d}-of-00006.array_record" for number in range(6)
    ]
    reader = ArrayRecordReader(str(tmp_path / "train-00003-of-00006.array_record"))
    assert "group_size:1," in reader.writer_options_string()
    reader.close()


@pytest.mark.parametrize("place", [".", "train"])
def test_training_from_shards_is_training_from_the_files(folder, tmp_path, place, caplog):
    for path in [*folder.glob("[set][.emr]*")]:
        if path.name != "e.webp":
            path.unlink()
    pack(folder, tmp_path / "out" / place, crop=32, shard_bytes=5000)
    files, records = open_source(folder, crop=32), open_source(tmp_path / "out", crop=32)
    assert len(records) == len(files) == 6
    assert records.name(0) == "train-00000-of-00003.array_record:0"
    options = {"batch_size": 4, "crop": 32, "seed": 3}
    ours, theirs = training_batches(records, **options), training_batches(files, **options)
    for _ in range(4):
        np.testing.assert_array_equal(next(ours), next(theirs))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(records))[4], files[4])


def test_a_folder_beside_shards_is_the_test_split(folder, tmp_path):
    pack(folder, tmp_path / "out", crop=32)
    (tmp_path / "out" / "val").mkdir()
    Image.new("RGB", (32, 32)).save(tmp_path / "out" / "val" / "v.png")
    assert open_source(tmp_path / "out", crop=32, split="test").name(0) == "v.png"


def test_records_that_cannot_be_used_give_way_to_the_next(folder, tmp_path, caplog):
    pack(folder, tmp_path / "out", crop=32)
    source = open_source(tmp_path / "out", crop=40)
    with pytest.raises(ValueError, match="none of 6 pictures"):
        source[0]
    assert "40 x 32 pixels, fewer than the crop's 40 x 40" in caplog.text

    path = tmp_path / "out" / "train-00000-of-00001.array_record"
    data = bytearray(path.read_bytes())
    start = data.index((folder / "b.jpg").read_bytes())
    data[start + 50 : start + 60] = bytes(10)
    path.write_bytes(data)
    source = open_source(tmp_path / "out", crop=32)
    np.testing.assert_array_equal(source[1], source[2])
    assert f"the picture {path.name}:1 is left out, the next takes its place: record 1 of {path}" in caplog.text


def test_missing_and_damaged_shards_are_refused(folder, tmp_path):
    pack(folder, tmp_path / "out", crop=32, shard_bytes=1)
    path = tmp_path / "out" / "train-00002-of-00006.array_record"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=f"{path} is no ArrayRecord shard, or is damaged"):
        open_source(tmp_path / "out", crop=32)
    path.unlink()
    with pytest.raises(ValueError, match=r"has 5 of the 6 shards train-\*-of-00006; number 2 is missing"):
        open_source(tmp_path / "out", crop=32)


def test_shards_are_replaced_only_if_asked(folder, tmp_path):
    pack(folder, tmp_path / "out", crop=32, shard_bytes=1)
    before = shards(tmp_path / "out")
    with pytest.raises(FileExistsError, match=r"holds train-00000-of-00006.array_record; .*--force"):
        pack(folder, tmp_path / "out", crop=32)
    assert shards(tmp_path / "out") == before
    pack(folder, tmp_path / "out", crop=32, overwrite=True)
    assert shards(tmp_path / "out") == ["train-00000-of-00001.array_record"]


def test_an_interruption_leaves_the_old_shards_and_nothing_else(folder, tmp_path, monkeypatch):
    pack(folder, tmp_path / "out", crop=32)
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    decoded = []

    def interrupted(file):
        decoded.append(file)
        if len(decoded) == 5:
            assert len(shards(tmp_path / "out")) == 2  # written beside, to be renamed on the same file system
            raise KeyboardInterrupt
        return np.zeros((32, 32, 3), np.uint8)

    monkeypatch.setattr("jaxcompress.train.data.packing.decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        pack(folder, tmp_path / "out", crop=32, shard_bytes=1, overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_packing_nothing_is_an_error(folder, tmp_path):
    with pytest.raises(ValueError, match=r"41 x 41 pixels; found were 11 image files, 8 smaller and 3 unreadable"):
        pack(folder, tmp_path / "out", crop=41)
    assert shards(tmp_path / "out") == []
    with pytest.raises(ValueError, match="shard_bytes is 0"):
        pack(folder, tmp_path / "out", crop=32, shard_bytes=0)
    with pytest.raises(FileNotFoundError, match="no folder"):
        pack(tmp_path / "nowhere", tmp_path / "out", crop=32)


def test_the_command_packs_and_tells_in_one_line(folder, tmp_path, capsys):
    parser = argparse.ArgumentParser(prog="jaxcompress")
    command.add_parser(parser.add_subparsers())
    arguments = ["train pack", str(folder), "-o", str(tmp_path / "out"), "--crop", "32"]
    args = parser.parse_args(arguments)
    args.run(args)
    size = (tmp_path / "out" / "train-00000-of-00001.array_record").stat().st_size
    assert capsys.readouterr().out == (
        f"{tmp_path / 'out'}: 6 pictures in 1 shard, {size:,} bytes; left out: 2 smaller than 32 x 32, 3 unreadable\n"
    )
    with pytest.raises(FileExistsError):
        args.run(args)
    args = parser.parse_args([*arguments, "--force"])
    args.run(args)
    with pytest.raises(SystemExit):
        parser.parse_args(["train pack", "--help"])
    assert capsys.readouterr().out.splitlines()[1].startswith("usage: jaxcompress train pack ")
