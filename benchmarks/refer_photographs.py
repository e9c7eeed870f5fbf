"""Real photographs: one person by a box or by a point, beside two baselines; or eight photographs learnt by heart.

    python benchmarks/refer_photographs.py --data KEYPOINTS.json --model REFER [--model REFER] [--closer 2]
    python benchmarks/refer_photographs.py --data KEYPOINTS.json --others FOLDER [--without REFHUMAN.json ...]
    python benchmarks/refer_photographs.py --data KEYPOINTS.json --model REFER --world WORLD --tune FOLDER [--epochs 12]
    python benchmarks/refer_photographs.py --data KEYPOINTS.json --overfit FOLDER [--epochs 800]

The persons measured are those with a mask and at least five keypoints. The first form measures models as they are,
beside the prompt itself: its box (for a point the mean box of these persons, around it) as the mask, with a mean pose
in it; with ``--closer`` every model is asked once more as ``uhd refer predict --closer`` asks. ``--others`` writes the
photographs that show none of these persons as a data set to train on, and takes those that do out of copies of further
files: ``RefHuman_train_others.json`` beside ``RefHuman_train.json``. ``--tune`` first trains the model on the
photographs that show none of these persons, as many drawn scenes among them, and measures it beside what it was: no
photograph is in both. ``--overfit`` trains a fresh network on eight photographs of them, without augmentation, and
measures it on the same.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from environment import environment
from numpy.typing import NDArray

from uhd.data.formats.rows import record_of, rows_of
from uhd.data.formats.run_length import outline_of_bitmap
from uhd.data.problems import Report
from uhd.data.records import Record
from uhd.keypoints import MEAN_POSE
from uhd.outlines import fill_outline
from uhd.refer.answer import Answer
from uhd.refer.answers import Found
from uhd.refer.config import PromptConfig, ReferDataConfig
from uhd.refer.data import ReferData, decode, read_parts
from uhd.refer.photographs.dataset import ABOUT, copy_photograph, read_photographs
from uhd.refer.photographs.described import is_whole
from uhd.refer.photographs.part import DescribedPart
from uhd.refer.prompt_batches import place_prompt
from uhd.refer.referrer import Referrer
from uhd.refer.run import ReferSettings, build_trainer
from uhd.refer.tables import compare
from uhd.refer.torch_finder import TorchFinder
from uhd.training.config import TrainConfig
from uhd.training.trainer import Trainer

LEAST, FEW, SIDE = 5, 8, 128
KINDS = ("box", "point")
Rows = dict[str, list[tuple[float, float]]]


def measured(records: Sequence[Record]) -> list[tuple[Record, int]]:
    """Return the persons to measure by."""
    return [(record, i) for record in records for i in range(len(record.boxes)) if is_whole(record.objects, i, LEAST)]


def prompt_of(kind: str, record: Record, who: int) -> NDArray[np.float32]:
    """Return points (K, 2) normalised that mean a person; the same in every run."""
    assert record.size is not None
    assert record.objects.masks is not None
    mask = fill_outline(record.objects.masks[who], record.size)
    rng = np.random.default_rng([len(record.image.name), *record.image.name.encode(), who])
    points = place_prompt(kind, record.boxes[who], mask, record.size, rng)
    return points / np.array(record.size[::-1], np.float32)


def prompt_alone(records: Sequence[Record]) -> Rows:
    """Return OKS and mask IoU of a box with a mean pose in it."""
    people = measured(records)
    mean = np.mean([record.boxes[who][2:] - record.boxes[who][:2] for record, who in people], 0)
    told: Rows = {kind: [] for kind in KINDS}
    for record, who in people:
        for kind in KINDS:
            points = prompt_of(kind, record, who)
            box = points.ravel() if kind == "box" else np.concatenate([points[0] - mean / 2, points[0] + mean / 2])
            pose = (box[:2] + box[2:]) / 2 + np.array(MEAN_POSE, np.float32) * (box[2:] - box[:2])
            full = np.full((1, *(record.size or (1, 1))), -1, np.float32)
            height, width = full.shape[1:]
            left, top, right, bottom = (box * np.tile([width, height], 2)).round().astype(int).clip(0)
            full[0, top:bottom, left:right] = 1
            seen, sure = np.ones((1, 17), np.float32), np.ones(1, np.float32)
            found = Found(box[None].astype(np.float32), pose[None].astype(np.float32), seen, sure, full)
            told[kind].append(figures(found, 0, record, who))
    return told


def figures(found: Found, best: int, record: Record, who: int) -> tuple[float, float]:
    """Return OKS and mask IoU of a candidate."""
    assert record.size is not None
    tables = compare(found, record.objects, record.size)
    return float(tables.oks[best, who]), float(tables.mask_iou[best, who])


def by_model(find: Referrer, records: Sequence[Record], closer: float | None = None) -> Rows:
    """Return OKS and mask IoU of a model's answers, or of its answers after a closer look."""
    from uhd.read import read_image

    told: Rows = {kind: [] for kind in KINDS}
    for record in records:
        people = [who for other, who in measured([record])]
        if not people:
            continue
        image = read_image(record.image)
        size = np.array(image.shape[1::-1], np.float32)
        found = None if closer else find.look(image)
        for kind in KINDS:
            asked = [prompt_of(kind, record, who) for who in people]
            if found is not None:
                best = find.finder.ask_places(found, np.stack(asked), kind).argmax(1)
                told[kind] += [figures(found, int(k), record, who) for k, who in zip(best, people, strict=True)]
                continue
            for who, points in zip(people, asked, strict=True):
                answer = find(image, **{kind: (points * size).ravel()}, closer=closer)
                told[kind].append(figures(found_of(answer), 0, record, who))
    return told


