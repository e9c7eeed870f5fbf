"""The command line: ``uhd VERB ...``, one file per verb."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence

from uhd.cli.flags import PrintedConfig
from uhd.cli.interrupts import orderly_stop
from uhd.cli.verbs import VERBS, run_verb
from uhd.errors import UserError, install_hint, reason_of

ABOUT = "models that see people, small enough for anything"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb and return the exit code: 0 done, 2 something the user can mend, 130 stopped by Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["--version"]:
        return guarded(_version)
    return guarded(lambda: run_verb(arguments, VERBS, "uhd", ABOUT))


def guarded(action: Callable[[], int]) -> int:
    """Run a command; what the user can mend becomes one line on standard error and exit code 2."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # a service, or `>&-`: there is nowhere to print to
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A file name need not be text in the terminal's encoding; printing one must not end a run.
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code = _finished(action)
        sys.stdout.flush()
        return code
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt as stop:
        # Who knows how much was done says it: KeyboardInterrupt("after 3 of 10 images; ...").
        print(" ".join(["stopped", *map(str, stop.args)]), file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader went away (`uhd info | head`); what Python flushes at exit has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {reason_of(error)}", file=sys.stderr)
        return 2
    except ImportError as error:
        package = (error.name or "uhd").split(".")[0]
        if package == "uhd":
            raise
        extra = {"onnx": "export", "onnxslim": "export", "keras": "keras"}.get(package, "train")
        missing = isinstance(error, ModuleNotFoundError)
        told = f"this needs {package}: {install_hint(extra)}" if missing else f"{package}: {error}"
        print(f"error: {told}", file=sys.stderr)
        return 2


def _finished(action: Callable[[], int]) -> int:
    try:
        with orderly_stop():
            return action()
    except PrintedConfig:
        return 0
    except SystemExit as stop:
        # argparse leaves this way after --help.
        return stop.code if isinstance(stop.code, int) else 0


def _version() -> int:
    from uhd.version import __version__

    print(f"uhd {__version__}")
    return 0
