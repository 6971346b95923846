"""Evaluates the PTX of scalar functions without a GPU: code without loops, calls or memory.

Each instruction is rounded as its type says. What ``approx`` and ``ftz`` allow a device beyond
that, some 2^-22 and subnormal numbers taken for zero, is not imitated.
"""

from __future__ import annotations

import operator
import re
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

INSTRUCTION = re.compile(r"^\t(?:@(!?)(%p\d+) )?(\w+)([.\w]*)[ \t]*(.*);$", re.MULTILINE)
RESULT = "[result]"
"""Where a function of numba's leaves its result: its first parameter."""

OPERATIONS: dict[str, Callable[..., Any]] = {
    **{name: lambda a: a for name in ("mov", "cvt", "cvta", "ld")},
    **{name: getattr(operator, name) for name in ("add", "sub", "mul", "neg", "xor")},
    **{name: getattr(operator, f"{name}_") for name in ("and", "or", "not")},
    **{"max": max, "min": min, "abs": abs, "sqrt": np.sqrt, "lg2": np.log2},
    "div": operator.truediv,
    "rcp": lambda a: 1 / a,
    "fma": lambda a, b, c: float(a) * float(b) + float(c),
    "mad": lambda a, b, c: a * b + c,
    "shl": operator.lshift,
    "shr": operator.rshift,
    "selp": lambda a, b, p: a if p else b,
}


def typed(value: Any, kind: str) -> Any:
    """A value as the type f32, f64, s32, u64, b32, ... holds it; predicates as they are."""
    if kind == "pred":
        return bool(value)
    bits = int(kind[1:])
    if kind[0] == "f":
        return (np.float32 if bits == 32 else np.float64)(value)
    if isinstance(value, np.floating):
        return value  # moved through a register without a type
    signed = (1 << bits - 1) * (kind[0] == "s")
    return (int(value) + signed) % (1 << bits) - signed


def constant(text: str) -> Any:
    """A number of PTX: 0f and 0d are followed by the bits of a float."""
    if text[:2] in ("0f", "0d"):
        return struct.unpack(">f" if text[1] == "f" else ">d", bytes.fromhex(text[2:]))[0]
    return int(text)


@np.errstate(all="ignore")
def evaluate(ptx: str, *arguments: Any) -> Any:
    """The result of the only function in ``ptx``, as numba compiles it for a device."""
    registers: dict[str, Any] = {}

    def read(text: str, kind: str) -> Any:
        if text.startswith("[") and text != RESULT:
            number = int(text.rpartition("_")[2].rstrip("]"))
            return typed(arguments[number - 1], kind) if number else RESULT
        value = registers[text] if text[0] == "%" else constant(text)
        return value if value == RESULT else typed(value, kind)

    for negated, predicate, name, options, operands in INSTRUCTION.findall(ptx):
        if predicate and registers[predicate] == bool(negated):
            continue
        kinds = re.findall(r"\.([fsub]\d+|pred)\b", options)
        into, *rest = operands.split(", ")
        if name == "ret":
            break
        if name == "st":
            if registers.get(into.strip("[]")) == RESULT:
                return read(rest[0], kinds[-1])
        elif name == "setp":
            compare = getattr(operator, options.split(".")[1].rstrip("u") or "eq")
            registers[into] = compare(*(read(each, kinds[-1]) for each in rest))
        else:
            found = OPERATIONS[name](
                *(read(e, "pred" if e.startswith("%p") else kinds[-1]) for e in rest)
            )
            wide = kinds[0][0] + "64" if ".wide" in options else kinds[0]
            registers[into] = found if found == RESULT else typed(found, wide)
    raise ValueError(f"this PTX leaves no result:\n{ptx}")
