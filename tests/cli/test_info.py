"""`jaxcompress info` of `.jxc` files: their version and their settings."""

import dataclasses
import json
from pathlib import Path

from jaxcompress.cli import main
from jaxcompress.codec import container

RECORDED = Path(__file__).parent.parent / "golden" / "jxc"


def facts_of(path, capsys):
    assert main(["info", str(path), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_each_version_is_named(capsys):
    assert facts_of(RECORDED / "grey.jxc", capsys)["file"] == ".jxc version 3"
    assert facts_of(RECORDED / "grey-4.jxc", capsys)["file"] == ".jxc version 4"


def test_settings_are_listed(tmp_path, capsys):
    header, strings = container.unpack((RECORDED / "grey-4.jxc").read_bytes())
    assert facts_of(RECORDED / "grey-4.jxc", capsys)["settings"] == "none"
    path = tmp_path / "settings.jxc"
    settings = (("rate", 49), ("detail", 3))
    path.write_bytes(container.pack(dataclasses.replace(header, settings=settings), strings))
    assert facts_of(path, capsys)["settings"] == "rate 49, detail 3"
