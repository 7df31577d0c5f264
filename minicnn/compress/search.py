"""Search: which passes, how strong, so that a model is as small as a limit on its error allows.

Each pass has a ladder of settings from mild to strong. The search climbs them in the order that
`book/together` finds best: shallower and narrower first (cut, trim), then fewer weights (prune),
then fewer bits (cluster or quantize), with a little training after each step. A ladder ends at the
first rung whose error is above the limit; the next one starts from the last rung below it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from minicnn import inference, nn, optim
from minicnn.compress import packed
from minicnn.compress.candidates import TARGETS, Candidate, SearchReport, winner
from minicnn.compress.cluster import cluster
from minicnn.compress.cut import blocks, cut
from minicnn.compress.pipeline import check_model, fold
from minicnn.compress.prune import prune
from minicnn.compress.quantize import quantize, snap
from minicnn.compress.trim import remove_dead, trim
from minicnn.cost.timer import compare
from minicnn.training import evaluate, fit
from minicnn.training.inputs import Data, check_data

SPARSITIES = (0.5, 0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99)
"""Shares of zeros, rung by rung."""
CHANNELS = 0.2
"""Share of the channels that are left which a rung of trimming takes."""
STEPS = 300
"""Batches of training after a step, unless told otherwise."""
TIMED = 32
"""Images in a batch that is timed."""


def search(
    model: nn.Sequential,
    train: Data,
    *,
    max_error: float,
    target: str = "bytes",
    seed: int,
    validation: Data | None = None,
    epochs: int | None = None,
    lr: float = 1e-3,
    batch_size: int = 64,
    progress: bool = False,
) -> tuple[nn.Sequential, SearchReport]:
    """Return the smallest or quickest model with an error within a limit, and all that was tried.

    Parameters
    ----------
    train
        A pair (x, labels). Without ``validation``, a sixth of it is set aside: nothing is trained
        on it here, and all errors are measured on it.
    max_error
        Fraction of wrong answers that is allowed on the validation images, above 0 and below 1.
    target
        "bytes", of the compact file, or "time", of the compiled model.
    seed
        Of the split and of all training.
    validation
        Your own pair; better, as the model given may have learnt from all of ``train``.
    epochs, lr, batch_size
        Of the training after each step: Adam, with a rate that falls to nothing; as many epochs as
        make 300 batches unless given.
    progress
        Show a bar.

    Notes
    -----
    The winner is chosen by its validation error, which therefore flatters it a little. Judge it on
    images that it was not chosen by.

    Raises
    ------
    ValueError
        A setting out of range, or no candidate within the limit.
    """
    check_model("search", model)
    if not 0 < max_error < 1:
        raise ValueError(
            f"max_error is {max_error}; search wants a fraction above 0 and below 1. For 2 % use "
            "0.02."
        )
    if target not in TARGETS:
        raise ValueError(f'target is {target!r}; search wants "bytes" or "time". Use one of them.')
    train = check_data("train", model, train, "softmax_cross_entropy")
    if validation is None:
        train, validation = split(train, seed)
    if epochs is None:
        epochs = -(-STEPS // -(-len(train[0]) // batch_size))
    how = {"epochs": epochs, "batch_size": batch_size, "seed": seed}
    run = _Search(model, train, validation, max_error, target, lr, how, progress)
    with run.bar:
        run.climb()
    return run.finish()


def split(data: Data, seed: int, share: float = 1 / 6) -> tuple[Data, Data]:
    """Return two parts of a data set, the second with ``share`` of it, drawn by ``seed``."""
    order = np.random.default_rng(seed).permutation(len(data[0]))
    stop = len(order) - max(1, round(share * len(order)))
    parts = np.sort(order[:stop]), np.sort(order[stop:])
    first, second = ((data[0][part], data[1][part]) for part in parts)
    return first, second


def trimmed(rung: int) -> str:
    """Name a rung by the share of channels that is gone."""
    return f"trim {100 * (1 - (1 - CHANNELS) ** rung):.0f} %"


class _Search:
    def __init__(
        self,
        model: nn.Sequential,
        train: Data,
        validation: Data,
        max_error: float,
        target: str,
        lr: float,
        how: dict[str, Any],
        progress: bool,
    ) -> None:
        from tqdm import tqdm

        self.model, self.train, self.validation = model, train, validation
        self.max_error, self.target, self.lr, self.how = max_error, target, lr, how
        self.in_shape = train[0].shape[1:]
        self.began = time.perf_counter()
        self.candidates: list[Candidate] = []
        self.best = model
        self.bar = tqdm(desc="candidates", unit="", disable=not progress)
        self.rounds = 15 if target == "time" else 5
        self.images = np.ascontiguousarray(validation[0][:TIMED])
        self.baseline = inference.compile(model, self.in_shape)

    def climb(self) -> None:
        """Try everything."""
        self.add((), self.model)
        whole: tuple[tuple[str, ...], nn.Sequential] = ((), self.model)
        starts = [whole, self.ladder(*whole, trimmed, self.narrower)]
        if blocks(self.model, self.in_shape):
            shallow = self.ladder(*whole, lambda rung: f"cut {rung}", self.without_a_block)
            starts.append(self.ladder(*shallow, trimmed, self.narrower) if shallow[0] else whole)
        for recipe, model in dict(starts).items():
            for bits in (8, 4) if self.target == "bytes" else (8,):
                self.add((*recipe, f"quantize {bits} bits"), self.whole_numbers(model, bits))
            if self.target == "bytes":
                recipe, model = self.sparser(recipe, model)
                for bits in (3, 2):
                    if self.add((*recipe, f"cluster {bits} bits"), self.shared(model, bits)):
                        break

    def add(self, recipe: tuple[str, ...], model: nn.Sequential) -> bool:
        """Measure a candidate and say whether it is above the limit."""
        fast = inference.compile(model, self.in_shape)
        pair = {"given": lambda: self.baseline(self.images), "this": lambda: fast(self.images)}
        timed = compare(pair, repeat=self.rounds, min_seconds=0.002).ratios["this"]
        error = evaluate(model, self.validation).error
        found = Candidate(
            recipe, float(error), len(packed.to_bytes(model)), timed if recipe else 1.0
        )
        self.candidates.append(found)
        above = found.error > self.max_error
        if not above and winner(self.candidates, self.max_error, self.target) == (
            len(self.candidates) - 1
        ):
            self.best = model
        self.bar.set_postfix_str(f"{found.name}: {100 * error:.2f} %, {found.file_bytes:,} bytes")
        self.bar.update()
        return above

    def ladder(
        self,
        recipe: tuple[str, ...],
        model: nn.Sequential,
        named: Callable[[int], str],
        climb: Callable[[nn.Sequential], nn.Sequential | None],
    ) -> tuple[tuple[str, ...], nn.Sequential]:
        """Repeat a step while the error is within the limit; return the last such model."""
        good = recipe, model
        rung = 1
        while (higher := climb(good[1])) is not None:
            name = (*recipe, named(rung))
            if self.add(name, fold(higher)[0]):
                break
            good, rung = (name, higher), rung + 1
        return good

    def learn(self, model: nn.Sequential, lr: float | None = None) -> nn.Sequential:
        """Train a model on, in place: it is a copy already."""
        steps = self.how["epochs"] * -(-len(self.train[0]) // self.how["batch_size"])
        rate = optim.Cosine(lr or self.lr, steps)
        fit(model, self.train, optimizer=optim.Adam(rate), progress=False, **self.how)
        return model

    def without_a_block(self, model: nn.Sequential) -> nn.Sequential | None:
        """Cut one block, if there is one."""
        if not blocks(model, self.in_shape):
            return None
        return self.learn(cut(model, count=1, in_shape=self.in_shape, data=self.train)[0])

    def narrower(self, model: nn.Sequential) -> nn.Sequential | None:
        """Trim, unless every layer is as narrow as it gets."""
        trimmed, told = trim(model, channels=CHANNELS)
        return None if told.after.params == told.before.params else self.learn(trimmed)

    def sparser(
        self, recipe: tuple[str, ...], model: nn.Sequential
    ) -> tuple[tuple[str, ...], nn.Sequential]:
        """Prune rung by rung, each judged with what makes a small file of it."""
        good = recipe, fold(model)[0]
        for sparsity in SPARSITIES:
            model = self.learn(prune(model, sparsity=sparsity)[0])
            name = (*recipe, f"prune {100 * sparsity:g} %")
            if self.add((*name, "cluster 4 bits"), self.shared(model, 4)):
                break
            good = name, model
        return good

    def shared(self, model: nn.Sequential, bits: int) -> nn.Sequential:
        """Fold, leave out what is dead, share weights, and let the shared values learn."""
        small = remove_dead(fold(model)[0])[0]
        return self.learn(cluster(small, bits=bits, biases=True)[0], self.lr / 3)

    def whole_numbers(self, model: nn.Sequential, bits: int) -> nn.Sequential:
        """Quantise; below 8 bits the rounded network has to learn."""
        small, _ = quantize(model, images=self.train[0][:256], bits=bits)
        return small if bits == 8 else snap(self.learn(small, self.lr / 3))[0]

    def finish(self) -> tuple[nn.Sequential, SearchReport]:
        """Return the winner, and the table."""
        winner(self.candidates, self.max_error, self.target)  # or say that there is none
        seconds = time.perf_counter() - self.began
        told = SearchReport(
            tuple(self.candidates), self.max_error, self.target, len(self.validation[0]), seconds
        )
        return self.best.copy(), told