def found_of(answer: Answer) -> Found:
    """Return an answer as the only candidate of its picture."""
    size = np.array(answer.mask.shape[::-1], np.float32)
    points, seen = answer.keypoints[None, :, :2] / size, answer.keypoints[None, :, 2]
    logits = np.where(answer.mask, 1, -1).astype(np.float32)[None]
    return Found(answer.xyxy[None] / np.tile(size, 2), points, seen, np.ones(1, np.float32), logits)


def show(name: str, told: Rows) -> dict[str, float]:
    """Print a line of the table and return its figures."""
    means = {kind: np.mean(values, 0) for kind, values in told.items()}
    cells = " | ".join(f"{means[kind][0]:.3f} | {means[kind][1]:.3f}" for kind in KINDS)
    print(f"| {name} | {cells} |", flush=True)
    table = {f"{what} by {kind}": float(means[kind][k]) for kind in KINDS for k, what in enumerate(("OKS", "mask IoU"))}
    return {"name": name, **table}  # type: ignore[dict-item]


def others_of(source: Path, records: Sequence[Record]) -> list[Record]:
    """Return the photographs without a person to measure by; masks that lie in files beside are read, too."""
    content = json.loads(source.read_text(encoding="utf-8"))
    names = {image["id"]: Path(image["file_name"]).name for image in content["images"]}
    masks: dict[str, list[dict[str, object]]] = {}
    for each in content["annotations"]:
        masks.setdefault(names[each["image_id"]], []).append(each)
    found = []
    for record in records:
        if measured([record]):
            continue
        assert record.size is not None
        rows = rows_of(record)
        extent = np.tile(np.array(record.size[::-1], np.float32), 2)
        for each in masks.get(record.image.name, ()):
            file = source.parent / "masks" / Path(str(each.get("mask_png", ""))).name
            bitmap = cv2.imread(str(file), cv2.IMREAD_UNCHANGED) if each.get("mask_png") else None
            if bitmap is None:
                continue
            left, top, width, height = each["bbox"]  # type: ignore[misc]
            box = np.array([left, top, left + width, top + height]) / extent  # type: ignore[has-type]
            near = [float(np.abs(np.array(row.box) - box).max()) for row in rows]
            own = int(np.argmin(near))
            rows[own] = dataclasses.replace(rows[own], outline=outline_of_bitmap(bitmap == each["mask_value"]))
        found.append(record_of(record.image, rows, record.size))
    return found


