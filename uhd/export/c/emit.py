"""Put the header and the source file together."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from uhd.card import ModelSpec
from uhd.errors import UserError
from uhd.export.c.decoders import Decoder
from uhd.export.c.head import RAW
from uhd.export.c.memory import Place, elements, layer_label, plan, pointer
from uhd.export.c.network import Layer, Network
from uhd.export.c.postprocess import postprocess, rows_of
from uhd.export.c.preprocess import preprocess
from uhd.export.c.source import Kernel, number, one_line, wanted
from uhd.resize import input_channels

METADATA = "uhd-metadata:"
HEADER_MARK = "A detector as C99 without dependencies."
_FOUND = "found"
_SIZES = {"float": 4, "int8_t": 1, "uint8_t": 1}


class Writer(Protocol):
    """What a number format brings: its kernels, constants and one call for each layer."""

    @property
    def kernels(self) -> Sequence[Kernel]:
        """Every function a call may need."""

    @property
    def prelude(self) -> str:
        """C text before them."""

    constants: list[str]
    weight_bytes: int
    zeros: str
    used: set[str]

    def kind_of(self, name: str) -> str:
        """Return the C type of a tensor that is not a slice."""

    def scratch(self) -> dict[str, int]:
        """Return the bytes of working memory of the layers that need some, by their output."""

    def call(self, layer: Layer, index: int, place: Place) -> str:
        """Return the C call of a layer; its constants are added to ``constants``."""

    def start(self, place: Place) -> list[str]:
        """Return statements before the first layer."""


@dataclass(frozen=True)
class Files:
    """What is written.

    Attributes:
        header: text of the ``.h``.
        source: text of the ``.c``.
        arena_bytes: working memory.
        weight_bytes: constants.
    """

    header: str
    source: str
    arena_bytes: int
    weight_bytes: int


def identifier(stem: str) -> str:
    """Return the prefix of every public name, made of a file's name.

    Raises:
        UserError: nothing of the name can stand in C.
    """
    name = re.sub(r"[^A-Za-z0-9_]", "_", stem)
    if not re.match(r"[A-Za-z]", name):
        raise UserError(f"{stem}: the file name becomes the prefix of C names; begin it with a letter")
    return name


def emit(
    stem: str,
    network: Network,
    writer: Writer,
    decoder: Decoder,
    spec: ModelSpec,
    notes: Mapping[str, str],
    prefix: str = "",
) -> Files:
    """Return header and source.

    Args:
        stem: of the files.
        network: with joined outputs, simplified and shared in place.
        writer: of its number format.
        decoder: how the output map is read.
        spec: how images become the input; goes into the files.
        notes: more lines for the comment at the top.
        prefix: of the public names; made of the stem if empty.
    """
    name = prefix or identifier(stem)
    grid_h, grid_w, channels = network.shapes[RAW]
    count = decoder.anchors * grid_h * grid_w
    kinds = {tensor: writer.kind_of(tensor) for tensor in network.shapes if tensor not in network.slices}
    sizes = {tensor: elements(network.shapes[tensor]) * _SIZES[kind] for tensor, kind in kinds.items()}
    memory = plan(network, sizes, writer.scratch(), {_FOUND: rows_of(decoder, grid_h * grid_w) * 6 * 4})
    place = Place(network, memory, kinds)
    calls = _calls(network, writer, place)
    image = pointer(memory.offsets[network.input], "uint8_t")
    marks: dict[str, object] = {
        "NAME": name, "GH": grid_h, "GW": grid_w, "CHANNELS": channels, "INPUT": image,
        "RAW": f"({place.first(RAW)})", "FOUND": pointer(memory.offsets[_FOUND], "float"),
    }  # fmt: skip
    kernels = wanted(writer.kernels, [*writer.used, "sigmoid", "softplus"])
    summary = [
        *(f"{key}: {value}" for key, value in notes.items()),
        f"memory: {writer.weight_bytes} bytes of constant weights, {memory.size} bytes of working memory (static)",
    ]
    names = ", ".join(map(_string, _names(spec, decoder)))
    source = [
        f"/* {METADATA} {_metadata(spec, decoder, notes)} */\n",
        _comment(summary),
        f'#include "{stem}.h"\n\n#include <string.h>\n',
        writer.prelude,
        _INLINE,
        _ARENA.replace("NAME", name).replace("COUNT", str(max(1, memory.size // 4))),
        writer.zeros,
        *(kernel.source for kernel in kernels),
        "\n",
        *writer.constants,
        "\nstatic void run(void)\n{\n",
        "\n".join([*(f"    {line}" for line in writer.start(place)), *calls]),
        "\n}\n",
        preprocess(spec.resize_mode, spec.input_size),
        postprocess(network, decoder, marks),
        f"\nconst char *const {name}_class_names[{name}_CLASSES] = {{{names}}};\n",
    ]
    header = _header(name, spec, decoder, count, memory.size, writer.weight_bytes, summary)
    return Files(header, "".join(source), memory.size, writer.weight_bytes)


def _calls(network: Network, writer: Writer, place: Place) -> list[str]:
    lines = []
    for index, layer in enumerate(network.layers):
        lines += [f"    /* {one_line(layer_label(network, layer))} */", f"    {writer.call(layer, index, place)}"]
    return lines


def _names(spec: ModelSpec, decoder: Decoder) -> list[str]:
    named = list(spec.class_names[: decoder.classes])
    return named + [f"class {i}" for i in range(len(named), decoder.classes)]


def _metadata(spec: ModelSpec, decoder: Decoder, notes: Mapping[str, str]) -> str:
    table = spec.with_precision(notes.get("numbers", spec.precision)).to_metadata()
    values = {**table, "c_every_class": str(decoder.every_class).lower(), "c_topk": str(decoder.topk)}
    # Inside a comment; \/ is / in JSON.
    return json.dumps(values).replace("*/", "*\\/")


def _comment(lines: Sequence[str]) -> str:
    return "/*\n" + "\n".join(f" * {one_line(line)}" for line in lines) + "\n */\n"


def _string(text: str) -> str:
    safe = (chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else f"\\{b:03o}" for b in text.encode())
    return f'"{"".join(safe)}"'


_INLINE = """
#if defined(__cplusplus)
#define restrict __restrict
#endif
#if defined(__GNUC__)
#define INLINE static inline __attribute__((always_inline))
#else
#define INLINE static inline
#endif
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__) && __GNUC__ >= 8
#define UNROLL _Pragma("GCC unroll 16")
#else
#define UNROLL
#endif
"""
_ARENA = """
#ifndef NAME_ARENA_ATTRIBUTE
#define NAME_ARENA_ATTRIBUTE
#endif
static NAME_ARENA_ATTRIBUTE float arena[COUNT];
"""
_HEADER = """@COMMENT@#ifndef @GUARD@
#define @GUARD@

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define @NAME@_INPUT_HEIGHT @H@
#define @NAME@_INPUT_WIDTH @W@
#define @NAME@_INPUT_CHANNELS @C@
#define @NAME@_INPUT_BYTES @BYTES@
#define @NAME@_CLASSES @CLASSES@
#define @NAME@_PREDICTIONS @COUNT@ /* before anything is left out */
#define @NAME@_CONF_THRESH @CONF@ /* best threshold of the validation images */
#define @NAME@_NMS_IOU @NMS@
#define @NAME@_ARENA_BYTES @ARENA@
#define @NAME@_WEIGHT_BYTES @WEIGHTS@

