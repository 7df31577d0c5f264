"""Build the HTML book from the committed notebooks and say where it is.

Warnings are errors, and a page that would load anything from another site is an error too: the
book must read the same from a folder on a plane.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"

# What a browser fetches by itself; plain links (<a href>) are the reader's own choice.
EXTERNAL = re.compile(
    r"""<(?:script|img|iframe|source|video|audio)\b[^>]*?\bsrc=["'](?:https?:)?//[^"']+["']"""
    r"""|<link\b(?=[^>]*\brel=["'](?:stylesheet|preload|icon|shortcut icon|preconnect)["'])"""
    r"""[^>]*?\bhref=["'](?:https?:)?//[^"']+["']"""
    r"""|@import\s+(?:url\()?["']?(?:https?:)?//[^"')]+""",
    re.IGNORECASE,
)


def external_resources(html: Path) -> list[str]:
    """Every ``file: tag`` below `html` that makes a browser ask another site for something."""
    found = []
    for page in sorted([*html.rglob("*.html"), *html.rglob("*.css")]):
        for match in EXTERNAL.finditer(page.read_text(encoding="utf-8", errors="replace")):
            found.append(f"{page.relative_to(html)}: {match.group(0)[:160]}")
    return found


def build() -> int:
    """Run jupyter-book; returns its exit status and prints its output only when it fails."""
    # A page renamed or removed must not live on in the built site.
    shutil.rmtree(ROOT / "_build", ignore_errors=True)
    command = [
        str(Path(sys.executable).with_name("jupyter-book")),
        "build",
        "book",
        *("--path-output", "."),
        *("--config", "_config.yml"),
        *("-W", "-n", "--keep-going", "-q"),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stdout + done.stderr, file=sys.stderr)
    return done.returncode


def main() -> int:
    """Build, check, report."""
    if status := build():
        print("The book was not built: see the messages above.", file=sys.stderr)
        return status
    if found := external_resources(HTML):
        print("These pages would not work offline:", *found, sep="\n  ", file=sys.stderr)
        return 1
    pages = len(list(HTML.glob("*.html")))
    print(f"The book is built ({pages} pages, works offline): open {HTML / 'index.html'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