def write_others(source: Path, records: Sequence[Record], folder: Path, more: Sequence[Path]) -> None:
    """Write the photographs without a person to measure by, and files of further ones without those that show any."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    part = DescribedPart(lambda *_: True)
    for record in others_of(source, records):
        part.add(copy_photograph(record.image, folder / "images"), record)
    part.write(folder / "RefHuman_train.json", 1, {"description": ABOUT})
    print(f"{folder}: {part.counts}")
    shown = {record.image.name for record in records if measured([record])}
    for file in more:
        content = json.loads(file.read_text(encoding="utf-8"))
        images = [each for each in content["images"] if Path(each["file_name"]).name not in shown]
        kept = {each["id"] for each in images}
        notes = [each for each in content["annotations"] if each["image_id"] in kept]
        left = file.with_name(f"{file.stem}_others.json")
        left.write_text(json.dumps(content | {"images": images, "annotations": notes}), encoding="utf-8")
        print(f"{left}: {len(images)} entries of {len(content['images'])}")


def overfit_trainer(records: Sequence[Record], folder: Path, epochs: int) -> tuple[Trainer, list[Record]]:
    """Return a trainer of a fresh network on eight photographs, and these."""
    tall = [r for r in records if len(r.objects) == r.objects.count <= 3 and len(measured([r])) == len(r.boxes)]
    chosen = [tall[i] for i in np.linspace(0, len(tall) - 1, FEW).astype(int)]
    said = [
        dataclasses.replace(r, objects=dataclasses.replace(r.objects, texts=(("the person",),) * len(r.objects)))
        for r in chosen
    ]
    data = ReferDataConfig(img_size=(SIDE, SIDE), num_workers=0)
    part = decode(said, data, Report(), False)
    places = PromptConfig(text_share=0.04, point_share=0.48, scribble_share=0.0, box_share=0.48)
    train = TrainConfig(
        epochs=epochs, batch_size=FEW, optimizer="muon", lr=0.003, muon_lr=0.02, warmup_steps=30, ema_decay=0.99,
        weight_decay=0.0, eval_interval=100_000, log_interval=50, save_minutes=2, threads=1, tensorboard=False,
        resume=folder if (folder / "last.pt").exists() else None,
    )  # fmt: skip
    settings = ReferSettings(train, data, prompts=places)
    last = folder / "last.pt" if train.resume else None
    return build_trainer(settings, ReferData(part, part, Report()), folder, last=last, augmentation={}), list(chosen)


def tune_trainer(model: Path, photographs: list[Record], world: Path, folder: Path, epochs: int) -> Trainer:
    """Return a trainer of a model on photographs with as many drawn scenes among them."""
    from uhd.models.weights import read_weights

    size = read_weights(model)[1]["input_size"]
    data = ReferDataConfig(data=world, img_size=(int(size[0]), int(size[1])), num_workers=0, val_count=20)
    scenes, val = read_parts(data, Report())
    chosen = [scenes[i] for i in np.random.default_rng(0).permutation(len(scenes))[: len(photographs)]]
    parts = [decode(records, data, Report(), False) for records in (photographs + chosen, val)]
    train = TrainConfig(
        epochs=epochs, batch_size=16, optimizer="muon", lr=0.001, muon_lr=0.007, warmup_steps=50, ema_decay=0.99,
        weight_decay=0.02, eval_interval=100_000, log_interval=25, save_minutes=2, threads=1, tensorboard=False,
        ckpt=model, resume=folder if (folder / "last.pt").exists() else None,
    )  # fmt: skip
    places = PromptConfig(text_share=0.4, point_share=0.25, scribble_share=0.1, box_share=0.25)
    last = folder / "last.pt" if train.resume else None
    return build_trainer(ReferSettings(train, data, prompts=places), ReferData(*parts, Report()), folder, last=last)


def finder_of(trainer: Trainer) -> Referrer:
    """Return the averaged weights of a run behind the five-line API."""
    import torch

    trainer.fit()
    torch.set_num_threads(1)
    from uhd.refer.torch_finder import open_finder

    finder: TorchFinder = open_finder(trainer.folder / "last.safetensors")
    return Referrer(finder)


def main() -> None:
    """Measure, or train and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, action="append", default=[])
    parser.add_argument("--closer", type=float)
    parser.add_argument("--others", type=Path)
    parser.add_argument("--without", type=Path, nargs="+", default=[])
    parser.add_argument("--world", type=Path)
    parser.add_argument("--tune", type=Path)
    parser.add_argument("--overfit", type=Path)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    import uhd

    print(environment(1))
    records = read_photographs(options.data, Report())
    shown = [record for record in records if measured([record])]
    if options.others:
        write_others(options.data, records, options.others, options.without)
        return
    trainer = None
    if options.overfit:
        trainer, shown = overfit_trainer(shown, options.overfit, options.epochs or 800)
    print(f"{len(measured(shown))} persons of {len(shown)} photographs\n")
    tuned = finder_of(trainer) if trainer else None
    if options.tune:
        others = others_of(options.data, records)
        trainer = tune_trainer(options.model[0], others, options.world, options.tune, options.epochs or 12)
        tuned = finder_of(trainer)
    print("| answer | OKS by box | mask IoU by box | OKS by point | mask IoU by point |\n|---|--:|--:|--:|--:|")
    lines = [show("the prompt's box with a mean pose", prompt_alone(shown))]
    lines += [show(path.name, by_model(uhd.load(path), shown)) for path in options.model]  # type: ignore[arg-type]
    if options.closer:
        lines += [
            show(f"{path.name}, closer", by_model(uhd.load(path), shown, options.closer))  # type: ignore[arg-type]
            for path in options.model
        ]
    if tuned is not None:
        lines.append(
            show("learnt by heart" if options.overfit else "tuned on other photographs", by_model(tuned, shown))
        )
    if options.json:
        options.json.write_text(json.dumps(lines, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
