"""Find a file of a data set (named folder, cache, then mirrors) and check every byte of it."""

from __future__ import annotations

import gzip
import hashlib
import os
import sys
import zlib
from pathlib import Path

from minicnn.data.errors import DataError
from minicnn.data.registry import RemoteFile

EMBEDDED = 'Or use a set that needs no file: load("digits") or load("glyphs").'


def fetch(dataset: str, file: RemoteFile, *, cache: Path | None = None) -> Path:
    """Path of a file that is there and whose checksum is right; downloaded if need be.

    Looked for in ``$MINICNN_DATA/<dataset>/``, then ``$MINICNN_DATA/``, then `cache` (the
    platform's cache folder unless given). What is found in none is downloaded to the cache, from
    the first mirror that gives the right bytes.

    Raises
    ------
    DataError
        The file is damaged, no mirror gave it, or the cache cannot be written.
    """
    cache = cache or _default_cache(dataset)
    return find(dataset, file, cache=cache) or _download(dataset, file, cache)


def find(dataset: str, file: RemoteFile, *, cache: Path | None = None) -> Path | None:
    """Like `fetch` without the network: None where the file is not there, or damaged in the cache.

    Raises
    ------
    DataError
        The file is damaged in the folder that ``MINICNN_DATA`` names.
    """
    for place in _named_places(dataset, file):
        if place.exists():
            _verify(dataset, place, file)
            return place
    target = (cache or _default_cache(dataset)) / file.name
    return target if target.is_file() and _is_right(dataset, target, file) else None


def contents(dataset: str, path: Path) -> bytes:
    """Decompressed bytes of a gzip file; `DataError` where it is cut short or damaged."""
    try:
        with gzip.open(path, "rb") as stream:
            return stream.read()
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        what = "ends too early" if isinstance(error, EOFError) else "is not a sound gzip file"
        raise DataError(
            f"{dataset}: {path} {what} ({error}), so it was cut short or damaged. "
            f"Delete it and load again to download it afresh. {EMBEDDED}"
        ) from error
    except OSError as error:
        raise DataError(
            f"{dataset}: {path} cannot be read ({error}). Mend its permissions, or delete it. "
            f"{EMBEDDED}"
        ) from error


def _default_cache(dataset: str) -> Path:
    import pooch

    return Path(pooch.os_cache("minicnn")) / dataset


def _named_places(dataset: str, file: RemoteFile) -> list[Path]:
    """Where MINICNN_DATA may hold the file; empty when the variable is not set."""
    named = os.environ.get("MINICNN_DATA")
    if not named:
        return []
    root = Path(named).expanduser()
    if not root.is_dir():
        raise DataError(
            f"MINICNN_DATA names {named}, which is not a folder. "
            f"Point it at the folder that holds {dataset}/{file.name}, or unset it to download."
        )
    return [root / dataset / file.name, root / file.name]


def _is_right(dataset: str, path: Path, file: RemoteFile) -> bool:
    """Whether the archive, or what is inside it, has the checksum of the published file."""
    try:
        with path.open("rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256:
                return True
    except OSError as error:
        raise DataError(
            f"{dataset}: {path} cannot be read ({error}). Mend its permissions, or remove it to "
            f"download the file. {EMBEDDED}"
        ) from error
    if file.contents_sha256 is None:
        return False
    try:
        with gzip.open(path, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.contents_sha256
    except (EOFError, OSError, zlib.error):
        return False


def _verify(dataset: str, path: Path, file: RemoteFile) -> None:
    if _is_right(dataset, path, file):
        return
    if path.name.endswith(".gz") and not path.name.endswith(".tar.gz"):
        contents(dataset, path)  # says so where the file was cut short
    raise DataError(
        f"{dataset}: {path} is not the published file (its SHA-256 differs): it is damaged, or "
        f"from another set. Keep the right one in MINICNN_DATA/{dataset}/, or unset MINICNN_DATA "
        f"to download it. {EMBEDDED}"
    )


def _download(dataset: str, file: RemoteFile, cache: Path) -> Path:
    """Try the mirrors in turn. The file appears in the cache only once it is whole and right."""
    import pooch

    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not os.access(cache, os.W_OK):
            raise PermissionError(f"no permission to write in {cache}")
    except OSError as error:
        raise DataError(
            f"{dataset}: {file.name} cannot be stored in the cache folder {cache} ({error}). "
            f"Make that folder writable, or put the file in a folder that MINICNN_DATA names. "
            f"{EMBEDDED}"
        ) from error

    failures = []
    for url in file.urls:
        downloader = pooch.HTTPDownloader(progressbar=sys.stderr.isatty(), timeout=30)
        try:
            pooch.retrieve(
                url, f"sha256:{file.sha256}", fname=file.name, path=cache, downloader=downloader
            )
        except (OSError, ValueError) as error:  # OSError: all of requests; ValueError: wrong hash
            failures.append(f"  {url}: {_reason(error)}")
        else:
            return cache / file.name
    tried = "\n".join(failures)
    there = (cache / file.name).exists()
    raise DataError(
        f"{dataset}: {file.name} is not in MINICNN_DATA "
        f"({os.environ.get('MINICNN_DATA') or 'not set'}), "
        f"{'is damaged in' if there else 'nor in'} the cache {cache}, "
        f"and no mirror gave it:\n{tried}\n"
        f"Connect to the network and load again, or put the file in a folder that MINICNN_DATA "
        f"names. {EMBEDDED}"
    )


def _reason(error: Exception) -> str:
    """One short line: the libraries' own messages nest several exceptions."""
    text = str(error)
    if isinstance(error, ValueError):
        return "what came does not have the right SHA-256"
    for sign, meaning in (
        ("NameResolution", "host not found (no network?)"),
        ("Connection refused", "connection refused"),
        ("timed out", "timed out"),
        ("IncompleteRead", "the transfer broke off"),
    ):
        if sign in text:
            return meaning
    text = " ".join(text.split()).partition(" for url:")[0]
    return text[:160] or type(error).__name__
