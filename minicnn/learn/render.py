"""Reports as text and as HTML: small arrays, with the differing entries marked."""

from __future__ import annotations

from html import escape
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from minicnn.learn.report import Example, Report

MAX_SIDE = 10
MAX_SLICES = 6
MAX_PRINTED_LINES = 8

Slice = tuple[str, list[list[str]], list[list[bool]]]
"""A caption such as "[0, 1]", the cells as text, and which of them are marked."""


def number(value: Any) -> str:
    """Print a number without noise: 3, not 3.0; 0.333333, not 0.3333333333333333."""
    return f"{value:.6g}" if isinstance(value, float | np.floating) else str(value)


def short(value: Any) -> str:
    """An argument that is not an array, on one line."""
    if isinstance(value, tuple | list):
        inner = ", ".join(short(v) for v in value)
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."


def slices(array: np.ndarray, wrong: np.ndarray | None) -> tuple[list[Slice], bool]:
    """Cut an array into 2-D tables; the flag says whether something was left out."""
    marks = np.zeros(array.shape, dtype=bool) if wrong is None else wrong
    if array.ndim < 2:
        array, marks = array.reshape(1, -1), marks.reshape(1, -1)
    lead = array.shape[:-2]
    several = int(np.prod(lead)) > 1
    places = list(product(*(range(n) for n in lead)))
    tables: list[Slice] = []
    for place in places[:MAX_SLICES]:
        table, mark = array[place][:MAX_SIDE, :MAX_SIDE], marks[place][:MAX_SIDE, :MAX_SIDE]
        caption = f"[{', '.join(map(str, place))}]" if several else ""
        cells = [[number(v.item()) for v in row] for row in table]
        tables.append((caption, cells, mark.tolist()))
    return tables, len(places) > MAX_SLICES or max(array.shape[-2:]) > MAX_SIDE


def array_lines(title: str, array: np.ndarray, wrong: np.ndarray | None = None) -> list[str]:
    """Draw an array as text, its shape first; >3< is an entry that differs."""
    lines = [title, f"shape {array.shape}, {array.dtype}"]
    if array.size == 0:
        return [*lines, "(empty)"]
    tables, cut = slices(array, wrong)
    width = max(len(c) for _, cells, _ in tables for row in cells for c in row)
    for caption, cells, marks in tables:
        if caption:
            lines.append(caption)
        for row, row_marks in zip(cells, marks, strict=True):
            drawn = (
                f">{c:>{width}}<" if m else f" {c:>{width}} "
                for c, m in zip(row, row_marks, strict=True)
            )
            lines.append("".join(drawn).rstrip())
    return [*lines, "..."] if cut else lines


def beside(blocks: list[list[str]], gap: int = 4, limit: int = 96) -> list[str]:
    """Set blocks of lines next to each other, in as many rows as the width asks for."""
    rows: list[list[list[str]]] = [[]]
    used = 0
    for block in blocks:
        width = max(map(len, block)) + gap
        if rows[-1] and used + width > limit:
            rows.append([])
            used = 0
        rows[-1].append(block)
        used += width
    lines: list[str] = []
    for row in rows:
        if lines:
            lines.append("")
        widths = [max(map(len, block)) + gap for block in row]
        for i in range(max(map(len, row))):
            parts = (
                (block[i] if i < len(block) else "").ljust(w)
                for block, w in zip(row, widths, strict=True)
            )
            lines.append("".join(parts).rstrip())
    return lines


def call_text(example: Example) -> str:
    """The call as it would be typed: conv2d(x, w, stride=2)."""
    arguments = [
        name if isinstance(value, np.ndarray) else f"{name}={short(value)}"
        for name, value in example.case.items()
    ]
    return f"{example.function}({', '.join(arguments)})"


def _outcome(example: Example) -> list[tuple[str, Any, np.ndarray | None]]:
    want, have = example.labels
    pairs = [(want, example.expected, None), (have, example.got, example.wrong)]
    return [pair for pair in pairs if pair[1] is not None]


def example_text(example: Example) -> str:
    """Draw the failing call, what was expected and what came back."""
    lines = [call_text(example)]
    arrays = [(n, v) for n, v in example.case.items() if isinstance(v, np.ndarray)]
    if arrays:
        lines += ["", *beside([array_lines(n, v) for n, v in arrays])]
    blocks, plain = [], []
    for title, value, wrong in _outcome(example):
        if isinstance(value, np.ndarray):
            blocks.append(array_lines(title, value, wrong))
        else:
            plain.append(f"{title:<9} {short(value)}")
    if blocks:
        lines += ["", *beside(blocks)]
    if plain:
        lines += ["", *plain]
    if example.printed:
        printed = example.printed.splitlines()
        more = ["..."] if len(printed) > MAX_PRINTED_LINES else []
        lines += ["", "printed by your function:", *printed[:MAX_PRINTED_LINES], *more]
    return "\n".join(lines)


