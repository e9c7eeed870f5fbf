"""A component of ESP-IDF: https://docs.espressif.com/projects/esp-idf/en/latest/esp32/api-guides/build-system.html"""

from __future__ import annotations

from uhd.export.c.package.example import for_esp_idf
from uhd.export.c.package.facts import Facts

_CMAKE = """# Written by uhd export.
idf_component_register(SRCS "src/@NAME@.c" INCLUDE_DIRS "src")
# Whatever the rest of the firmware is built with: the time is spent here.
target_compile_options(${COMPONENT_LIB} PRIVATE -O2)
"""
_MANIFEST = """# Written by uhd export.
version: "@VERSION@"
description: "@ABOUT@"
@LICENCE_LINE@dependencies:
  idf: ">=4.4"
"""
_PROJECT = """cmake_minimum_required(VERSION 3.16)
# The component is this folder's grandparent.
set(EXTRA_COMPONENT_DIRS "${CMAKE_CURRENT_LIST_DIR}/../..")
include($ENV{IDF_PATH}/tools/cmake/project.cmake)
project(@NAME@_frame)
"""
_MAIN = """idf_component_register(SRCS "main.c")
"""
_SETTINGS = """CONFIG_ESP_MAIN_TASK_STACK_SIZE=8192
CONFIG_COMPILER_OPTIMIZATION_PERF=y
"""


def esp_idf(facts: Facts) -> dict[str, str]:
    """Return the files beside the source, by path."""
    licence = f'license: "{facts.spec.licence}"\n' if facts.spec.licence else ""
    return {
        "CMakeLists.txt": facts.fill(_CMAKE),
        "idf_component.yml": facts.fill(_MANIFEST.replace("@LICENCE_LINE@", licence)),
        "examples/frame/CMakeLists.txt": facts.fill(_PROJECT),
        "examples/frame/sdkconfig.defaults": _SETTINGS,
        "examples/frame/main/CMakeLists.txt": _MAIN,
        "examples/frame/main/main.c": for_esp_idf(facts),
    }
