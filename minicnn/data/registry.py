"""Where the downloaded sets come from, and the SHA-256 of every file.

The checksums of the published archives are those listed by TensorFlow Datasets
(``tensorflow_datasets/url_checksums``). Because they are checked, a mirror needs no trust.

Compressing a file again changes the archive and not the data. MNIST is often passed on that way,
so for its files the SHA-256 of the *contents* is known here too, and either one is accepted.
"""

from __future__ import annotations

from typing import NamedTuple


class RemoteFile(NamedTuple):
    """One file of a data set: its name, checksums and the addresses to try in turn."""

    name: str
    sha256: str
    urls: tuple[str, ...]
    contents_sha256: str | None = None  # of the decompressed bytes


class Split(NamedTuple):
    """The images and the labels of one part of an IDX data set."""

    images: RemoteFile
    labels: RemoteFile


_MNIST = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
_FASHION = (
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
    "https://storage.googleapis.com/cvdf-datasets/fashion-mnist/",
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
)
_CIFAR = (
    "https://www.cs.toronto.edu/~kriz/",
    "https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/",
    "https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/",
)


def _file(
    mirrors: tuple[str, ...], name: str, sha256: str, contents_sha256: str | None = None
) -> RemoteFile:
    return RemoteFile(name, sha256, tuple(m + name for m in mirrors), contents_sha256)


IDX_SETS: dict[str, tuple[Split, Split]] = {
    "mnist": (
        Split(
            images=_file(
                _MNIST,
                "train-images-idx3-ubyte.gz",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            ),
            labels=_file(
                _MNIST,
                "train-labels-idx1-ubyte.gz",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            ),
        ),
        Split(
            images=_file(
                _MNIST,
                "t10k-images-idx3-ubyte.gz",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            ),
            labels=_file(
                _MNIST,
                "t10k-labels-idx1-ubyte.gz",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
        ),
    ),
    "fashion_mnist": (
        Split(
            images=_file(
                _FASHION,
                "train-images-idx3-ubyte.gz",
                "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            ),
            labels=_file(
                _FASHION,
                "train-labels-idx1-ubyte.gz",
                "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            ),
        ),
        Split(
            images=_file(
                _FASHION,
                "t10k-images-idx3-ubyte.gz",
                "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            ),
            labels=_file(
                _FASHION,
                "t10k-labels-idx1-ubyte.gz",
                "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            ),
        ),
    ),
}

CIFAR10 = _file(
    _CIFAR,
    "cifar-10-binary.tar.gz",  # the binary form: the Python one would have to be unpickled
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)


def files(dataset: str) -> tuple[RemoteFile, ...]:
    """Every file of a set; none for the embedded ones."""
    if dataset == "cifar10":
        return (CIFAR10,)
    return tuple(file for split in IDX_SETS.get(dataset, ()) for file in split)
