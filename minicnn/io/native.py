"""Save and load a model: one zip file with the architecture as JSON and every array as ``.npy``.

Nothing in such a file is executed when it is read: layers are looked up by name among those that
are registered, arrays are plain numbers. `unzip` and a text editor open it.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.io.atomic import atomic_write
from minicnn.nn import LAYERS, Layer, from_spec, to_spec
from minicnn.nn.constraint import pack_constraints, unpack_constraints

FORMAT = "minicnn model"
VERSION = 2
"""Of files with constraints; those without are of version 1, which older programs read."""
_ARCHITECTURE = "architecture.json"
_SAME_DATE = (1980, 1, 1, 0, 0, 0)  # so that equal models give equal files

PathLike = str | os.PathLike[str]


def save(model: Layer, path: PathLike) -> None:
    """Write architecture, parameters, constraints, buffers and frozen flags to one file.

    The file appears whole or not at all; one that was there before survives a failure. Gradients,
    optimiser state and the generators of dropout are not part of a model (a checkpoint of `fit`
    has them). Any file name will do; the book uses ``.mcnn``.

    Raises
    ------
    TypeError
        `model` is not a layer, or holds one of a class that `minicnn.nn.register` does not know.
    OSError
        The file cannot be written.
    """
    _check_known(model)
    constraints, arrays = pack_constraints(model)
    architecture = {
        "format": FORMAT,
        "version": VERSION if constraints else 1,
        "written by": f"minicnn {package_version()}",
        "model": to_spec(model),
        "frozen": [name for name, p in model.parameters().items() if not p.trainable],
    }
    if constraints:
        architecture["constraints"] = constraints
    text = json.dumps(architecture, indent=1)
    with atomic_write(path) as stream, zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_ARCHITECTURE, _SAME_DATE), text)
        for name, array in (model.state_dict() | arrays).items():
            entry = io.BytesIO()
            np.save(entry, array, allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(_entry(name), _SAME_DATE), entry.getvalue())


def load(path: PathLike) -> Any:
    """Read a model that `save` wrote: equal to the last bit.

    Returns
    -------
    The model, a `minicnn.nn.Sequential` unless something else was saved.

    Raises
    ------
    ValueError
        The file is not a model, is damaged, is of a newer version, or names unknown layers.
    OSError
        The file is not there or cannot be read.
    """
    raw = Path(path).read_bytes()
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            return _read(path, archive)
    except _RefusedError:
        raise
    except zipfile.BadZipFile as error:
        raise ValueError(
            f"{path} is not a model file, or was damaged or cut short ({error}). "
            f"minicnn.io.load wants a file that minicnn.io.save wrote: save or copy it again."
        ) from error
    except Exception as error:  # whatever odd bytes make zipfile, json, NumPy or a layer raise
        raise ValueError(
            f"{path} cannot be read as a model ({type(error).__name__}: {error}). "
            f"It is damaged, or was written by a program that knows other layers: save it again, "
            f"or import the module that registers its layers first."
        ) from error


class _RefusedError(ValueError):
    """A message that is complete as it is."""


def _read(path: PathLike, archive: zipfile.ZipFile) -> Layer:
    architecture = _read_architecture(path, archive)
    model = from_spec(architecture["model"])
    names = model.state_dict().keys()
    constraints = architecture.get("constraints", {})
    held = [key for rules in constraints.values() for rule in rules for key in rule["arrays"]]
    expected = [_ARCHITECTURE, *map(_entry, [*names, *held])]
    if sorted(archive.namelist()) != sorted(expected):
        odd = sorted(set(expected) ^ set(archive.namelist()))
        raise ValueError(f"its entries do not match its architecture: {odd[:3]}")
    model.load_state_dict({name: _read_array(archive, name) for name in names})
    parameters = model.parameters()
    for name in architecture["frozen"]:
        parameters[name].trainable = False
    unpack_constraints(model, constraints, {key: _read_array(archive, key) for key in held})
    return model


def _read_architecture(path: PathLike, archive: zipfile.ZipFile) -> dict[str, Any]:
    """Return the JSON part, once it is known to be ours and of a version we read."""
    architecture = None
    if _ARCHITECTURE in archive.namelist():
        architecture = json.loads(archive.read(_ARCHITECTURE))
    if not isinstance(architecture, dict) or architecture.get("format") != FORMAT:
        raise _RefusedError(
            f"{path} is a zip file, but not a minicnn model: it has no {_ARCHITECTURE} of ours. "
            f"Pass a file that minicnn.io.save wrote."
        )
    version = architecture.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise _RefusedError(
            f"{path} has format version {version} (by {architecture.get('written by')}); "
            f"minicnn {package_version()} reads up to {VERSION}. "
            f"Upgrade minicnn: pip install -U minicnn."
        )
    return architecture


def package_version() -> str:
    """Return the installed version; to ask `minicnn` itself would be an import upwards."""
    try:
        return metadata.version("minicnn")
    except metadata.PackageNotFoundError:  # run from a folder of sources
        return "(not installed)"


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    array = np.load(io.BytesIO(archive.read(_entry(name))), allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _entry(name: str) -> str:
    return f"arrays/{name}.npy"


def _check_known(model: Layer) -> None:
    if not isinstance(model, Layer):
        raise TypeError(
            f"model is a {type(model).__name__}; save wants a layer such as nn.Sequential. "
            f"Pass the model itself."
        )
    for layer in (model, *(layer for _, layer in model.named_layers())):
        if LAYERS.get(type(layer).__name__) is not type(layer):
            raise TypeError(
                f"{type(layer).__name__} is not a registered layer, so no file could be loaded "
                f"again. Put @minicnn.nn.register above its class."
            )
