"""Frames from wherever they come: image, folder, glob, video file, camera, network stream."""

from __future__ import annotations

import glob
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from uhd.data.discover import find_images, read_list
from uhd.data.problems import Report
from uhd.errors import UserError
from uhd.read import UnreadableImage, is_image_name, read_image
from uhd.runtime.frame import Frame
from uhd.runtime.video_source import ADDRESSES, VideoSource, is_address, without_password

# Pictures and films that people keep beside photographs; nothing here reads them, or only when given by name.
_PICTURES = frozenset({".jxl", ".raw", ".dng", ".cr2", ".cr3", ".nef", ".arw", ".svg", ".psd", ".ico"})
_FILMS = frozenset({".mp4", ".mov", ".avi", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})


@dataclass(eq=False)
class ImageSource:
    """Image files, in sorted order; unreadable ones are left out and listed in ``problems``.

    Attributes:
        paths: the files.
        problems: what could not be read, and why.
        remarks: what was left out and is no image.
        places: where the results of each image belong: its path below the folder that was given, else its name.
    """

    paths: list[Path]
    problems: list[str] = field(default_factory=list)
    places: list[Path] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    live: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.places = self.places or [Path(path.name) for path in self.paths]

    @classmethod
    def join(cls, sources: Sequence[ImageSource]) -> ImageSource:
        """Return one source of all images, in the order of the sources."""
        joined = cls([])
        for each in sources:
            joined.paths += each.paths
            joined.problems += each.problems
            joined.places += each.places
            joined.remarks += each.remarks
        return joined

    def __len__(self) -> int:
        return len(self.paths)

    def __iter__(self) -> Iterator[Frame]:
        for index, path in enumerate(self.paths):
            try:
                image = read_image(path)
            except UnreadableImage as error:
                if len(self.paths) == 1:
                    raise UserError(str(error)) from None
                self.problems.append(str(error))
                continue
            yield Frame(image, path.name, index, str(path), None, self.places[index])


def open_source(source: str | int | Path) -> ImageSource | VideoSource:
    """Open what a user named.

    Args:
        source: image file, folder of images (with its subfolders), glob pattern, text list of images (one path per
            line), video file, camera index or stream address.

    Raises:
        UserError: nothing there, or it cannot be opened.
    """
    if isinstance(source, int) or (str(source).isdecimal() and not Path(source).exists()):
        return VideoSource(int(str(source)), f"camera {source}", live=True)
    text = str(source)
    if not text.strip():  # an unset variable of a shell, which would mean the working directory
        raise UserError("an empty text names no image, folder or camera; the working directory is .")
    if text == "-":
        raise UserError("-: standard input is not read; save it to a file and name that")
    if is_address(text):
        return VideoSource(text, without_password(text), live=True)
    if "://" in text:
        raise UserError(f"{without_password(text)}: addresses begin with {ADDRESSES}; a file is named by its path")
    path = Path(text)
    if path.is_dir():
        return _open_folder(path)
    if not path.exists() and glob.has_magic(text):
        found = sorted(Path(name) for name in glob.glob(text, recursive=True) if is_image_name(name))  # noqa: PTH207
        if not found:
            raise UserError(f"{text}: no image matches")
        return ImageSource(found)
    if not path.exists():
        raise UserError(f"{path}: there is no such file, folder or camera")
    if path.suffix.lower() in _PICTURES:
        raise UserError(f"{path}: {path.suffix[1:].upper()} files are not read; convert it to .png or .jpg")
    if path.suffix.lower() == ".txt" and path.is_file():
        return _open_list(path)
    return ImageSource([path]) if is_image_name(path.name) else VideoSource(text, path.name, live=False)


def _open_list(path: Path) -> ImageSource:
    report = Report()
    found = read_list(path, None, report)
    return ImageSource(found, [text for texts in report.examples.values() for text in texts])


def _open_folder(folder: Path) -> ImageSource:
    report = Report()
    pictures, films = _left_out(folder)
    try:
        found = find_images(folder, report)
    except UserError:
        others = [*pictures, *films]
        raise UserError(f"{folder}: no images in this folder{f': {others[0]}' if others else ''}") from None
    links = [text for texts in report.examples.values() for text in texts if text.endswith("leads nowhere")]
    return ImageSource(found, [*links, *pictures], [path.relative_to(folder) for path in found], films)


def _left_out(folder: Path) -> tuple[list[str], list[str]]:
    """Name the pictures that cannot be read and the films below a folder: one line for each kind of file."""
    kinds: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        suffix = path.suffix.lower()
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if suffix in _PICTURES | _FILMS and not hidden and not is_image_name(path.name) and path.is_file():
            kinds.setdefault(suffix, []).append(path)
    pictures, films = [], []
    for suffix, paths in kinds.items():
        where = f"{paths[0]}{f' and {len(paths) - 1} more' if len(paths) > 1 else ''}"
        if suffix in _FILMS:
            films.append(f"{where}: a video in a folder is not searched; give it by name")
        else:
            pictures.append(f"{where}: {suffix[1:].upper()} files are not read; convert to .png or .jpg")
    return pictures, films


__all__ = ["Frame", "ImageSource", "VideoSource", "open_source", "without_password"]
