"""What ``uhd export`` can write: one line for each target, imported when it is asked for."""

from __future__ import annotations

from importlib import import_module

from uhd.errors import UserError, nearest
from uhd.export.target import Target

# Name of the format -> module and class, see :class:`uhd.export.target.Target`.
TARGETS = {
    "onnx": "uhd.export.onnx.target:OnnxTarget",
    "onnx-int8": "uhd.export.onnx.target:Int8OnnxTarget",
    "litert": "uhd.export.litert.target:LitertTarget",
    "espdl": "uhd.export.espdl.target:EspdlTarget",
    "c": "uhd.export.c_target:CTarget",
    "web": "uhd.export.web.target:WebTarget",
    "hub": "uhd.export.hub.target:HubTarget",
}


def target_of(name: str) -> Target:
    """Return what writes a format.

    Raises:
        UserError: no such format.
    """
    if name not in TARGETS:
        asked = f"--format {name}: not one of" if name else "--format is one of"
        raise UserError(f"{asked} {', '.join(TARGETS)}{nearest(name, TARGETS) if name else ''}")
    module, _, kind = TARGETS[name].partition(":")
    target: Target = getattr(import_module(module), kind)()
    return target
