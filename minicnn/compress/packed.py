"""A model in as few bytes as its numbers allow, and back, exactly.

The file knows nothing of how a model was made small. It looks at each array: zeros cost little,
numbers that repeat cost little (`encodings`). So whatever a pass did shows in the file or it did
not happen::

    MCNP 1 | checksum | length | architecture (JSON, deflated) | the arrays, one after the other

A byte that was changed on the way is found by the checksum before anything is believed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.compress import encodings
from minicnn.compress.encodings import Reader, number
from minicnn.io.atomic import atomic_write
from minicnn.nn import Layer, Mask, Tied, from_spec, to_spec
from minicnn.nn.constraint import pack_constraints, unpack_constraints

MAGIC = b"MCNP\x01"
CHECKSUM = 8
"""Bytes of BLAKE2b: one damaged file in 2^64 would pass."""

PathLike = str | os.PathLike[str]


def save(model: Layer, path: PathLike) -> int:
    """Write a model to a compact file and return its size in bytes.

    Parameters, buffers, frozen flags and constraints come back equal to the last bit. The file
    appears whole or not at all. `minicnn.io.save` writes one that other programs can open.
    """
    data = to_bytes(model)
    with atomic_write(path) as stream:
        stream.write(data)
    return len(data)


def load(path: PathLike) -> Any:
    """Read a model that `save` wrote.

    Raises
    ------
    ValueError
        The file is damaged, cut short, or not of this kind; never a wrong model.
    OSError
        It is not there or cannot be read.
    """
    return from_bytes(Path(path).read_bytes(), str(path))


def to_bytes(model: Layer) -> bytes:
    """Return what `save` writes."""
    if not isinstance(model, Layer):
        raise TypeError(
            f"model is a {type(model).__name__}; compress.save wants a layer such as "
            "nn.Sequential. Pass the model itself."
        )
    constraints, rules = pack_constraints(model)
    parameters = model.parameters()
    arrays = model.state_dict()
    for name, entries in constraints.items():
        for entry in entries:
            if _implied(entry, parameters[name].data, rules):
                entry["arrays"] = []
            arrays |= {key: rules[key] for key in entry["arrays"]}
    about: dict[str, Any] = {"model": to_spec(model)}
    if frozen := [name for name, p in parameters.items() if not p.trainable]:
        about["frozen"] = frozen
    if constraints:
        about["constraints"] = constraints
        held = [key for entries in constraints.values() for e in entries for key in e["arrays"]]
        about["held"] = {key: [list(rules[key].shape), rules[key].dtype.str] for key in held}
    text = zlib.compress(json.dumps(about, separators=(",", ":")).encode(), 9)
    body = number(len(text)) + text + b"".join(map(encodings.encode, arrays.values()))
    return MAGIC + _checksum(body) + body


def from_bytes(data: bytes, name: str = "the data") -> Any:
    """Return the model that `to_bytes` wrote; ``name`` is for the messages."""
    if not data.startswith(MAGIC):
        raise ValueError(
            f"{name} does not begin as a compact model does; expected a file that "
            "minicnn.compress.save wrote. A file of minicnn.io.save is read by minicnn.io.load."
        )
    start = len(MAGIC) + CHECKSUM
    body = data[start:]
    if _checksum(body) != data[len(MAGIC) : start]:
        raise ValueError(
            f"{name} is damaged: its checksum is not that of its contents. Expected the file as "
            "minicnn.compress.save wrote it; copy or save it again."
        )
    try:
        return _read(Reader(body))
    except Exception as error:  # the checksum fits: another version, or layers unknown here
        raise ValueError(
            f"{name} cannot be read as a model ({type(error).__name__}: {error}). Import the "
            "module that registers its layers, or upgrade minicnn."
        ) from error


def _read(reader: Reader) -> Layer:
    about = json.loads(zlib.decompress(reader.take(reader.number())))
    model = from_spec(about["model"])
    state = {
        name: encodings.decode(reader, array.shape, array.dtype)
        for name, array in model.state_dict().items()
    }
    model.load_state_dict(state)
    rules = {
        key: encodings.decode(reader, tuple(shape), kind)
        for key, (shape, kind) in about.get("held", {}).items()
    }
    parameters = model.parameters()
    constraints = about.get("constraints", {})
    for name, entries in constraints.items():
        for entry in entries:
            if not entry["arrays"] and entry["type"] in _IMPLIED:
                key = f"{name}/{entry['type']}/{_IMPLIED[entry['type']][0]}"
                rules[key] = _IMPLIED[entry["type"]][1](parameters[name].data)
                entry["arrays"] = [key]
    unpack_constraints(model, constraints, rules)
    for name in about.get("frozen", []):
        parameters[name].trainable = False
    return model


def _implied(entry: dict[str, Any], data: np.ndarray, rules: dict[str, np.ndarray]) -> bool:
    """Whether the values themselves tell the constraint, so that it need not be written."""
    if entry["type"] not in _IMPLIED:
        return False
    _, derive = _IMPLIED[entry["type"]]
    given, told = rules[entry["arrays"][0]], derive(data)
    if entry["type"] == Mask.__name__:
        return np.array_equal(given, told)
    # A group of one is no bond, and groups may be numbered otherwise: pair them off.
    alone = np.bincount(given.ravel() + 1)[given + 1] == 1
    given = np.where(alone, -1, given)
    pairs = np.unique(np.stack([given.ravel(), told.ravel()]), axis=1)
    same = len(np.unique(pairs[0])) == len(np.unique(pairs[1])) == pairs.shape[1]
    return same and np.array_equal(given < 0, told < 0)


def _groups(data: np.ndarray) -> np.ndarray:
    """Number equal values alike; zeros, and values that are alone, are on their own."""
    values, group, counts = np.unique(data, return_inverse=True, return_counts=True)
    numbered = np.where((values == 0) | (counts == 1), -1, np.arange(len(values)))
    return numbered[group].reshape(data.shape).astype(np.int32)


_IMPLIED: dict[str, Any] = {
    Mask.__name__: ("keep", lambda data: data != 0),
    Tied.__name__: ("group", _groups),
}
"""Constraints that can be told from the values: the name of their array, and how."""


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=CHECKSUM).digest()
