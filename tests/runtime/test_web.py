"""The server of the page: right types, isolation, one folder and no other."""

from __future__ import annotations

import hashlib
import json
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

import uhd
from uhd.cli import main
from uhd.errors import UserError
from uhd.lettering import contrast
from uhd.runtime.web import PAGE, page_server


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = page_server(PAGE)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "text/html"), ("app.js", "text/javascript"), ("style.css", "text/css"), ("model.wasm", "application/wasm"),
        ("model.bin", "application/octet-stream"), ("icon.svg", "image/svg+xml"),
        ("manifest.webmanifest", "application/manifest+json"), ("example.jpg", "image/jpeg"),
    ],
)  # fmt: skip
def test_every_file_has_the_type_that_browsers_insist_on(address: str, name: str, kind: str) -> None:
    with urllib.request.urlopen(address + name) as answer:
        assert answer.headers.get_content_type() == kind
        assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer.headers["Cross-Origin-Embedder-Policy"] == "require-corp"


@pytest.mark.parametrize("name", ["../pyproject.toml", "%2e%2e/load.py", "nothing.html"])
def test_nothing_else_is_served(address: str, name: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(address + name)


def test_the_page_runs_the_model_of_the_package() -> None:
    wasm = (PAGE / "model.wasm").read_bytes()
    start = wasm.index(b'{"names"')
    info, _ = json.JSONDecoder().raw_decode(wasm[start : wasm.index(b"\0", start)].decode())
    spec = uhd.load().spec
    again = "after a change of the model: uhd export package --format web --threshold 0.52, and copy model.*"
    assert (info["version"], info["conf_thresh"]) == (spec.version, spec.conf_thresh), again
    assert info["input_size"] == list(spec.input_size)


def test_everything_the_page_loads_is_kept_for_offline() -> None:
    kept = (PAGE / "sw.js").read_text(encoding="utf-8")
    assert all(f'"{file.name}"' in kept for file in PAGE.iterdir() if file.name != "sw.js")


def test_a_changed_page_has_another_number_for_what_browsers_keep() -> None:
    files = sorted(file for file in PAGE.iterdir() if file.is_file())
    digest = hashlib.sha256()
    for file in files:  # lines end as the checkout has them
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n"))
    # Without a new number a browser would join what it kept of the old page with what it loads of the new one.
    assert digest.hexdigest()[:16] == "37ad5ecf742d1bc6", "count up KEPT in sw.js, then put the new digest here"


def test_the_page_holds_no_address_of_anywhere_else() -> None:
    for file in PAGE.iterdir():
        if file.suffix in (".html", ".js", ".css", ".webmanifest"):
            text = file.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
            assert "http" not in text.replace("http-equiv", "").replace("over https", ""), file.name


def test_a_folder_that_is_no_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match=r"index\.html"):
        page_server(tmp_path)
    (tmp_path / "m.safetensors").write_bytes(b"")
    assert main(["web", "--model", str(tmp_path / "m.safetensors"), "--no-open"]) == 2
    assert "uhd export --format web" in capsys.readouterr().err
    taken = page_server(PAGE)
    assert main(["web", "--no-open", "--port", str(taken.server_address[1])]) == 2
    assert "--port" in capsys.readouterr().err
    taken.server_close()


def test_a_browser_that_leaves_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    server = page_server(PAGE)
    try:
        try:
            raise ConnectionResetError
        except ConnectionError:
            server.handle_error(None, ("127.0.0.1", 1))
        assert capsys.readouterr().err == ""
        try:
            raise ZeroDivisionError
        except ZeroDivisionError:
            server.handle_error(None, ("127.0.0.1", 1))
        assert "ZeroDivisionError" in capsys.readouterr().err
    finally:
        server.server_close()


PAIRS = [
    ("ink", "back"), ("ink", "card"), ("soft", "back"), ("soft", "card"), ("soft", "stage"), ("ink", "stage"),
    ("on-accent", "accent"), ("safe", "back"), ("bad", "stage"),
]  # fmt: skip


def colour(text: str) -> tuple[int, int, int]:
    digits = text.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    red, green, blue = bytes.fromhex(digits)
    return red, green, blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("ink", "ground"), PAIRS)
def test_text_stands_out_by_at_least_4_5_to_1(scheme: str, ink: str, ground: str) -> None:
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    light, dark = style.split("prefers-color-scheme: dark", 1)
    variables = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", light))
    if scheme == "dark":
        variables |= dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+)", dark))
    assert contrast(colour(variables[ink]), colour(variables[ground])) >= 4.5


def test_labels_stand_out_on_every_plate() -> None:
    script = (PAGE / "draw.js").read_text(encoding="utf-8")
    plates = re.findall(r"#[0-9a-f]{6}", script.split("COLOURS = [", 1)[1].split("]", 1)[0])
    assert len(plates) == 7
    assert all(contrast(colour(plate), (0, 0, 0)) >= 4.5 for plate in plates)
    note = re.search(r'NOTE = "(#[0-9a-f]+)"', script)
    assert note is not None
    assert contrast(colour(note[1]), (255, 255, 255)) >= 4.5


def test_no_text_of_the_style_is_outside_the_variables() -> None:
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    colours = re.findall(r"(?<!-)\bcolor: ([^;]+);", style)
    assert {value for value in colours if not value.startswith("var(--") and value != "inherit"} == set()
