"""Is the cost per image independent of the size of the data set?

    python benchmarks/scaling.py [--counts 300 3000 30000] [--width 16] [--batches 60]

Draws a set of images, then times training steps (loading, augmentation, network, loss, optimiser) on its first 300,
3,000 and 30,000 images in turn, one torch thread, no loader process.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import torch
from environment import environment
from training import draw_images, endless

from uhd.augment.pipeline import Pipeline
from uhd.data.config import DataConfig
from uhd.data.loader import Loader
from uhd.data.open import open_data, read_dataset
from uhd.detect.task import DetectTask
from uhd.losses.config import LossConfig
from uhd.models.ultratinyod import UltraTinyOD, UltraTinyODConfig
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", type=int, nargs="+", default=[300, 3000, 30000])
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batches", type=int, default=60)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(0)
    print(environment(1))
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "drawn"
        draw_images(place, max(arguments.counts))
        data = DataConfig(image_dir=place)
        opened = open_data(data)
        val = read_dataset(opened.val, data, opened.report, False)
        streams = {}
        for count in arguments.counts:
            began = time.perf_counter()
            train = read_dataset(opened.train[:count], data, opened.report, False)
            opening = time.perf_counter() - began
            model = UltraTinyOD(UltraTinyODConfig(cnn_width=arguments.width)).train()
            config = TrainConfig(batch_size=64, optimizer="adamw")
            task = DetectTask(model, data, LossConfig(), val, ("person",), 0.3)
            loader = Loader(train, Pipeline.load(None), data.img_size, data.resize_mode, 64, object_share=0.7)
            trainer = Trainer(task, loader, config, Path(folder), torch.device("cpu"))
            batches = endless(loader)
            streams[count] = (trainer, batches, [], opening, loader)
        for i in range(arguments.batches + 5):
            for trainer, batches, taken, *_ in streams.values():
                began = time.perf_counter()
                trainer.step(next(batches))
                if i >= 5:
                    taken.append(time.perf_counter() - began)
        for count, (_, _, taken, opening, loader) in streams.items():
            loader.close()
            per_image = statistics.median(taken) / 64 * 1000
            print(f"{count} images: {per_image:.3f} ms per image (decoding once {opening / count * 1000:.2f} ms each)")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
