"""The page of a package."""

from __future__ import annotations

from uhd.export.c.package.facts import Facts

_README = """# @NAME@

@ABOUT@. Plain C99, callable from C and C++: no heap, no files, no threads, no other library.

| | bytes | macro |
|---|--:|---|
| working memory, static | @ARENA@ | `@NAME@_ARENA_BYTES` |
| weights, constant (flash) | @WEIGHTS@ | `@NAME@_WEIGHT_BYTES` |

@USE@

```c
#include "@NAME@.h"

static @NAME@_box boxes[10];
int count = @NAME@_detect_rgb565(frame, 160, 120, 320, 1, boxes, 10, @NAME@_CONF_THRESH, @NAME@_NMS_IOU);
```

`frame` is what a camera gives as RGB565, of any size; `1` says that the byte with red comes first.
`@NAME@_detect` takes bytes of R, G, B. Boxes are in pixels of the frame. The header says the rest.

* The working memory can be put elsewhere: compile `src/@NAME@.c` with `@NAME@_ARENA_ATTRIBUTE` defined, as
  `__attribute__((section(".ext_ram.bss")))` on an ESP32 with PSRAM.
* It is static, so one call runs at a time.
* A second model goes into the same firmware under another name: export it into a folder of its own, or with `--prefix`.

Licence of the weights: @LICENCE@. Version of the weights: @WEIGHTS_OF@.
"""
_USE = {
    "esp-idf": "Put this folder into `components/` of an ESP-IDF project; or run the example:\n\n"
    "    cd examples/frame && idf.py set-target esp32s3 && idf.py build flash monitor",
    "arduino": "Put this folder into `libraries/` of your sketchbook; the example is under File, Examples, @NAME@.",
    "platformio": "Add `lib_deps = symlink:///path/to/this/folder` to `platformio.ini`; or run the example:\n\n"
    "    cd examples/frame && pio run -e esp32-s3 -t upload -t monitor",
}


def readme(kind: str, facts: Facts) -> str:
    """Return the page for a kind of package."""
    return facts.fill(_README.replace("@USE@", _USE[kind]))
