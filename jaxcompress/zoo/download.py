"""Files from the network: whole and checked, or none. A download that broke off goes on where it was."""

import contextlib
import hashlib
import http.client
import os
import re
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from tqdm import tqdm

# Of silence, after which a connection counts as broken.
_TIMEOUT_SECONDS = 30
# In a row that brought nothing new.
_TRIES = 5
# After the first of them; it doubles with each.
_PAUSE_SECONDS = 1.0
_CHUNK = 2**16
# What a server says when asking again may help; so does every 5xx.
_BUSY = (408, 425, 429)


class _BrokenOffError(Exception):
    """The connection broke, or the server could not answer now."""


def download(address: str, path: Path, *, sha256: str) -> None:
    """Fetches a file, with a bar on standard error if that is a terminal.

    What has come so far lies beside it under the suffix `.part`, also after an error: the next call goes on from there.
    One process at a time may fetch a file.

    Args:
        address: http or https.
        path: where to.
        sha256: how the hash of the file must begin, in hex digits.

    Raises:
        ConnectionError: there was no getting through, or the server's certificate is not trusted.
        FileNotFoundError: the server has no such file, or does not give it.
        ValueError: what came has another hash; it is not kept.
    """
    part = path.with_name(f"{path.name}.part")
    for _ in range(2):  # if a file of several pieces is wrong, one of them may be old
        in_one_piece = _receive(address, part)
        with open(part, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if digest.startswith(sha256):
            os.replace(part, path)
            return
        part.unlink()
        if in_one_piece:
            break
    raise ValueError(
        f"what came from {address} is another file: its SHA-256 begins with {digest[: len(sha256)]}, expected "
        f"{sha256}. It was not kept: something between here and the server may have changed it, such as a login page"
    )


def _receive(address: str, part: Path) -> bool:
    """Fetches what is missing, again and again while it breaks off; whether all came in one piece."""
    start = furthest = _size(part)
    failures = 0
    with tqdm(desc=part.stem, unit="B", unit_scale=True, unit_divisor=1024, leave=False, disable=None) as bar:
        while True:
            try:
                _receive_piece(address, part, bar)
                return start == furthest == 0
            except _BrokenOffError as error:
                failures = 0 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures == _TRIES:
                    raise ConnectionError(
                        f"there is no getting {address}: {error}. What has come is kept, and the next call goes on "
                        f"from there; JAXCOMPRESS_MIRROR names another server"
                    ) from error
                time.sleep(_PAUSE_SECONDS * 2 ** max(failures - 1, 0))


def _receive_piece(address: str, part: Path, bar: tqdm) -> None:
    """Fetches what is missing over one connection."""
    start = _size(part)
    request = urllib.request.Request(address, headers={"User-Agent": "jaxcompress"})
    if start:
        request.add_header("Range", f"bytes={start}-")
    try:
        response = _open(request)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 416:  # nothing is missing, or there is more than the file has
                if error.headers.get("Content-Range") == f"bytes */{start}":
                    return
                part.unlink()
                raise _BrokenOffError("what had come is longer than the file") from error
            if error.code in _BUSY or error.code >= 500:
                raise _BrokenOffError(f"the server answers {error.code} {error.reason}") from error
        raise FileNotFoundError(
            f"the server does not give {address}: it answers {error.code} {error.reason}; JAXCOMPRESS_MIRROR names "
            f"another server"
        ) from error
    with response:
        if response.status == 206:
            piece = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if piece is None or int(piece[1]) != start:
                part.unlink()
                raise _BrokenOffError("the server gives another piece than the one asked for")
        else:
            start = 0  # it gives the whole file, whatever was asked for
        length = response.headers.get("Content-Length")
        bar.total = None if length is None else start + int(length)
        bar.n = start
        with open(part, "ab" if start else "wb") as file:
            while chunk := _read(response):
                file.write(chunk)
                bar.update(len(chunk))
    if length is not None and _size(part) < start + int(length):
        raise _BrokenOffError(f"the connection broke off after {_size(part):,} of {start + int(length):,} bytes")


def _open(request: urllib.request.Request):
    try:
        return urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError:
        raise
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise ConnectionError(
                f"the certificate of {urlsplit(request.full_url).netloc} is not trusted: {reason.verify_message}. "
                f"Check the clock; SSL_CERT_FILE names a file of certificates to trust, such as those of a proxy"
            ) from error
        raise _BrokenOffError(str(reason) or type(reason).__name__) from error


def _read(response: http.client.HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _BrokenOffError(str(error) or type(error).__name__) from error


def _size(path: Path) -> int:
    with contextlib.suppress(FileNotFoundError):
        return path.stat().st_size
    return 0
