"""A training run in one file, so that a killed run goes on as if nothing had happened.

The file is a plain .npz: arrays, and one JSON text. Nothing in it can run code.
"""

from __future__ import annotations

import json
import os
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from minicnn.nn import Layer
from minicnn.nn.constraint import pack_constraints, unpack_constraints
from minicnn.training.epoch import Run
from minicnn.training.history import History

FORMAT = "minicnn checkpoint 1"
_DAMAGE = (
    OSError,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    zipfile.BadZipFile,
    zlib.error,
)


class Checkpoint:
    """A file that a run is written to after each epoch, and where it goes on from.

    Parameters
    ----------
    path
        The file; its folder must exist.
    arguments
        What makes a run another run, by name, ready for JSON.
    """

    def __init__(self, path: str | Path, arguments: Mapping[str, Any]) -> None:
        self.path = Path(path)
        self.arguments = json.loads(json.dumps(arguments))
        if self.path.is_dir() or not self.path.parent.is_dir():
            raise ValueError(
                f"checkpoint is {str(path)!r}; expected a file in a folder that exists. "
                "Make the folder first, and give a file name in it."
            )

    def save(self, run: Run) -> None:
        """Write a run; the file is at every moment either the old or the new one."""
        constraints, rules = pack_constraints(run.model)
        groups = {
            "constraints": rules,
            "model": run.model.state_dict(),
            "optimizer": run.optimizer.state_dict(),
            "best": run.best or {},
        }
        arrays = {
            f"{group}:{name}": array
            for group, state in groups.items()
            for name, array in state.items()
        }
        rngs = {name: rng.bit_generator.state for name, rng in _layer_rngs(run.model).items()}
        about = {
            "format": FORMAT,
            "arguments": self.arguments,
            "history": run.history.to_dict(),
            "rng": run.rng.bit_generator.state,
            "layer_rngs": rngs,
            "trainable": {name: p.trainable for name, p in run.model.parameters().items()},
            "constraints": constraints,
        }
        text = json.dumps(about, default=np.ndarray.tolist)  # some generators keep arrays
        arrays["json"] = np.frombuffer(text.encode(), np.uint8)
        temporary = self.path.with_name(self.path.name + ".tmp")
        with open(temporary, "wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, self.path)

    def resume(self, run: Run, epochs: int) -> None:
        """Bring a run to where the file left off; without a file do nothing.

        Raises
        ------
        ValueError
            The file is damaged or no checkpoint, or a call with other arguments wrote it.
        """
        if not self.path.exists():
            return
        try:
            groups, about = _read(self.path)
        except _DAMAGE as error:
            raise ValueError(
                f"{self.path} is no whole checkpoint ({error}); expected a file that "
                "fit(checkpoint=...) wrote. Delete it to start afresh, or give another path."
            ) from error
        self._compare(about["arguments"])
        history = History.from_dict(about["history"])
        if len(history) > epochs:
            raise ValueError(
                f"{self.path} holds {len(history)} epochs and epochs={epochs} asks for fewer. "
                "Give at least as many, another path, or delete the file."
            )
        run.model.load_state_dict(groups["model"])
        run.optimizer.load_state_dict(groups["optimizer"])
        run.best = groups["best"] or None
        run.history = history
        run.rng.bit_generator.state = about["rng"]
        for name, rng in _layer_rngs(run.model).items():
            rng.bit_generator.state = about["layer_rngs"][name]
        for name, parameter in run.model.parameters().items():
            parameter.trainable = about["trainable"][name]
        unpack_constraints(run.model, about.get("constraints", {}), groups["constraints"])

    def _compare(self, before: Mapping[str, Any]) -> None:
        for name, now in self.arguments.items():
            if before.get(name) == now:
                continue
            values = f": {before.get(name)!r} there, {now!r} here"
            raise ValueError(
                f"{self.path} was written by a fit with another {name}"
                f"{values if len(values) < 200 else ''}; a run goes on only with the same "
                "arguments. Use those, give another path, or delete the file."
            )


def _read(path: Path) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, Any]]:
    with zipfile.ZipFile(path) as archive:
        if damaged := archive.testzip():
            raise ValueError(f"{damaged} has a wrong checksum")
    groups: dict[str, dict[str, np.ndarray]] = {
        "model": {}, "optimizer": {}, "best": {}, "constraints": {}
    }  # fmt: skip
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(file["json"].tobytes())
        if about["format"] != FORMAT:
            raise ValueError(f"its format is {about['format']!r}, not {FORMAT!r}")
        for key in file.files:
            if key != "json":
                group, _, name = key.partition(":")
                groups[group][name] = file[key]
    return groups, about


def _layer_rngs(model: Layer) -> dict[str, np.random.Generator]:
    found = {name: getattr(layer, "rng", None) for name, layer in model.named_layers()}
    return {name: rng for name, rng in found.items() if isinstance(rng, np.random.Generator)}


def describe(function: Callable[..., Any] | None) -> str | None:
    """Name a function so that the same one has the same name in the next process."""
    if function is None:
        return None
    inner = getattr(function, "func", None)
    if inner is not None:  # functools.partial
        return f"{describe(inner)} {function.args} {function.keywords}"  # type: ignore[attr-defined]
    return getattr(function, "__qualname__", type(function).__qualname__)


def digest(array: np.ndarray) -> str:
    """Return type, shape and checksum of an array."""
    checksum = zlib.crc32(np.ascontiguousarray(array).view(np.uint8).data)
    return f"{array.dtype} {array.shape} {checksum:08x}"
