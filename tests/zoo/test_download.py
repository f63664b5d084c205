"""A file arrives whole and right, or not at all, whatever the server does."""

import hashlib
import random
import ssl
import subprocess

import pytest

from jaxcompress.zoo import download as module
from jaxcompress.zoo.download import download

DATA = random.Random(0).randbytes(200_001)
HASH = hashlib.sha256(DATA).hexdigest()[:8]


@pytest.fixture
def fetch(server, tmp_path):
    """Fetches the file from the server, and makes sure that nothing but it, or its first part, lies there after."""
    server.files["/models/file"] = DATA

    def run(file="file", sha256=HASH):
        path = tmp_path / "file"
        try:
            download(f"{server.address}/{file}", path, sha256=sha256)
        finally:
            assert {found.name for found in tmp_path.iterdir()} <= {"file", "file.part"}
        assert path.read_bytes() == DATA
        assert not (tmp_path / "file.part").exists()

    return run


def ranges(server):
    return [asked for _, asked in server.requests]


def test_a_file_comes_in_one_piece(server, fetch):
    fetch()
    assert ranges(server) == [None]


def test_a_broken_connection_goes_on_where_it_was(server, fetch):
    server.faults += ["break", "break at once", 503, "break", "hang up"]
    fetch()
    assert ranges(server) == [None, "bytes=100000-", "bytes=100000-", "bytes=100000-", "bytes=150000-"]


def test_a_later_call_goes_on_too(server, fetch, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA[:77])
    fetch()
    assert ranges(server) == ["bytes=77-"]


def test_what_had_come_whole_is_only_checked(server, fetch, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA)
    fetch()
    assert ranges(server) == [f"bytes={len(DATA)}-"]


def test_too_much_had_come(server, fetch, tmp_path):
    (tmp_path / "file.part").write_bytes(DATA + b"more")
    fetch()
    assert ranges(server) == [f"bytes={len(DATA) + 4}-", None]


@pytest.mark.parametrize("fault", ["ignore range", "wrong range"])
def test_a_server_that_gives_another_piece_starts_anew(server, fetch, fault):
    server.faults += ["break", fault]
    fetch()
    assert ranges(server) == [None, "bytes=100000-", None][: len(server.requests)]


def test_an_old_part_of_another_file_is_given_up(server, fetch, tmp_path):
    (tmp_path / "file.part").write_bytes(b"old" + DATA[3:1000])
    fetch()
    assert ranges(server) == ["bytes=1000-", None]


def test_wrong_bytes_are_told_and_not_kept(server, fetch, tmp_path):
    server.faults += ["wrong bytes"]
    with pytest.raises(ValueError, match=rf"begins with [0-9a-f]{{8}}, expected {HASH}"):
        fetch()
    assert ranges(server) == [None]
    assert not list(tmp_path.iterdir())
    fetch()


def test_a_server_that_never_finishes_is_given_up(server, fetch, tmp_path):
    server.ignores_ranges = True
    server.faults += ["break"] * 20
    with pytest.raises(ConnectionError, match=r"broke off after 100,000 of 200,001 bytes. What has come is kept"):
        fetch()
    assert len(server.requests) == 1 + module._TRIES
    assert (tmp_path / "file.part").read_bytes() == DATA[:100_000]


def test_a_silent_server_counts_as_broken(server, fetch, monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT_SECONDS", 2)
    server.faults += ["hang"]
    fetch()
    assert len(server.requests) == 2


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_file_that_is_not_there_is_told_at_once(server, fetch, tmp_path, code):
    server.faults += [code]
    with pytest.raises(FileNotFoundError, match=f"it answers {code} .*JAXCOMPRESS_MIRROR"):
        fetch()
    assert len(server.requests) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_server_that_is_busy_is_asked_again(server, fetch, code):
    server.faults += [code] * (module._TRIES - 1)
    fetch()
    server.faults += [code] * module._TRIES
    with pytest.raises(ConnectionError, match=f"the server answers {code}"):
        fetch()


def test_no_server_at_all(server, tmp_path):
    with pytest.raises(ConnectionError, match="refused"):
        download("http://127.0.0.1:1/file", tmp_path / "file", sha256=HASH)


def test_a_pause_grows_with_each_failure(server, fetch, monkeypatch):
    pauses = []
    monkeypatch.setattr(module, "_PAUSE_SECONDS", 1)
    monkeypatch.setattr(module.time, "sleep", pauses.append)
    server.faults += [500, 500, 500, "break", 500]
    fetch()
    assert pauses == [1, 2, 4, 1, 1]


def test_a_certificate_that_is_not_trusted_is_told_at_once(server, tmp_path):
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=127.0.0.1 -keyout {key}"
    )
    try:
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("there is no openssl to make a certificate with")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *_: None  # what the server thinks of it
    address = server.address.replace("http:", "https:")
    with pytest.raises(ConnectionError, match=f"certificate of 127.0.0.1:{server.server_port} is not trusted"):
        download(f"{address}/file", tmp_path / "file", sha256=HASH)


def test_the_bar_goes_to_a_terminal_alone(fetch, capfd):
    fetch()
    assert capfd.readouterr().err == ""