def report_text(report: Report) -> str:
    """Draw a report for a terminal."""
    lines = [report.headline]
    if report.message:
        lines += ["", report.message]
    if report.example:
        lines += ["", "Smallest failing case:"]
        lines += ["  " + line if line else "" for line in example_text(report.example).split("\n")]
    if report.notes:
        lines += ["", *report.notes]
    return "\n".join(lines)


CARD = "border-left:4px solid {colour};padding:.2em 0 .2em 1em;margin:.4em 0;max-width:60em"
GREEN, RED, GREY = "#2e7d32", "#c62828", "#888888"
CELL = "padding:.1em .5em;text-align:right;border:1px solid #88888866;background:transparent"
ROW = "display:flex;flex-wrap:wrap;gap:1.5em;margin:.5em 0"
MARK = "background:#c6282833;font-weight:bold;outline:2px solid #c62828"


def _array_html(title: str, array: np.ndarray, wrong: np.ndarray | None = None) -> str:
    head = f"<b>{escape(title)}</b><br><small>shape {array.shape}, {array.dtype}</small>"
    if array.size == 0:
        return f"<div>{head}<br>(empty)</div>"
    tables, cut = slices(array, wrong)
    body = ""
    for caption, cells, marks in tables:
        rows = ""
        for row, row_marks in zip(cells, marks, strict=True):
            drawn = (
                f'<td style="{CELL};{MARK}">{escape(c)}</td>'
                if m
                else f'<td style="{CELL}">{escape(c)}</td>'
                for c, m in zip(row, row_marks, strict=True)
            )
            rows += f"<tr>{''.join(drawn)}</tr>"
        label = f"<small>{escape(caption)}</small>" if caption else ""
        body += f'{label}<table style="border-collapse:collapse;margin:.2em 0">{rows}</table>'
    return f"<div>{head}{body}{'...' if cut else ''}</div>"


def _row_html(blocks: list[str]) -> str:
    return (
        f'<div style="display:flex;flex-wrap:wrap;gap:1.5em;margin:.5em 0">{"".join(blocks)}</div>'
    )


def example_html(example: Example) -> str:
    """Draw the failing call as HTML."""
    parts = [f"<div><code>{escape(call_text(example))}</code></div>"]
    arrays = [(n, v) for n, v in example.case.items() if isinstance(v, np.ndarray)]
    if arrays:
        parts.append(_row_html([_array_html(n, v) for n, v in arrays]))
    blocks = [
        _array_html(title, value, wrong)
        if isinstance(value, np.ndarray)
        else f"<div><b>{title}</b><br><code>{escape(short(value))}</code></div>"
        for title, value, wrong in _outcome(example)
    ]
    parts.append(_row_html(blocks))
    if example.printed:
        lines = example.printed.splitlines()[:MAX_PRINTED_LINES]
        printed = escape("\n".join(lines))
        parts.append(f"<small>printed by your function:</small><pre>{printed}</pre>")
    return "".join(parts)


def report_html(report: Report) -> str:
    """Draw a report for a notebook; readable on light and dark pages."""
    colour = GREEN if report.ok else GREY if report.status == "not started" else RED
    sign = "✓ " if report.ok else ""
    parts = [f"<b>{sign}{escape(report.headline)}</b>"]
    if report.message:
        parts.append(f'<p style="margin:.3em 0;white-space:pre-line">{escape(report.message)}</p>')
    if report.example:
        parts.append(f"<small>Smallest failing case</small>{example_html(report.example)}")
    parts += [f"<div><small>{escape(note)}</small></div>" for note in report.notes]
    return f'<div style="{CARD.format(colour=colour)}">{"".join(parts)}</div>'


def note_html(text: str) -> str:
    """Draw a plain sentence."""
    return f'<div style="{CARD.format(colour=GREY)}">{escape(text)}</div>'


def hint_html(title: str, steps: list[str], left: int) -> str:
    """Draw the opened hints of a task."""
    items = "".join(f"<li>{escape(step)}</li>" for step in steps)
    note = f"{left} more: call hint again." if left else "That was the last one."
    return (
        f'<div style="{CARD.format(colour=GREY)}"><b>{escape(title)}</b>'
        f'<ol style="margin:.3em 0">{items}</ol><small>{note}</small></div>'
    )
