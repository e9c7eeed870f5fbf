"""What training on a device's grid wins back: AP of a model in float, rounded after training, and trained on.

    python benchmarks/quantisation_aware.py --data PEOPLE [--model FILE] [--rows s3-8 s3-4 ...] [--epochs 8]

PEOPLE holds ``train/``, from which the images come that show the ranges of activations and those of the training, and
``val/``, on which every form is scored. The weights of the last epoch count, not those that scored best. Rounded are
weights, with batch-norm folded in, and the outputs of all blocks and of the last convolutions. An ``.espdl`` is the
file that ``uhd export`` writes of the weights, in the simulator, with its own calibration.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from environment import environment

import uhd
from uhd.compress.config import QuantiseConfig
from uhd.compress.fake_quantise import quantise, start_epoch
from uhd.compress.score import labelled, score
from uhd.data.config import DataConfig
from uhd.data.dataset import Dataset
from uhd.data.open import open_data, read_dataset
from uhd.data.split import spread
from uhd.export.espdl.config import EspdlConfig
from uhd.export.espdl.export import export_espdl
from uhd.export.espdl.simulator import EspdlPredictor
from uhd.export.espdl.source import open_source
from uhd.models.network import DetectorNetwork
from uhd.models.predictor import TorchPredictor, spec_of
from uhd.models.weights import load_model
from uhd.resize import to_network

MODEL = Path(__file__).parents[1] / "uhd" / "weights" / "zoo" / "ultratinyod_w16_rgb.safetensors"
# Backend of --qat, bits of the weights.
ROWS = {"s3-8": ("esp32s3", 8), "p4-8": ("esp32p4", 8), "onnx-8": ("onnx", 8)}
ROWS |= {"s3-4": ("esp32s3", 4), "p4-4": ("esp32p4", 4), "onnx-4": ("onnx", 4)}
# Weights stay on the grid they were trained on.
_AS_TRAINED = {"use_layerwise_equalization": False, "bias_correction": False, "reconstruction": False}
IMAGES = 256  # that show the ranges of activations, where nothing is trained


def main() -> None:
    """Parse the command line and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--rows", nargs="+", choices=ROWS, default=["s3-8", "s3-4"])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument(
        "--output", type=Path, default=Path("runs/quantisation_aware"), help="a stopped run goes on there"
    )
    parser.add_argument("--espdl", action="store_true", help="also write 8-bit .espdl files and score them")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    network, meta = load_model(arguments.model)
    card = spec_of(meta)
    val = labelled(arguments.data, card, (0,))
    print(f"{environment(1)}\n{len(val)} images\n")
    print("| grid | bits of weights, activations | form | AP50 | AP | minutes |\n|---|---|---|--:|--:|--:|")
    _row("", "", "float", score("float", TorchPredictor(network, card), val))
    for name in arguments.rows:
        backend, bits = ROWS[name]
        config = QuantiseConfig(qat=True, qat_backend=backend, w_bits=bits, a_bits=8)
        rounded = _rounded(arguments.model, config, _images(arguments.data, card))
        _row(backend, f"{bits}, 8", "rounded", score("rounded", TorchPredictor(rounded, card), val))
        began = time.perf_counter()
        trained = _trained(arguments, name, config)
        taken = f"{(time.perf_counter() - began) / 60:.1f}"
        _row(backend, f"{bits}, 8", "trained on", score("", TorchPredictor(load_model(trained)[0], card), val), taken)
        if arguments.espdl and bits == 8 and backend.startswith("esp32"):
            for what, file, more in (
                ("`.espdl` of the float model", arguments.model, {}),
                ("the same, rounded and nothing else", arguments.model, _AS_TRAINED),
                ("`.espdl` of the one trained on", trained, _AS_TRAINED),
            ):
                _row(backend, "8, 8", what, score("", _espdl(file, arguments, backend, **more), val))


def _images(data: Path, card: Any) -> torch.Tensor:
    config = DataConfig(image_dir=data, img_size=card.input_size, resize_mode=card.resize_mode)
    opened = open_data(config, 0)
    few = [opened.train[i] for i in spread(len(opened.train), IMAGES)]
    dataset: Dataset = read_dataset(few, config, opened.report, progress=False)
    return torch.from_numpy(to_network(dataset.network_images(card.input_size, card.resize_mode), card.resize_mode))


def _rounded(model: Path, config: QuantiseConfig, images: torch.Tensor) -> DetectorNetwork:
    network = quantise(load_model(model)[0], config).train()
    start_epoch(network, 0)
    with torch.no_grad():
        network(images)
    return network.eval()


def _trained(arguments: argparse.Namespace, name: str, config: QuantiseConfig) -> Path:
    folder = arguments.output / f"{arguments.model.stem}_{name}"
    if (folder / "last.pt").is_file():
        uhd.train(resume=folder)
    else:
        uhd.train(
            arguments.data, output=arguments.output, exp_name=folder.name, ckpt=arguments.model, qat=True,
            qat_backend=config.qat_backend, w_bits=config.w_bits, a_bits=config.a_bits, epochs=arguments.epochs,
            lr=6e-4, muon_lr=3e-3, warmup_steps=50, ema_decay=0.995, samples=0, tensorboard=False,
        )  # fmt: skip
    return folder / "last.safetensors"


def _espdl(model: Path, arguments: argparse.Namespace, target: str, **more: Any) -> EspdlPredictor:
    config = EspdlConfig(target=target, image_dir=arguments.data, **more)
    prepared, card = open_source(model, config)
    path = arguments.output / f"{model.parent.name}_{target}_{len(more)}.espdl"
    export_espdl(prepared, card, path, config, lambda _: None)
    return EspdlPredictor(path)


def _row(backend: str, bits: str, form: str, result: Any, minutes: str = "") -> None:
    print(f"| {backend} | {bits} | {form} | {result.ap50:.4f} | {result.ap:.4f} | {minutes} |", flush=True)


if __name__ == "__main__":
    main()
