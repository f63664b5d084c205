"""A server on this machine in place of the published files', which can be told to misbehave."""

import contextlib
import hashlib
import http.server
import re
import threading

import pytest

from jaxcompress.zoo import download, published


class _Handler(http.server.BaseHTTPRequestHandler):
    """Serves `server.files`, and does to each request what stands first in `server.faults`."""

    def do_GET(self):
        server = self.server
        with server.lock:
            server.requests.append((self.path, self.headers.get("Range")))
            fault = server.faults.pop(0) if server.faults else None
        data = server.files.get(self.path)
        if isinstance(fault, int) or data is None:
            self.send_error(fault if isinstance(fault, int) else 404)
            return
        start = 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        if asked and fault != "ignore range" and not server.ignores_ranges:
            start = int(asked[1])
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.end_headers()
                return
            if fault == "wrong range":
                start -= 1
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if fault == "wrong bytes":
            data = data[:-1] + bytes([data[-1] ^ 1])
        if fault == "break":
            self.wfile.write(data[start : start + (len(data) - start) // 2])
        elif fault == "break at once":
            pass
        elif fault == "hang":
            self.wfile.write(data[start : start + 1000])
            self.wfile.flush()
            server.released.wait(60)
        else:
            self.wfile.write(data[start:])

    def handle(self):
        with contextlib.suppress(ConnectionError):  # the other side had enough
            super().handle()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    """Files by path, faults of the requests to come, and the requests so far: path and range."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: list[int | str | None] = []
        self.requests: list[tuple[str, str | None]] = []
        self.ignores_ranges = False
        self.lock, self.released = threading.Lock(), threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/models"


@pytest.fixture
def server(monkeypatch):
    """One without faults yet, and a client that is quick to try again."""
    monkeypatch.setattr(download, "_PAUSE_SECONDS", 0)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def zoo_folder(server, tmp_path, monkeypatch, golden_checkpoint):
    """Where weights are kept; recorded checkpoints stand for the published files, at every quality."""
    for name in ("JAXCOMPRESS_OFFLINE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JAXCOMPRESS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JAXCOMPRESS_MIRROR", server.address)
    for name in ("bmshj2018-factorized", "mbt2018-mean"):
        data = golden_checkpoint(name)
        hashes = " ".join([hashlib.sha256(data).hexdigest()[:8]] * 8)
        series = published.Series(published.SERIES[name, "mse"].stem, hashes)
        monkeypatch.setitem(published.SERIES, (name, "mse"), series)
        for quality in range(1, 9):
            server.files[f"/models/{published.checkpoint(name, quality).file}"] = data
    return tmp_path / "home" / "weights"
