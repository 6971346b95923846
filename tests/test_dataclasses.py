"""Objects that hold arrays can be compared; none fails because an array has no truth value."""

from __future__ import annotations

import importlib
import pkgutil
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest

import fastbg
from fastbg import BackgroundModel
from fastbg.image.stretch import Stretch
from fastbg.spline.spline import interpolate

ARRAY = re.compile(r"^(np\.)?ndarray\b|\[(.*\W)?ndarray\b")
"""An annotation of an array, or of a collection of arrays, but not of a function of arrays."""


def modules() -> list[Any]:
    found = []
    for each in pkgutil.walk_packages(fastbg.__path__, "fastbg."):
        if each.name.startswith("fastbg.fastbg") or each.name.endswith("__main__"):
            continue  # the root of a clone, where it is installed editable; a program
        try:
            found.append(importlib.import_module(each.name))
        except ModuleNotFoundError as error:
            if (error.name or "fastbg").startswith("fastbg"):
                raise
    return found


def of_arrays() -> list[type]:
    """The dataclasses of fastbg that hold arrays."""
    return [
        value
        for module in modules()
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and is_dataclass(value)
        if any(holds_arrays(str(field.type)) for field in fields(value))
    ]


def holds_arrays(annotation: str) -> bool:
    return bool(ARRAY.search(annotation)) and "Callable" not in annotation


def made(cls: type, array: np.ndarray) -> Any:
    """An object of this class, whatever it asks for when it is made."""
    value = object.__new__(cls)
    for field in fields(cls):
        object.__setattr__(value, field.name, array if holds_arrays(str(field.type)) else None)
    return value


def test_comparing_dataclasses_of_arrays_raises_nothing() -> None:
    classes = of_arrays()
    assert len(classes) > 20
    for cls in classes:
        one, other = made(cls, np.zeros(3)), made(cls, np.zeros(3))
        assert isinstance(one == other, bool), cls
        assert one == one, cls
        assert one != 3, cls


@pytest.fixture
def model(rng: np.random.Generator) -> BackgroundModel:
    spline = interpolate(rng.random((7, 2)), rng.random((7, 3)), 2)
    stretch = Stretch(np.full(3, 0.1), np.full(3, 0.2), np.full(3, 0.3))
    return BackgroundModel(spline, stretch, (40, 50))


def test_models_are_equal_by_their_numbers(model: BackgroundModel) -> None:
    again = BackgroundModel.from_dict(model.to_dict())
    assert again == model
    assert again is not model
    assert hash(again) == hash(model)
    moved = model.spline.centres.copy()
    moved[3, 1] = np.nextafter(moved[3, 1], 2)
    for other in (
        replace(model, shape=(40, 51)),
        replace(model, spline=replace(model.spline, centres=moved)),
        replace(model, spline=replace(model.spline, order=3)),
        replace(model, stretch=replace(model.stretch, target=0.5)),
    ):
        assert other != model
    assert model != "a model"
    assert model in [None, again]
