"""The file of a shard: a row per image, as JSON lines or as Parquet, which tables of any size are read from."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from uhd.errors import UserError, install_hint
from uhd.files import save_atomic, save_text

JSON_LINES, PARQUET = ".jsonl", ".parquet"


def write_shard(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write a row per image, whole or not at all.

    Args:
        path: ends with ``.jsonl`` or ``.parquet``.
        rows: ``image``, and either ``error`` or ``height``, ``width`` and ``detections``
            (:meth:`uhd.detections.Detections.to_dicts`).

    Raises:
        UserError: see :func:`require_parquet` and :func:`uhd.files.save_atomic`.
    """
    if path.suffix == JSON_LINES:
        save_text(path, "".join(f"{json.dumps(row)}\n" for row in rows))
        return
    parquet = require_parquet()
    import pyarrow

    found = pyarrow.struct({
        "xyxy": pyarrow.list_(pyarrow.float32(), 4), "score": pyarrow.float32(),
        "class_id": pyarrow.int64(), "class_name": pyarrow.string(),
    })  # fmt: skip
    # Said and not guessed: the files of a shard without people, and of one without errors, have the same columns.
    columns = pyarrow.schema({
        "image": pyarrow.string(), "height": pyarrow.int32(), "width": pyarrow.int32(),
        "detections": pyarrow.list_(found), "error": pyarrow.string(),
    })  # fmt: skip
    # Parquet holds text alone: a name that is none is written with the numbers of its bytes.
    named = [{**row, "image": _as_text(row["image"])} for row in rows]
    table = pyarrow.Table.from_pylist(named, columns)
    save_atomic(path, lambda temporary: parquet.write_table(table, temporary))


def require_parquet() -> Any:
    """Return ``pyarrow.parquet``.

    Raises:
        UserError: it is not installed.
    """
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise UserError(f"--parquet needs {error.name}: {install_hint('ray')}") from None
    return pyarrow.parquet


def _as_text(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
