"""Read and write weights: ours and the original's, never running code from a file."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from uhd.config import from_plain, to_plain
from uhd.errors import UserError
from uhd.files import save_atomic
from uhd.migrations import settings_of
from uhd.model_file import model_file
from uhd.models import ARCHITECTURES
from uhd.models.modify import describe_modifications, repeat_modifications
from uhd.models.network import DetectorNetwork

State = dict[str, Tensor]
# They hold graphs, from which no network is rebuilt.
_EXPORTED = (".onnx", ".tflite", ".espdl", ".c")


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a ``.pt`` file with weights-only loading.

    Raises:
        UserError: missing, damaged, not a table, or a pickle that wants to run code (nothing of it is run).
    """
    if not path.is_file():
        raise UserError(f"{path}: no such checkpoint")
    try:
        with warnings.catch_warnings():
            # The unpickler remarks on unusual files before it refuses them; the refusal says enough.
            warnings.simplefilter("ignore")
            state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001  every failure of the unpickler means the same to the user
        code = "GLOBAL" in str(error)
        reason = "it asks to run code, and none of it was run" if code else "damaged, or a file of another kind"
        raise UserError(f"{path}: not a checkpoint that can be read safely: {reason}") from None
    if not isinstance(state, dict):
        raise UserError(f"{path}: not a checkpoint: it holds a {type(state).__name__}, not a table")
    return state


def save_weights(path: Path, state: State, metadata: dict[str, Any]) -> None:
    """Write ``.safetensors`` with JSON metadata: what export, distillation and users take."""
    from safetensors.torch import save

    tensors = {name: value.detach().cpu().contiguous() for name, value in state.items()}
    text = {key: json.dumps(value) for key, value in metadata.items()}
    content = save(tensors, metadata=text)
    save_atomic(path, lambda temporary: temporary.write_bytes(content))


def read_weights(path: Path, averaged: bool = True) -> tuple[State, dict[str, Any]]:
    """Return the state dict and metadata of ``.safetensors``, ``.pt`` or ``.keras``.

    Args:
        path: the file, the folder of a run, or the name of a model in the package.
        averaged: take averaged weights where the file has them, rather than those of the last step.

    Raises:
        UserError: the file cannot be read or holds no weights.
    """
    path = model_file(path, (".safetensors",))
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    if path.suffix.lower() == ".keras":
        state, meta = import_module("uhd.keras_detector.from_torch").keras_weights(path)
        return state, meta
    if path.suffix.lower() in _EXPORTED:
        raise UserError(f"{path}: is an exported file, not a checkpoint; give the .safetensors or .pt it came from")
    content = read_checkpoint(path)
    for key in ("ema", "model", "state_dict"):
        if key == "ema" and (content.get("use_ema") is False or not averaged):
            continue
        if isinstance(content.get(key), dict):
            meta = {name: value for name, value in content.items() if not _is_bulky(name)}
            return _tensors(content[key], path), meta
    return _tensors(content, path), {}


def load_model(
    path: Path, averaged: bool = True, changes: Mapping[str, Any] | None = None, strict: bool = True
) -> tuple[DetectorNetwork, dict[str, Any]]:
    """Rebuild the model that a file holds, in evaluation mode, with its metadata.

    Args:
        path: the file.
        averaged: see :func:`read_weights`.
        changes: fields of its configuration that replace what the file says.
        strict: whether a tensor that the model has no place for is an error. A missing one always is.

    Raises:
        UserError: unreadable, of an unknown architecture, a setting that nothing tells, a score with a branch that was
            never trained, or weights that do not fit or are not numbers.
    """
    state, meta = read_weights(path, averaged)
    arch, config = architecture_of(state, meta, path)
    for name in unsaid(arch, meta):
        if name not in (changes or {}):
            flag, usual = name.replace("_", "-"), getattr(config, name)
            raise UserError(f"{path}: nothing in it tells its --{flag}: give --{flag} N (usually {usual})")
    if changes:
        config = from_plain(ARCHITECTURES[arch].config, changes, arch, config)
    asked = str((changes or {}).get("score_mode") or "").split("_")
    if new := [name for name in untrained(meta) if name in asked]:
        raise UserError(f"{path}: its {', '.join(new)} is untrained ({meta['rebuilt_from']}): leave out --score-mode")
    check_numbers(state, path)
    model = repeat_modifications(ARCHITECTURES[arch].network(config), meta, str(path))
    if not strict:
        known = model.state_dict()
        state = {name: value for name, value in state.items() if name in known}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise UserError(f"{path}: does not fit {arch}: {' '.join(str(error).split())[:160]}") from None
    return model.eval(), meta


