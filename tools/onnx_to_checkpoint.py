"""Write the checkpoint of an ONNX file whose checkpoint is lost: ``onnx_to_checkpoint.py FILE.onnx FILE.safetensors``.

The other formats (``uhd export --format c``, ``espdl``, ``litert``) are made from it.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from uhd.cli import guarded
from uhd.errors import UserError


def main() -> int:
    """Write it; returns the exit code."""
    from uhd.cli.output import claim
    from uhd.export.onnx.rebuild import write_rebuilt

    if len(sys.argv) != 3:
        raise UserError("usage: onnx_to_checkpoint.py FILE.onnx FILE.safetensors")
    source = Path(sys.argv[1])
    write_rebuilt(source, claim(Path(sys.argv[2]), (".safetensors",), [source]))
    return 0


if __name__ == "__main__":
    sys.exit(guarded(main))
