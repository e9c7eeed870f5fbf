"""Fill a backbone with published weights, from a local file under the names of `transformers` or `timm`."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from torch import Tensor, nn

from uhd.errors import UserError
from uhd.models.weights import State, read_weights
from uhd.refer.model.backbones.library_names import FAMILIES, Family
from uhd.refer.model.backbones.pictures import fit_first
from uhd.refer.model.library_file import library_file

_MEND = "give the file that the library `{}` saves of it, or leave out --backbone-weights"


def load_published(backbone: nn.Module, name: str, path: Path) -> None:
    """Fill a backbone with the weights of a file; its first layer takes our pictures from then on.

    The first layer pads with what is zero there: the mean of ImageNet's pictures in the published networks, grey here.

    Args:
        backbone: of a class in :data:`FAMILIES`.
        name: of the backbone, as the user gave it.
        path: a ``.safetensors`` or ``.bin`` file, or the folder of one.

    Raises:
        UserError: the file cannot be read, or holds another network.
    """
    family = _family(backbone, name)
    found = read_published(backbone, name, path)
    weight, constant = (found[each].float() for each in family.first)
    deviation, mean = torch.tensor(family.deviation), torch.tensor(family.mean)
    weight, missing = fit_first(weight.flip(1) if family.blue_first else weight, 1 / deviation, -mean / deviation)
    sign = -1 if family.first[1].endswith("running_mean") else 1
    backbone.load_state_dict(found | dict(zip(family.first, (weight, constant + sign * missing), strict=True)))


def read_published(backbone: nn.Module, name: str, path: Path) -> State:
    """Return a file's tensors for everything that a backbone has, as the published network takes pictures.

    Raises:
        UserError: see :func:`load_published`.
    """
    family, file = _family(backbone, name), library_file(path)
    theirs = {key.removeprefix(family.prefix): value for key, value in read_weights(file)[0].items()}
    found, used, mend = {}, set[str](), _MEND.format(family.library)
    for ours, value in backbone.state_dict().items():
        wanted = names_of(ours, family)
        missing = [each for each in wanted if each not in theirs]
        if missing:
            raise UserError(f"{file}: holds no {missing[0]}, so it is not of --backbone {name}: {mend}")
        found[ours] = _fitted([theirs[each] for each in wanted], value) if wanted else value
        if found[ours].shape != value.shape:
            raise UserError(
                f"{file}: {wanted[0]} has the shape {list(found[ours].shape)}, not {list(value.shape)}, so it is not "
                f"of --backbone {name}: {mend}"
            )
        used.update(wanted)
    for key in theirs.keys() - used:
        if not any(re.match(rf"{each}(\.|$)", key) for each in family.ignored):
            raise UserError(f"{file}: {key} has no place in --backbone {name}: {mend}")
    return found


def _family(backbone: nn.Module, name: str) -> Family:
    kind = type(backbone).__name__
    if kind not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise UserError(f"--backbone-weights is not for --backbone {name}; it is for EfficientNet-Lite0, {known}")
    return FAMILIES[kind]


def names_of(ours: str, family: Family) -> tuple[str, ...]:
    """Return the library's names for what fills one of our tensors; none where no file has it.

    Raises:
        KeyError: the table knows nothing of it.
    """
    for pattern, theirs in family.names.items():
        match = re.fullmatch(pattern.replace(".", r"\.").replace("#", r"(\d+)") + r"(\.[a-z_]+)?", ours)
        if match:
            *numbers, kind = match.groups(default="")
            templates = (theirs,) if isinstance(theirs, str) else theirs
            return tuple(_numbered(each, numbers) + kind for each in templates)
    if any(re.match(each, ours) for each in family.own):
        return ()
    raise KeyError(ours)


def _numbered(template: str, numbers: list[str]) -> str:
    for number in numbers:
        template = template.replace("#", number, 1)
    return template


def _fitted(parts: list[Tensor], value: Tensor) -> Tensor:
    """Return parts as one tensor; a layer of single cells is a matrix or a vector there, and a map's here."""
    made = parts[0] if len(parts) == 1 else torch.cat(parts)
    same = value.shape[: made.dim()] == made.shape and made.numel() == value.numel()
    return made.reshape(value.shape) if same else made
