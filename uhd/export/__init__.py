"""Models as files for other runtimes; ``uhd.export(model, path, spec)`` writes ONNX."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _CallablePackage(ModuleType):
    """``uhd.export`` names this package as soon as anyone imports it, and the function before: both export."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        from uhd.export.onnx.export import export_onnx

        return export_onnx(*args, **options)


sys.modules[__name__].__class__ = _CallablePackage
