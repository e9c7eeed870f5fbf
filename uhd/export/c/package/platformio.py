"""A library of PlatformIO: https://docs.platformio.org/en/latest/manifests/library-json/"""

from __future__ import annotations

import json

from uhd.export.c.package.example import for_arduino
from uhd.export.c.package.facts import Facts

_INI = """; Written by uhd export.
[env]
framework = arduino
lib_deps = @NAME@=symlink://../..
monitor_speed = 115200

[env:esp32-s3]
platform = espressif32
board = esp32-s3-devkitc-1

[env:nucleo-h743zi]
platform = ststm32
board = nucleo_h743zi
"""


def platformio(facts: Facts) -> dict[str, str]:
    """Return the files beside the source, by path."""
    manifest: dict[str, object] = {
        "name": facts.prefix,
        "version": facts.version,
        "description": facts.about,
        "keywords": "detector, camera, person",
        "license": facts.spec.licence,
        "headers": f"{facts.prefix}.h",
        "frameworks": "*",
        "platforms": "*",
        # Later flags win: the time is spent here, whatever the rest of the firmware is built with.
        "build": {"flags": "-O2"},
        "examples": [{"name": "frame", "base": "examples/frame/src", "files": ["main.cpp"]}],
    }
    if not facts.spec.licence:
        del manifest["license"]
    return {
        "library.json": json.dumps(manifest, indent=2) + "\n",
        "examples/frame/platformio.ini": facts.fill(_INI),
        "examples/frame/src/main.cpp": for_arduino(facts),
    }
