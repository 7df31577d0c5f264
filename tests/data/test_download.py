"""Files of a data set: found, checked, downloaded from a server that misbehaves in every way."""

import gzip
import hashlib
import http.server
import io
import tarfile
import threading

import numpy as np
import pooch
import pytest

from minicnn import data
from minicnn.data import cifar, registry
from minicnn.data.download import contents, fetch
from minicnn.data.errors import DataError
from minicnn.data.idx import load_split, parse_idx
from minicnn.data.registry import RemoteFile, Split


def idx(array: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
    return header + array.astype(np.uint8).tobytes()


def sha(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


IMAGES = idx(np.arange(5 * 4 * 3).reshape(5, 4, 3))
PACKED = gzip.compress(IMAGES, mtime=0)


def remote(*urls: str, packed: bytes = PACKED, name: str = "images.gz") -> RemoteFile:
    return RemoteFile(name, sha(packed), urls, sha(gzip.decompress(packed)))


@pytest.fixture
def server():
    """A web server on this machine; `answers` maps a path to (status, body, announced length)."""
    answers: dict[str, tuple[int, bytes, int]] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            status, body, length = answers.get(self.path, (404, b"", 0))
            self.send_response(status)
            self.send_header("Content-Length", str(length))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            return None

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        address = f"http://127.0.0.1:{running.server_address[1]}"

        def publish(path: str, body: bytes, *, status: int = 200, length: int | None = None):
            answers[path] = (status, body, len(body) if length is None else length)
            return address + path

        yield publish
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _no_folder_named(monkeypatch):
    monkeypatch.delenv("MINICNN_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_the_second_mirror_is_tried_and_the_cache_is_used_afterwards(server, tmp_path):
    file = remote(server("/gone", b"", status=404), server("/ok", PACKED))
    path = fetch("toy", file, cache=tmp_path / "cache")
    assert path.read_bytes() == PACKED
    assert fetch("toy", file._replace(urls=()), cache=tmp_path / "cache") == path


def test_every_bad_answer_is_named_and_leaves_no_file(server, tmp_path):
    flipped = PACKED[:-9] + bytes([PACKED[-9] ^ 1]) + PACKED[-8:]
    file = remote(
        server("/error", b"oops", status=503),
        server("/flipped", flipped),
        server("/short", PACKED[:20], length=len(PACKED)),
        server("/cut", PACKED[:20]),
        "http://127.0.0.1:9/closed",
    )
    with pytest.raises(DataError) as caught:
        fetch("toy", file, cache=tmp_path)
    message = str(caught.value)
    for part in ("images.gz", "503", "SHA-256", "refused", "MINICNN_DATA", '"digits"', '"glyphs"'):
        assert part in message
    assert message.count("http://127.0.0.1") == 5
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_in_the_cache_is_replaced_or_reported(server, tmp_path):
    (tmp_path / "images.gz").write_bytes(PACKED[:30])
    with pytest.raises(DataError, match="is damaged in the cache"):
        fetch("toy", remote("http://127.0.0.1:9/closed"), cache=tmp_path)
    assert fetch("toy", remote(server("/ok", PACKED)), cache=tmp_path).read_bytes() == PACKED


def test_a_cache_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be stored in the cache folder .*writable"):
        fetch("toy", remote("http://127.0.0.1:9/"), cache=tmp_path / "file" / "cache")


@pytest.mark.parametrize("place", ["toy/images.gz", "images.gz"])
def test_named_folder(place, tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    path = tmp_path / place
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(PACKED)
    assert fetch("toy", remote()) == path

    path.write_bytes(gzip.compress(IMAGES, 1, mtime=5))  # another archive of the same bytes
    assert fetch("toy", remote()) == path

    for damaged, says in (
        (PACKED[:-12], "ends too early"),
        (PACKED[:30] + bytes([PACKED[30] ^ 255]) + PACKED[31:], "toy"),
        (gzip.compress(IMAGES[:-1] + b"\0"), "SHA-256 differs"),
        (b"<html>not found</html>", "not a sound gzip file"),
    ):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=says) as caught:
            fetch("toy", remote())
        assert str(path) in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    (tmp_path / "images.gz").mkdir()  # in the place of the file
    with pytest.raises(DataError, match=r"cannot be read .*permissions"):
        fetch("toy", remote())


def test_a_named_folder_that_is_none(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match="not a folder"):
        fetch("toy", remote())


def test_offline_with_nothing_there(tmp_path, monkeypatch):
    def closed(file):
        return file._replace(urls=("http://127.0.0.1:9/" + file.name,))

    offline = tuple(Split(*map(closed, split)) for split in registry.IDX_SETS["mnist"])
    monkeypatch.setitem(registry.IDX_SETS, "mnist", offline)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path)
    with pytest.raises(DataError, match=r"refused[\s\S]*load\(\"digits\"\) or load\(\"glyphs\"\)"):
        data.load("mnist")


def test_contents_that_cannot_be_read(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        contents("toy", tmp_path / "missing.gz")


def test_parse_idx():
    np.testing.assert_array_equal(
        parse_idx(IMAGES, "f"), np.arange(60, dtype=np.uint8).reshape(5, 4, 3)
    )
    for raw, says in (
        (b"", "not an IDX file"),
        (b"\0\0\x0d\x01" + bytes(8), "not an IDX file"),  # floats
        (b"\x89PNG" + bytes(20), "0x89504e47"),
        (IMAGES[:-1], "holds 75 bytes"),
        (IMAGES + b"\0", "asks for 76"),
        (IMAGES[:9], "cut short"),
    ):
        with pytest.raises(DataError, match=says):
            parse_idx(raw, "f")


def test_images_and_labels_must_be_of_one_set(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))

    def put(name: str, array: np.ndarray) -> RemoteFile:
        packed = gzip.compress(idx(array))
        (tmp_path / name).write_bytes(packed)
        return remote(packed=packed, name=name)

    images = put("images.gz", np.ones((5, 4, 3)))
    x, y = load_split("toy", Split(images, put("labels.gz", np.arange(5))))
    assert (x.shape, x.dtype) == ((5, 1, 4, 3), np.uint8)
    assert y.tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(DataError, match=r"\(5, 4, 3\).*\(6,\)"):
        load_split("toy", Split(images, put("labels.gz", np.arange(6))))


def cifar_archive(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, raw in members.items():
            info = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            info.size = len(raw)
            archive.addfile(info, io.BytesIO(raw))
    return out.getvalue()


def test_cifar10(tmp_path, monkeypatch):
    monkeypatch.setenv("MINICNN_DATA", str(tmp_path))
    records = np.random.default_rng(0).integers(0, 256, (6, 2, 3073), dtype=np.uint8)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    members = dict(zip(names, map(bytes, records), strict=True))

    def put(raw: bytes) -> RemoteFile:
        (tmp_path / "c.tar.gz").write_bytes(raw)
        return RemoteFile("c.tar.gz", sha(raw), ())

    x_train, y_train, x_test, y_test = cifar.load_cifar10(put(cifar_archive(members)))
    assert x_train.shape == (10, 3, 32, 32)
    assert y_train.dtype == np.int64
    np.testing.assert_array_equal(y_train, records[:5, :, 0].ravel())
    np.testing.assert_array_equal(y_test, records[5, :, 0])
    assert x_test[1, 2, 31, 0] == records[5, 1, 1 + 2 * 1024 + 31 * 32]

    whole = cifar_archive(members)
    short = cifar_archive(members | {"data_batch_3.bin": bytes(3072)})
    missing = cifar_archive({k: v for k, v in members.items() if k != "test_batch.bin"})
    for raw, says in (
        (short, "data_batch_3.bin"),
        (missing, "test_batch.bin"),
        (whole[: len(whole) // 2], "cannot be read"),
        (b"no archive", "cannot be read"),
    ):
        with pytest.raises(DataError, match=says):
            cifar.load_cifar10(put(raw))
    with pytest.raises(DataError, match="SHA-256 differs"):
        cifar.load_cifar10(put(whole)._replace(sha256="0" * 64))