def is_as_measured(path: Path, averaged: bool, config: Any) -> bool:
    """Return whether the figures in a file are of the network that was made of it.

    They are of the averaged weights, where it has any, and of its own configuration.

    Args:
        path: the file.
        averaged: which weights were taken.
        config: of the network.
    """
    path = model_file(path, (".safetensors",))
    if not averaged and path.suffix.lower() != ".safetensors":
        content = read_checkpoint(path)
        if content.get("use_ema") is not False and isinstance(content.get("ema"), dict):
            return False
    return bool(architecture_of(*read_weights(path, averaged), path)[1] == config)


def architecture_of(state: State, meta: dict[str, Any], where: Path) -> tuple[str, Any]:
    """Return name and configuration: from our metadata, else inferred from names, shapes and the original's metadata.

    Raises:
        UserError: the weights are of no known architecture.
    """
    arch = str(meta.get("arch") or "")
    if isinstance(meta.get("model_config"), dict) and (not arch or arch in ARCHITECTURES):
        arch = arch or "ultratinyod"
        config = ARCHITECTURES[arch].config
        return arch, from_plain(config, settings_of(config, meta, "model_config", str(where)), str(where))
    for name, architecture in ARCHITECTURES.items():
        config = architecture.infer(state, meta)
        if config is not None:
            return name, config
    raise UserError(f"{where}: holds weights of no known architecture{f' but of {arch!r}' if arch else ''}")


def unsaid(arch: str, meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the knobs of an architecture that neither weights nor these metadata of a checkpoint tell."""
    if isinstance(meta.get("model_config"), Mapping):
        return ()
    return tuple(name for name in ARCHITECTURES[arch].unsaid if meta.get(name) is None)


def untrained(meta: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the branches of a checkpoint that were never trained: those that the ONNX file it was made of lacks."""
    return ("obj",) if meta.get("rebuilt_from") and "obj" not in str(meta.get("score_mode")).split("_") else ()


def describe(model: DetectorNetwork, **more: Any) -> dict[str, Any]:
    """Return plain metadata that rebuilds the model, under our key and under the original's names."""
    config = to_plain(model.config)
    return {"arch": model.arch, "model_config": config, **config, **more, **describe_modifications(model)}


def check_numbers(state: Mapping[str, Any], where: Path) -> None:
    """Refuse weights that are not numbers: a run that diverged wrote them, and nothing can be learnt from them.

    Raises:
        UserError: a tensor holds NaN. Infinity may stand for a range that nothing was seen of.
    """
    bad = [name for name, value in state.items() if isinstance(value, Tensor) and bool(torch.isnan(value).any())]
    if bad:
        more = f" and {len(bad) - 1} more" if len(bad) > 1 else ""
        raise UserError(f"{where}: {bad[0]}{more} holds NaN: the run that wrote it diverged; take an earlier file")


def reason_against(there: Any, here: Any, error: Exception) -> str:
    """Return "another network: ..." with the settings in which two networks differ, or what torch says of them.

    Args:
        there, here: plain configuration of the file's network and of this one, or None.
        error: why the weights did not load.
    """
    if isinstance(there, Mapping) and isinstance(here, Mapping):
        differing = [name for name, value in here.items() if name in there and there[name] != value]
        if differing:
            told = (f"{name} {there[name]} there, {here[name]} here" for name in differing)
            return f"another network: {'; '.join(told)}; leave out the flags that say so"
    return f"another architecture: {' '.join(str(error).split())[:160]}"


def digest(state: State) -> str:
    """Return a short name of weights that changes when any of them does."""
    found = hashlib.sha256()
    for name in sorted(state):
        found.update(name.encode())
        found.update(state[name].detach().cpu().contiguous().numpy().tobytes())
    return f"sha256:{found.hexdigest()[:16]}"


def _is_bulky(name: str) -> bool:
    return name in {"model", "ema", "state_dict", "optimizer", "scaler", "scheduler", "torch_rng"}


def _tensors(table: dict[str, Any], where: Path) -> State:
    state = {name: value for name, value in table.items() if isinstance(value, Tensor)}
    if not state or len(state) < len(table):
        raise UserError(f"{where}: holds no weights that can be used")
    return state


def _read_safetensors(path: Path) -> tuple[State, dict[str, Any]]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"{path}: no such file")
    try:
        with safe_open(path, "pt") as file:
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            meta = {name: _value_of(text) for name, text in (file.metadata() or {}).items()}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path}: not a readable .safetensors file: {error}") from None
    return state, meta


def _value_of(text: str) -> Any:
    """Return what a line of metadata says; other programs write plain words such as ``pt``."""
    try:
        return json.loads(text)
    except ValueError:
        return text
