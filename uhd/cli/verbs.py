"""What can stand behind ``uhd``: a table of verbs, each with one file, imported when it is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module

from uhd.errors import UserError, nearest


@dataclass(frozen=True)
class Verb:
    """One verb: a file with ``main(argv) -> int``, or a table of sub-verbs.

    Attributes:
        about: one line of ``--help``.
        module: where its ``main`` is; empty where there are sub-verbs.
        verbs: sub-verbs by name.
    """

    about: str
    module: str = ""
    verbs: Mapping[str, Verb] = field(default_factory=dict)


VERBS: dict[str, Verb] = {
    "train": Verb("train a detector on a folder of labelled images", "uhd.cli.train"),
    "recipe": Verb("settings of a training from what a data set holds, with reasons", "uhd.cli.recipe"),
    "tune": Verb("search for better settings of a training", "uhd.cli.tune"),
    "val": Verb("measure a model on labelled images", "uhd.cli.val"),
    "prune": Verb("a narrower network of a trained one, taught by it", "uhd.cli.prune"),
    "predict": Verb("detect people in images, folders, videos or a camera", "uhd.cli.predict"),
    "export": Verb("write a checkpoint as ONNX, LiteRT, ESP-DL, C or a web page", "uhd.cli.export"),
    "convert-weights": Verb("the same detector from torch to Keras or back", "uhd.cli.convert_weights"),
    "compare": Verb("several model files side by side: size, latency, accuracy", "uhd.cli.compare"),
    "web": Verb("run the detector in the browser, on a camera or files", "uhd.cli.web"),
    "bench": Verb("time a model: preparing, network, post-processing", "uhd.cli.bench"),
    "info": Verb("parameters, multiply-adds and layers of a model", "uhd.cli.info"),
    "inspect": Verb("what a model or checkpoint file says of itself", "uhd.cli.inspect"),
    "refer": Verb(
        "find the one person whom a text, a point, a scribble or a box means",
        verbs={
            "data": Verb("draw scenes with keypoints, masks and descriptions", "uhd.cli.refer.data"),
            "train": Verb("train on pictures with descriptions", "uhd.cli.refer.train"),
            "val": Verb("measure a model, with the controls", "uhd.cli.refer.val"),
            "predict": Verb("find the person whom a prompt means in a picture", "uhd.cli.refer.predict"),
            "export": Verb("write a checkpoint as ONNX", "uhd.cli.refer.export"),
            "params": Verb("parameters of every part and combination", "uhd.cli.refer.params"),
        },
    ),
    "data": Verb(
        "check, convert, split and count a data set, choose anchors, look for hard backgrounds",
        verbs={
            "check": Verb("what to mend, and where", "uhd.cli.data.check"),
            "stats": Verb("what it holds, part by part", "uhd.cli.data.stats"),
            "convert": Verb("labels in another format", "uhd.cli.data.convert"),
            "split": Verb("lists to train on, to choose by and to report on", "uhd.cli.data.split"),
            "clean": Verb("lists without the images that check refuses", "uhd.cli.data.clean"),
            "mine": Verb("a list of backgrounds that a model takes for people", "uhd.cli.data.mine"),
            "augment-config": Verb("augmentation for a task, for us or others", "uhd.cli.data.augment_config"),
            "preview": Verb("augmented samples on one sheet", "uhd.cli.data.preview"),
            "anchors": Verb("box sizes that suit its people", "uhd.cli.data.anchors"),
            "label": Verb("labels by a better detector, for photographs without any", "uhd.cli.data.label"),
            "resize": Verb("what the choice of --resize-mode costs", "uhd.cli.data.resize"),
        },
    ),
}


def run_verb(argv: Sequence[str], verbs: Mapping[str, Verb] = VERBS, program: str = "uhd", about: str = "") -> int:
    """Run the verb that a command line names and return its exit code.

    Args:
        argv: verb, its sub-verb where there are some, flags and arguments.
        verbs: what may come first.
        program: the words before.
        about: what they stand for.

    Raises:
        UserError: no such verb, or a sub-verb is missing.
    """
    if not argv or argv[0] in ("-h", "--help"):
        if argv or program == "uhd":
            print(overview(verbs, program, about))
            return 0
        raise UserError(f"{program} needs one of {', '.join(verbs)}; see {program} --help")
    at = _place(argv, verbs)
    name = argv[at].replace("_", "-")
    if name not in verbs:
        raise UserError(
            f"unknown {'verb' if program == 'uhd' else f'verb of {program}'} {argv[at]!r}{nearest(name, verbs)}: "
            f"choose from {', '.join(verbs)}"
        )
    verb, rest = verbs[name], [*argv[:at], *argv[at + 1 :]]
    if verb.verbs:
        return run_verb(rest, verb.verbs, f"{program} {name}", verb.about)
    code: int = import_module(verb.module).main(rest)
    return code


def overview(verbs: Mapping[str, Verb], program: str, about: str) -> str:
    """Return the help of a program with verbs: one line each."""
    width = max(map(len, verbs)) + 2
    title = about[:1].upper() + about[1:].rstrip(".")
    lines = [f"usage: {program} VERB [flags]", "", f"{title}.", ""]
    lines += [f"  {name:<{width}}{verb.about}" for name, verb in verbs.items()]
    return "\n".join([*lines, "", f"{program} VERB --help lists the flags of a verb."])


def _place(argv: Sequence[str], verbs: Mapping[str, Verb]) -> int:
    """Return the place of the verb: the first word, or behind flags the first one that is a verb."""
    if not argv[0].startswith("-"):
        return 0
    return next((i for i, word in enumerate(argv) if word in verbs), 0)
