"""Make ``book/techniques.md`` from ``book/techniques.toml``; with ``--check`` only compare."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "book" / "techniques.toml"
PAGE = ROOT / "book" / "techniques.md"
PARTS = ("Space", "Exchange", "Speed", "Learning", "Smaller")
BADGE = {
    "written": "{bdg-success}`written`",
    "partly": "{bdg-primary}`partly written`",
    "planned": "{bdg-secondary-line}`not written yet`",
}

HEADER = """\
(technique-map)=
# Technique map

This book grew from a list of techniques for lightening convolutional layers, some of them listed
under two names. This page holds every row of that list, with the list's own Chinese term, so that
nothing is silently dropped. A row is *written* when it has a chapter section, a function in the
engine, an exercise that checks itself, and tests; until then this page says what is missing.

The list doubles most of its rows as “deep learning …” and “neural network …”. We read that as
*during training* and *after training*, and build both. Where a claim of the list is wrong or vague,
the chapter says so and shows what is true.

"""


def load_rows() -> list[dict]:
    """Return the table's rows, in order."""
    return tomllib.loads(TABLE.read_text(encoding="utf-8"))["row"]


def _where(row: dict) -> str:
    links = []
    if "chapter" in row:
        links.append(f"[chapter]({row['chapter']})")
    if "more" in row:
        links.append(f"[and another]({row['more']})")
    links += [f"`{name.replace('minicnn.', 'mc.', 1)}`" for name in row.get("functions", [])]
    if "exercise" in row:
        links.append(f"`{row['exercise']}`")
    return ", ".join(links)


def _entry(row: dict) -> str:
    """One technique as an item of a definition list: readable on a phone, unlike five columns."""
    lines = [f"{row['id']} · {row['name']} {BADGE[row['status']]}"]
    lines.append(f": {row['term']} ({row['source']}): {row['what']}.")
    if row["status"] == "partly":
        lines.append(f"\n  *There:* {row['now']}. *Missing:* {row['missing']}.")
    if where := _where(row):
        lines.append(f"\n  *Where:* {where}")
    return "\n".join(lines) + "\n"


def render(rows: list[dict]) -> str:
    """Return the whole page as Markdown."""
    counts = {status: sum(row["status"] == status for row in rows) for status in BADGE}
    page = HEADER
    page += (
        f"Of the {len(rows)} rows, {counts['written']} are written, {counts['partly']} partly, "
        f"and {counts['planned']} not yet.\n"
    )
    for part in PARTS:
        page += f"\n## {part}\n\n"
        page += "\n".join(_entry(row) for row in rows if row["part"] == part)
    return page


def main() -> int:
    """Write the page, or with ``--check`` compare it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    page = render(load_rows())
    if not check:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == page:
        return 0
    print(f"{PAGE.relative_to(ROOT)} is stale: run `make map`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