typedef struct {
    float x1, y1, x2, y2; /* pixels of the image given, clipped to it */
    float score;
    int class_id;
} @NAME@_box;

extern const char *const @NAME@_class_names[@NAME@_CLASSES];

/*
 * Detect in an 8-bit image of any size, rows of R, G, B bytes, stride_bytes apart. Writes at most max_boxes boxes,
 * best first. conf_thresh is the least score; of two boxes of one class whose intersection over union reaches
 * nms_iou the worse one is left out, 0 keeps all. Returns the number of boxes, or -1 if an argument makes no sense.
 * Not reentrant: the working memory is static. Where it lies can be said with the macro @NAME@_ARENA_ATTRIBUTE when
 * the source is compiled, such as __attribute__((section(".ext_ram.bss"))).
 */
int @NAME@_detect(const uint8_t *rgb, int width, int height, int stride_bytes, @NAME@_box *out, int max_boxes,
@PAD@float conf_thresh, float nms_iou);

/*
 * The same in a frame of a camera with 16 bits for each pixel: 5 of red, 6 of green, 5 of blue. Of the two bytes of a
 * pixel the one with red comes first if high_byte_first is not 0 (as OV2640 and its like send them), else last.
 */
int @NAME@_detect_rgb565(const uint8_t *frame, int width, int height, int stride_bytes, int high_byte_first,
@PAD@       @NAME@_box *out, int max_boxes, float conf_thresh, float nms_iou);

/*
 * The network alone: pixels as it reads them (@LAYOUT@), all predictions out:
 * boxes[@NAME@_PREDICTIONS][4] as x1, y1, x2, y2 in shares of the image, scores[@NAME@_PREDICTIONS][@NAME@_CLASSES].
 */
void @NAME@_predict(const uint8_t *pixels, float *boxes, float *scores);

#ifdef __cplusplus
}
#endif

#endif
"""


def _header(
    name: str, spec: ModelSpec, decoder: Decoder, count: int, arena: int, weights: int, summary: Sequence[str]
) -> str:
    (h, w), channels = spec.input_size, input_channels(spec.resize_mode)
    values = {
        "COMMENT": _comment([HEADER_MARK, *summary]), "NAME": name,
        "GUARD": f"{name.upper()}_H", "H": h, "W": w, "C": channels, "BYTES": h * w * channels,
        "CLASSES": decoder.classes, "COUNT": count, "CONF": number(spec.conf_thresh), "NMS": number(spec.nms_iou),
        "ARENA": arena, "WEIGHTS": weights, "PAD": " " * (len(name) + 12),
        "LAYOUT": f"{h} rows of {w} pixels of {channels} bytes, {spec.resize_mode}",
    }  # fmt: skip
    text = _HEADER
    for mark, value in values.items():
        text = text.replace(f"@{mark}@", str(value))
    return text
