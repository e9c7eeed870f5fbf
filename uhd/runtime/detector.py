"""The five-line API: an image, a path or a list of either in, detections out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from uhd.card import ModelCard
from uhd.detections import Detections
from uhd.errors import UserError
from uhd.files import real_path, save_atomic
from uhd.read import UnreadableImage, read_image
from uhd.runtime.predictor import Predictor

Source = str | Path | NDArray[Any] | Any


class Detector:
    """Callable around a :class:`Predictor`.

    Example:
        >>> import uhd
        >>> detector = uhd.load()
        >>> for person in detector("photo.jpg"):  # doctest: +SKIP
        ...     print(person["xyxy"], person["score"])
    """

    def __init__(self, predictor: Predictor, evaluate: Callable[..., Any] | None = None) -> None:
        self.predictor = predictor
        # Measuring stands above running; uhd.load hands it down.
        self._evaluate = evaluate

    def __repr__(self) -> str:
        height, width = self.spec.input_size
        return f"<Detector of {', '.join(self.spec.class_names)}, {height}x{width} {self.spec.resize_mode}>"

    @property
    def spec(self) -> ModelCard:
        """How the model is fed and read."""
        return self.predictor.spec

    @overload
    def __call__(
        self,
        source: list[Any] | tuple[Any, ...],
        conf_thresh: float | None = ...,
        nms_iou: float | None = ...,
        bgr: bool = ...,
    ) -> list[Detections]: ...
    @overload
    def __call__(
        self, source: Source, conf_thresh: float | None = ..., nms_iou: float | None = ..., bgr: bool = ...
    ) -> Detections: ...
    def __call__(
        self,
        source: Source | Sequence[Source],
        conf_thresh: float | None = None,
        nms_iou: float | None = None,
        bgr: bool = False,
    ) -> Detections | list[Detections]:
        """Detect.

        Args:
            source: path, RGB array (H, W, 3) or gray (H, W) uint8, PIL image, or a list of them.
            conf_thresh: least score; default is the model's best-F1 threshold.
            nms_iou: IoU at which duplicates are dropped; 0 keeps all.
            bgr: arrays are in OpenCV's channel order; files and PIL images say theirs themselves.

        Raises:
            UserError: an image cannot be read or has the wrong form, or a threshold is no number from 0 to 1.
        """
        for name, value in (("conf_thresh", conf_thresh), ("nms_iou", nms_iou)):
            check_share(name, value)
        if isinstance(source, list | tuple):
            return self.predictor.predict([as_rgb(item, bgr) for item in source], conf_thresh, nms_iou)
        return self.predictor.predict([as_rgb(source, bgr)], conf_thresh, nms_iou)[0]

    def val(self, data: str | Path, **flags: Any) -> Any:
        """Measure on labelled images and return a report; see :func:`uhd.evaluate`.

        Raises:
            UserError: the data cannot be used, or the detector was not made by :func:`uhd.load`.
        """
        if self._evaluate is None:
            raise UserError("val measures detectors that uhd.load returned; or call uhd.evaluate(model, data)")
        return self._evaluate(self, data, **flags)

    def plot(self, source: Source, conf_thresh: float | None = None, bgr: bool = False) -> NDArray[np.uint8]:
        """Return the image (H, W, 3) uint8 RGB with what is found in it drawn; arguments as for a call."""
        from uhd.draw import draw

        image = as_rgb(source, bgr)
        return draw(image, self.predictor.predict([image], conf_thresh)[0])

    def save(self, source: Source, path: str | Path, conf_thresh: float | None = None, bgr: bool = False) -> Path:
        """Write what :meth:`plot` returns as an image file, whole or not at all; returns its path.

        Raises:
            UserError: the source cannot be read or would be replaced, or the suffix is no format that can be written.
        """
        import cv2

        path = Path(path)
        if isinstance(source, str | Path) and real_path(path) == real_path(Path(source)):
            raise UserError(f"{path}: would replace the image that is read; name another file to write")
        picture = self.plot(source, conf_thresh, bgr)
        try:
            done, data = cv2.imencode(path.suffix, cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        except cv2.error:
            done = False
        if not done:
            raise UserError(f"{path}: not an image format that can be written; name a .png or .jpg")
        save_atomic(path, lambda temporary: temporary.write_bytes(data.tobytes()))
        return path


def check_share(name: str, value: Any) -> None:
    """Refuse a threshold that is neither None nor a number from 0 to 1.

    A text, a percentage or NaN would find nothing, or all, without a word.

    Raises:
        UserError: names the threshold and the value.
    """
    if value is not None and (
        isinstance(value, bool) or not (isinstance(value, int | float | np.number) and 0 <= value <= 1)
    ):
        raise UserError(f"{name} is a number from 0 to 1, not {value!r}")


def as_rgb(source: Source, bgr: bool = False) -> NDArray[np.uint8]:
    """Return a path, array or PIL image as (H, W, 3) uint8 RGB.

    Raises:
        UserError: unreadable file, or an array of another form.
    """
    if isinstance(source, str) and "://" in source:
        raise UserError(f"{source}: addresses are not fetched; download the picture and give its path")
    if isinstance(source, str | Path):
        try:
            return read_image(Path(source))
        except UnreadableImage as error:
            raise UserError(str(error)) from None
    array, bgr = _as_array(source), bgr and not hasattr(source, "convert")
    if not array.ndim:
        hint = "cv2.imread returns it for what it cannot read" if source is None else "a path or a PIL image will do"
        raise UserError(f"an image array must be uint8 (H, W, 3), not {type(source).__name__}; {hint}")
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or not array.size:
        raise UserError(f"an image array must be uint8 (H, W, 3), not {array.dtype} {array.shape}{_hint(array)}")
    if array.ndim == 2 or array.shape[2] == 1:
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.shape[2] not in (3, 4):
        raise UserError(f"an image array must have 3 channels, not {array.shape[2]}{_hint(array)}")
    array = array[:, :, :3]
    return np.ascontiguousarray(array[:, :, ::-1]) if bgr else array


def _as_array(source: Any) -> NDArray[Any]:
    try:
        return _from_pil(source) if hasattr(source, "convert") else np.asarray(source)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        # PIL reads when it must, from a file that may be cut off or closed; tensors may need grad, or lie on a GPU.
        raise UserError(f"cannot be taken as an image: {str(error).splitlines()[0]}") from None


def _hint(array: NDArray[Any]) -> str:
    """Return how to mend an array that is no image, as the end of a sentence, or ""."""
    if array.ndim == 4:
        return "; several images are given as a list"
    if array.ndim == 3 and array.shape[0] in (1, 3, 4) and array.shape[2] not in (1, 3, 4):
        return "; channels come last: array.transpose(1, 2, 0)"
    if array.ndim in (2, 3) and array.dtype.kind == "f":
        return "; of values from 0 to 1: (255 * array).round().astype('uint8')"
    return ""


def _from_pil(image: Any) -> NDArray[Any]:
    """Return a PIL image as the path of its file would be read: upright as EXIF says, 16 bits reduced to 8."""
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16") or image.mode == "I":
        # PIL's own conversion clips at 255. Mode I is 32 bits wide and holds 16, or 8.
        levels = np.asarray(image)
        wide = image.mode != "I" or int(levels.max(initial=0)) > 255
        return np.asarray(np.clip(levels, 0, 65535).astype(np.uint16) >> (8 if wide else 0), np.uint8)
    return np.asarray(image.convert("RGB"))
