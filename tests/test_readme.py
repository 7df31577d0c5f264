"""What the README shows is what its code prints."""

import re
from pathlib import Path

import pytest

from minicnn.cli import _parser

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


def test_example_prints_what_the_readme_says(tmp_path, monkeypatch, capsys):
    (code,), (output,) = blocks("python"), blocks("text")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out == output
    assert (tmp_path / "digits.onnx").stat().st_size > 0


def test_terminal_commands_exist():
    commands = re.findall(r"^minicnn (\w+ .*)$", README, re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        argv = command.split()
        _parser(argv).parse_args(argv)


@pytest.mark.parametrize("target", re.findall(r"\]\(([^)#]+)\)", README))
def test_links_lead_somewhere(target):
    assert target.startswith("https://") or (ROOT / target).exists(), target
