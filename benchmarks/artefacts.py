"""Everything one checkpoint is shipped as, each made by its command and scored itself on the same images.

    python benchmarks/artefacts.py --data PEOPLE [--model FILE.safetensors] [--output runs/artefacts] [--again]
        [--without s3_mixed.espdl]

Calibration images are those of ``train/``; scores and differences are those of ``val/``. What needs a tool that is not
installed (esp-ppq, litert-torch, a C compiler, zig, node) is left out, and said, like the files named by ``--without``:
choosing the layers of the mixed one tries every layer, an hour for a backbone of Lite0's depth. Files that exist are
not made again without ``--again``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
from pathlib import Path
from shutil import which

import cv2
from browser_page import PagePredictor
from environment import environment

from uhd.cli import main as uhd
from uhd.data.config import DataConfig
from uhd.data.open import open_data, read_dataset
from uhd.evaluation.compare import compare, to_text
from uhd.load import default_model, load

# Name, file, and the command that writes it; {data} holds the calibration images.
ARTEFACTS: tuple[tuple[str, str, str], ...] = (
    ("ONNX, merged", "merged.onnx", ""),
    ("ONNX, merged, 100 rows", "merged100.onnx", "--topk 100"),
    ("ONNX, merged, NMS inside", "nms.onnx", "--nms"),
    ("ONNX, raw", "raw.onnx", "--no-merge-postprocess"),
    ("ONNX int8", "int8.onnx", "--format onnx-int8 --calibration {data}"),
    ("LiteRT float32", "lite_float32.tflite", "litert"),
    ("LiteRT float16", "lite_float16.tflite", "litert"),
    ("LiteRT dynamic range", "lite_weight_quant.tflite", "litert"),
    ("LiteRT full integer", "lite_full_integer_quant.tflite", "litert"),
    ("ESP-DL S3 int8", "s3_int8.espdl", "--format espdl --image-dir {data} --target esp32s3"),
    ("ESP-DL S3 mixed int16", "s3_mixed.espdl", "--format espdl --image-dir {data} --target esp32s3 --auto-int16 8"),
    ("ESP-DL P4 int8", "p4_int8.espdl", "--format espdl --image-dir {data} --target esp32p4"),
    ("C float32", "c_float.c", "--format c"),
    ("C int8", "c_int8.c", "--format c --int8 --calibration {data}"),
    ("browser", "page", "--format web"),
)


def main() -> None:
    """Parse the command line, write what is missing, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=default_model().with_suffix(".safetensors"))
    parser.add_argument("--output", type=Path, default=Path("runs/artefacts"))
    parser.add_argument("--again", action="store_true", help="write every file anew")
    parser.add_argument("--without", nargs="+", default=[], metavar="FILE", choices=[row[1] for row in ARTEFACTS])
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    print(environment(1))
    arguments.output.mkdir(parents=True, exist_ok=True)
    files = {"torch": arguments.model}
    for name, file, words in ARTEFACTS:
        path = arguments.output / file
        if file in arguments.without:
            print(f"left out: {name}: as asked", flush=True)
            continue
        if arguments.again or not path.exists():
            made, said = _write(words, path, arguments.model, arguments.data)
            if not made:
                print(f"left out: {name}: {said}", flush=True)
                continue
        files[name] = path
    page = files.pop("browser", None)
    predictors = {name: load(path).predictor for name, path in files.items()}
    sizes = {name: path.stat().st_size for name, path in files.items()}
    if page and which("node"):
        predictors["browser"] = PagePredictor(predictors["torch"].spec, page)
        sizes["browser"] = sum(path.stat().st_size for path in page.glob("model.*"))
    elif page:
        print("left out: browser: node, which scores it, is not installed")
    data = DataConfig(image_dir=arguments.data)
    opened = open_data(data, 0)
    dataset = read_dataset(opened.val, data, opened.report)
    print(f"{len(dataset)} images; milliseconds of one 640x480 frame\n{to_text(compare(predictors, sizes, dataset))}")


def _write(words: str, path: Path, model: Path, data: Path) -> tuple[bool, str]:
    if words == "litert":
        base = path.with_name("lite.tflite")
        words, path = f"--format litert --calibration {data}", base
    command = ["export", str(model), "--output", str(path), *words.format(data=data).split()]
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
        code = uhd(command)
    return code == 0, (heard.getvalue().strip().splitlines() or [""])[-1]


if __name__ == "__main__":
    main()
