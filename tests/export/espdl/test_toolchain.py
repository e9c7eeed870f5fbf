"""Without esp-ppq there is one clear line; with it, its chatter goes to a file."""

from __future__ import annotations

import importlib.util
import sys
import warnings
from pathlib import Path

import pytest

from uhd.cli import main as uhd
from uhd.errors import UserError
from uhd.export.espdl.toolchain import chatter_to, require_esp_ppq
from uhd.load import load


@pytest.fixture
def without_esp_ppq(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "esp_ppq" else find(name, *rest)
    )


@pytest.mark.usefixtures("without_esp_ppq")
def test_the_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match=r"ESP-DL needs esp-ppq: pip install '\.\[espdl\]'"):
        require_esp_ppq()
    monkeypatch.setattr(sys, "version_info", (3, 13, 0))
    with pytest.raises(UserError, match=r"esp-ppq needs Python 3\.12 or older"):
        require_esp_ppq()


@pytest.mark.usefixtures("without_esp_ppq")
def test_every_way_in_says_it(
    parts: Path, photographs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "m.espdl"
    assert uhd(["export", "--format", "espdl", str(parts), "--image-dir", str(photographs), "--output", str(out)]) == 2
    assert capsys.readouterr().err == "error: ESP-DL needs esp-ppq: pip install '.[espdl]'\n"
    out.write_bytes(b"x")
    with pytest.raises(UserError, match="the ESP-DL simulator needs esp-ppq"):
        load(out)


def test_chatter_goes_to_the_file_without_colours(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    with chatter_to(log):
        sys.stdout.write("\x1b[31mred\x1b[0m\rmore\n")
        sys.stderr.write("wrong\n")
        kept = sys.stdout
    with chatter_to(None):
        sys.stdout.write("dropped\n")
        kept.write("dropped\n")
    sys.stdout.write("outside\n")
    with chatter_to(log):
        kept.write("appended\n")
    assert log.read_text() == "red\nmore\nwrong\nappended\n"
    assert capsys.readouterr() == ("outside\n", "")


def fail() -> None:
    with chatter_to(None):
        warnings.simplefilter("error")
        raise ValueError("inside")


def test_chatter_ends_with_an_error() -> None:
    out, filters = sys.stdout, list(warnings.filters)
    with pytest.raises(ValueError, match="inside"):
        fail()
    assert sys.stdout is out
    assert warnings.filters == filters
