"""Compile C to WebAssembly with zig or clang, without a C library."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from uhd.errors import UserError

# 128-bit vectors are in every browser since 2023; __SSE2__ makes the C export use vectors of four floats.
_FLAGS = [
    "-O3",
    "-msimd128",
    "-mbulk-memory",
    "-D__SSE2__",
    "-std=c99",
    "-nostdlib",
    "-Wno-unused-command-line-argument",
]
_LINK = ["-Wl,--no-entry", "-Wl,--strip-all", "-Wl,-z,stack-size=65536"]
_STRING_H = """#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int value, size_t size);
/* Without a C library the names alone mean nothing to the compiler, and copies of one vector would become calls. */
#define memcpy __builtin_memcpy
#define memmove __builtin_memmove
#define memset __builtin_memset
"""
_MEMORY = """#include <stddef.h>
void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    while (size--)
        *t++ = *f++;
    return to;
}

void *memmove(void *to, const void *from, size_t size)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t < f)
        return memcpy(to, from, size);
    while (size--)
        t[size] = f[size];
    return to;
}

void *memset(void *to, int value, size_t size)
{
    unsigned char *t = to;
    while (size--)
        *t++ = (unsigned char)value;
    return to;
}
"""


def find_compiler() -> list[str] | None:
    """Return the command that compiles to WebAssembly, or None."""
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "cc", "-target", "wasm32-freestanding"]
    if zig := shutil.which("zig"):
        return [zig, "cc", "-target", "wasm32-freestanding"]
    clang = shutil.which("clang")
    return [clang, "--target=wasm32"] if clang and shutil.which("wasm-ld") else None


def compile_wasm(source: Path) -> bytes:
    """Compile one C file, beside which others are written.

    Raises:
        UserError: no compiler, or it fails.
    """
    command = find_compiler()
    if command is None:
        raise UserError("compiling to WebAssembly needs zig or clang with lld: pip install ziglang")
    folder = source.parent
    (folder / "string.h").write_text(_STRING_H, encoding="utf-8")
    (folder / "memory.c").write_text(_MEMORY, encoding="utf-8")
    # Without -fno-builtin the loops of memcpy would become calls of memcpy.
    _run([*command, *_FLAGS, "-fno-builtin", "-c", "memory.c", "-o", "memory.o"], folder)
    _run([*command, *_FLAGS, "-I.", *_LINK, source.name, "memory.o", "-o", "page.wasm"], folder)
    return (folder / "page.wasm").read_bytes()


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = (
            [line for line in done.stderr.splitlines() if "error" in line] or done.stderr.splitlines() or ["no reason"]
        )
        raise UserError(f"{' '.join(command[:4])} failed: {lines[0][:200]}")
