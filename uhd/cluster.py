"""Work in shards on a Ray cluster: an actor per core keeps its model, and a shard that is done is never done again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from uhd.cores import usable_cores
from uhd.errors import UserError, install_hint

T = TypeVar("T")
LOCAL = "local"


def shards_of(items: Sequence[T], size: int) -> list[Sequence[T]]:
    """Return runs of at most ``size`` items, in order."""
    return [items[at : at + size] for at in range(0, len(items), size)]


def run_shards(
    shards: Sequence[tuple[int, Sequence[str]]],
    worker: type[Any],
    arguments: Sequence[Any],
    address: str,
    workers: int = 0,
) -> Iterator[dict[str, Any]]:
    """Give shards to actors and yield what each returns, as they come.

    Args:
        shards: number and items of those that are to be done.
        worker: a class of this package; an instance takes ``{"shard": number, "items": [...]}`` and returns a table of
            plain values. It is made once in every actor.
        arguments: of its constructor.
        address: of a running cluster, or ``local`` to start one on this machine.
        workers: actors, one core each; 0 for as many as there are cores.

    Raises:
        UserError: Ray is not installed, or no cluster answers.
    """
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise UserError(f"--ray needs {error.name}: {install_hint('ray')}") from None
    # Ray prints, and Ray Data draws, more than the results.
    options: dict[str, Any] = {"include_dashboard": False, "log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        options["num_cpus"] = workers or usable_cores()
    try:
        ray.init(**({} if address == LOCAL else {"address": address}), **_allowed(options, address))
    except Exception as error:  # noqa: BLE001  Ray raises bare ones
        raise UserError(f"--ray {address}: no cluster answers ({str(error).splitlines()[0]})") from None
    try:
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        count = min(workers or int(ray.cluster_resources().get("CPU", 1)), len(shards))
        rows = [{"shard": number, "items": list(items)} for number, items in shards]
        table = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
            worker, fn_constructor_args=tuple(arguments), compute=ray.data.ActorPoolStrategy(size=count), num_cpus=1
        )
        yield from table.iter_rows()
    finally:
        ray.shutdown()


def _allowed(options: dict[str, Any], address: str) -> dict[str, Any]:
    """Return the options that may be given to a cluster that runs already."""
    return options if address == LOCAL else {key: options[key] for key in ("log_to_driver", "logging_level")}
