"""A library of the Arduino IDE: https://arduino.github.io/arduino-cli/latest/library-specification/"""

from __future__ import annotations

from uhd.export.c.package.example import for_arduino
from uhd.export.c.package.facts import Facts

_PROPERTIES = """name=@NAME@
version=@VERSION@
author=uhd export
maintainer=uhd export
sentence=@ABOUT@.
paragraph=@ARENA@ bytes of static memory, @WEIGHTS@ of constants, no other library. Licence of the weights: @LICENCE@.
category=Signal Input/Output
url=
architectures=*
includes=@NAME@.h
"""


def arduino(facts: Facts) -> dict[str, str]:
    """Return the files beside the source, by path."""
    return {"library.properties": facts.fill(_PROPERTIES), "examples/frame/frame.ino": for_arduino(facts)}
