"""The npm package as it would be installed: the boxes of Python in Node and in Chromium, from the package alone."""

from __future__ import annotations

import functools
import json
import os
import shutil
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import uhd
from tests.web import chromium
from uhd.detections import Detections
from uhd.runtime.web import PAGE, PageHandler, PageServer

# The page computes in float; the ONNX file of the package in eight bits.
FLOAT = Path(uhd.__file__).parent / "weights" / "ultratinyod_lite0_64x64.safetensors"

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "integrations/npm"
PHOTOGRAPH = ROOT / "examples/astronaut.jpg"
TSC = os.environ.get("TSC", "tsc")
pytestmark = pytest.mark.skipif(shutil.which("npm") is None, reason="no npm: apt-get install npm")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``node_modules/uhd-detect`` from the packed archive, and a photograph without loss."""
    folder = tmp_path_factory.mktemp("npm")
    source = folder / "source"
    shutil.copytree(PACKAGE, source, ignore=shutil.ignore_patterns("engine", "*.tgz", "node_modules"))
    environment = {**os.environ, "UHD_WEB": str(PAGE), "npm_config_offline": "true", "npm_config_update_notifier": "0"}
    command = ["npm", "pack", "--silent", "--pack-destination", str(folder)]
    subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)
    (archive,) = folder.glob("uhd-detect-*.tgz")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (folder / "node_modules").mkdir()
    (folder / "package").rename(folder / "node_modules/uhd-detect")
    image = cv2.resize(cv2.imread(str(PHOTOGRAPH)), (301, 257))
    cv2.imwrite(str(folder / "photograph.png"), image)
    cv2.cvtColor(image, cv2.COLOR_BGR2RGBA).tofile(folder / "photograph.rgba")
    return folder


def agree(found: list[dict[str, Any]], expected: Detections) -> None:
    assert len(found) == len(expected) > 0
    assert np.abs(np.array([each["xyxy"] for each in found]) - expected.xyxy).max() <= 1
    assert np.abs([each["score"] for each in found] - expected.scores).max() < 0.02
    assert found[0]["name"] == "person"


def test_node_finds_what_python_finds(installed: Path) -> None:
    script = installed / "script.mjs"
    script.write_text(
        'import { readFileSync } from "node:fs"; import { detect } from "uhd-detect";\n'
        'const data = readFileSync("photograph.rgba");\n'
        "console.log(JSON.stringify(await detect({ width: 301, height: 257, data }, { threshold: 0.2 })));\n"
        "await detect({ width: 2, height: 2, data: new Uint8Array(3) }).catch((error) => console.log(error.message));\n"
    )
    done = subprocess.run(["node", script], cwd=installed, check=True, capture_output=True, text=True)
    boxes, refused = done.stdout.splitlines()
    agree(json.loads(boxes), uhd.load(FLOAT)(installed / "photograph.png", 0.2))
    assert "RGBA" in refused


@pytest.mark.slow
@pytest.mark.skipif(chromium.find() is None, reason="no Chromium: apt-get install chromium")
def test_chromium_finds_it_in_images_canvases_bitmaps_and_in_a_worker(installed: Path, tmp_path: Path) -> None:
    (installed / "index.html").write_text("<!doctype html><img id=photograph src=photograph.png>")
    expected = uhd.load(FLOAT)(installed / "photograph.png", 0.2)
    server = PageServer(("127.0.0.1", 0), functools.partial(PageHandler, directory=str(installed)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    package = '"/node_modules/uhd-detect/browser.js"'
    ways = [
        "photograph",
        "Object.assign(document.createElement('canvas'), {width: 301, height: 257})",
        "await createImageBitmap(photograph)",
    ]
    try:
        with chromium.Page(tmp_path / "profile") as page:
            page.open(f"http://127.0.0.1:{server.server_address[1]}/")
            page.until("document.images[0]?.complete && photograph.naturalWidth > 0")
            for way in ways:
                draw = "if (it.getContext) it.getContext('2d').drawImage(photograph, 0, 0);"
                call = f"const it = {way}; {draw} return await detect(it, {{threshold: 0.2}});"
                agree(
                    page.value(f"(async () => {{ const {{ detect }} = await import({package}); {call} }})()"), expected
                )
            worker = 'new Worker("/node_modules/uhd-detect/worker.js", { type: "module" })'
            call = (
                f"new Promise(async (done) => {{ const w = {worker}; w.onmessage = ({{ data }}) => done(data.people);"
                "const image = await createImageBitmap(photograph);"
                "w.postMessage({ id: 1, image, options: { threshold: 0.2 } }, [image]); })"
            )
            agree(page.value(call), expected)
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.slow
@pytest.mark.skipif(chromium.find() is None, reason="no Chromium: apt-get install chromium")
def test_chromium_finds_it_in_a_video(installed: Path, tmp_path: Path) -> None:
    image = cv2.resize(cv2.imread(str(PHOTOGRAPH)), (320, 256))
    film = cv2.VideoWriter(str(installed / "film.webm"), cv2.VideoWriter.fourcc(*"VP80"), 10, (320, 256))
    for _ in range(10):
        film.write(image)
    film.release()
    there, frame = cv2.VideoCapture(str(installed / "film.webm")).read()
    assert there
    expected = uhd.load(FLOAT)(cv2.cvtColor(frame, cv2.COLOR_BGR2RGB), 0.3)
    (installed / "video.html").write_text("<!doctype html><video id=film src=film.webm muted preload=auto></video>")
    server = PageServer(("127.0.0.1", 0), functools.partial(PageHandler, directory=str(installed)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    call = "const { detect } = await import('/node_modules/uhd-detect/browser.js');"
    call += "const refused = await detect(document.createElement('video')).catch((error) => error.message);"
    call += "return [refused, await detect(film, { threshold: 0.3 })];"
    try:
        with chromium.Page(tmp_path / "profile") as page:
            page.open(f"http://127.0.0.1:{server.server_address[1]}/video.html")
            page.until("document.querySelector('video')?.readyState >= 2")
            refused, found = page.value(f"(async () => {{ {call} }})()")
    finally:
        server.shutdown()
        server.server_close()
    assert "a video that plays" in refused
    # Two decoders turn YUV into RGB, each in its own way.
    assert len(found) == len(expected) > 0
    assert np.abs(np.array([each["xyxy"] for each in found]) - expected.xyxy).max() <= 4
    assert np.abs([each["score"] for each in found] - expected.scores).max() < 0.05


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which(TSC) is None, reason="no TypeScript: npm install typescript, TSC=node_modules/.bin/tsc"
)
@pytest.mark.parametrize("library", [["es2022", "dom"], ["es2022"]])
@pytest.mark.parametrize(("module", "resolution"), [("nodenext", "nodenext"), ("esnext", "bundler")])
def test_typescript_knows_the_types(
    library: list[str], module: str, resolution: str, installed: Path, tmp_path: Path
) -> None:
    shutil.copytree(installed / "node_modules", tmp_path / "node_modules")
    shutil.copy(Path(__file__).parent / "npm/consumer.ts", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    options = {"noEmit": True, "strict": True, "target": "es2022", "types": [], "lib": library}
    options |= {"module": module, "moduleResolution": resolution}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "files": ["consumer.ts"]}))
    done = subprocess.run([TSC, "-p", str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert done.returncode == 0, done.stdout
