"""``uhd refer predict``: find the person that a text, a point, a scribble or a box means."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from uhd.cli.flags import Flags
from uhd.cli.output import claim, claim_json, say_beside, write_image, write_json
from uhd.config import knob
from uhd.errors import UserError

if TYPE_CHECKING:
    from uhd.refer.answer import Answer
    from uhd.refer.referrer import Referrer

_FEW_PHOTOGRAPHS = "the model in the package knows drawn people better than photographs: --closer 1.5 helps it there"
_PICTURES = (".png", ".jpg", ".jpeg", ".webp")


def parse_numbers(text: str) -> tuple[float, ...]:
    """Turn ``"12,34.5"`` into numbers, in pixels.

    Raises:
        ValueError: no numbers.
    """
    try:
        return tuple(float(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise ValueError("is not a list of numbers such as 12,34") from None


@dataclass(frozen=True)
class ReferPredictConfig:
    """Whom to find, and where the answer goes."""

    model: Path | None = knob(None, "model of this task (default: the one that comes with uhd)")
    text: str | None = knob(None, "what is said of the person")
    point: tuple[float, ...] | None = knob(None, "x,y in pixels, on the person", parse=parse_numbers)
    scribble: tuple[float, ...] | None = knob(None, "x,y,x,y,... in pixels, over the person", parse=parse_numbers)
    box: tuple[float, ...] | None = knob(None, "x1,y1,x2,y2 in pixels, roughly around the person", parse=parse_numbers)
    detector: Path | None = knob(None, "ask by every box of this detector: everybody, or at once nobody")
    closer: float | None = knob(
        None, "look once more at a square around the person alone, so many of the box's longer sides wide: 1.5 suits "
        "photographs", minimum=1, maximum=10,
    )  # fmt: skip
    json: Path | None = knob(None, "write the answers as JSON; - writes to standard output")
    output: Path | None = knob(None, "write the picture with mask, skeleton and box to this file")
    min_score: float = knob(0.0, "answers below this score are left out", minimum=0, maximum=1)


def main(argv: Sequence[str]) -> int:
    """Find; returns the exit code."""
    about = "Find one person in a picture: box, 17 keypoints and mask."
    flags = Flags("uhd refer predict", about, (ReferPredictConfig,))
    flags.add_positional("image", nargs="?", type=Path, help="picture")
    resolved = flags.resolve(argv)
    config, path = resolved[ReferPredictConfig], resolved.positional.get("image")
    if path is None:
        raise UserError('uhd refer predict needs a picture: uhd refer predict photo.jpg --text "the leftmost person"')
    prompts = [name for name in ("text", "point", "scribble", "box", "detector") if getattr(config, name) is not None]
    if len(prompts) != 1:
        raise UserError(f"give one of --text, --point, --scribble, --box and --detector, not {len(prompts)}")
    claim_json(config.json, [path])
    if config.output is not None:
        claim(config.output, _PICTURES, [path])

    from uhd.refer.draw import draw_answers
    from uhd.runtime.detector import as_rgb

    image = as_rgb(path)
    if (config.model is None or str(config.model) == "refer") and config.closer is None:
        print(_FEW_PHOTOGRAPHS, file=sys.stderr)
    answers = [each for each in _answers(config, image) if each.score >= config.min_score]
    write_json(config.json, {"image": str(path), "answers": [answer.to_plain() for answer in answers]})
    for answer in answers:
        box = ", ".join(f"{value:.0f}" for value in answer.xyxy)
        say_beside(config.json, f"person at {box} (score {answer.score:.2f})")
    if not answers:
        say_beside(config.json, "nobody")
    if config.output is not None:
        drawn = draw_answers(image, answers)
        write_image(config.output, drawn)
        say_beside(config.json, f"wrote {config.output}")
    return 0


def _answers(config: ReferPredictConfig, image: Any) -> list[Answer]:
    from uhd.load import load

    if config.detector is not None:
        detector = load(config.detector)
        # The second model is opened only when there is somebody.
        found = detector(image)
        return open_referrer(config.model).everybody(image, lambda _: found, closer=config.closer) if len(found) else []
    referrer = open_referrer(config.model)
    if config.text is not None:
        _tell_unknown(referrer, config.text)
    return [referrer(image, config.text, config.point, _pairs(config.scribble), config.box, closer=config.closer)]


def open_referrer(path: Path | None) -> Referrer:
    """Return a model of this task; None takes the one that comes with the package.

    Raises:
        UserError: there is none, or it is of another task.
    """
    from uhd.load import load
    from uhd.refer.referrer import Referrer
    from uhd.refer.weights import default_refer_model

    model: object = load(default_refer_model() if path is None else path)
    if not isinstance(model, Referrer):
        raise UserError(f"{path}: detects people; a model of the task refer is needed")
    return model


def _pairs(numbers: tuple[float, ...] | None) -> list[tuple[float, float]] | None:
    if numbers is None:
        return None
    if len(numbers) % 2:
        raise UserError("--scribble: needs pairs of numbers x,y,x,y,...")
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def _tell_unknown(referrer: Referrer, text: str) -> None:
    strange = referrer.finder.vocabulary.unknown(text)
    if strange:
        print(f"words that the model has never seen: {', '.join(strange)}", file=sys.stderr)
