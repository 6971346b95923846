"""What users give to public functions: named parameters, and errors instead of tracebacks."""

from __future__ import annotations

import inspect
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
from cases import slow

import fastbg
from fastbg import FastbgError, InputError, Settings, SettingsError
from fastbg.jobs.arguments import _CHECKS
from fastbg.settings.checked import CHECKS as SETTINGS
from fastbg.settings.options import Options
from fastbg.settings.settings import AUTOMATIC
from fastbg.simulate import simulate_sky

NEEDED = {
    "remove_background": (np.ones((64, 64)),),
    "process_file": ("a.xisf",),
    "process_files": ("a.xisf",),
    "together": (["a.xisf", "b.xisf"],),
    "process_mosaic": (["a.xisf", "b.xisf"],),
    "catalogue_file": ("a.xisf",),
    "fit_file": ("a.xisf", "a.json"),
    "preview_file": ("a.xisf", "a.png"),
    "samples_file": ("a.xisf", "a.csv"),
    "live": ("a.xisf",),
    "apply": ("a.json", np.ones((64, 64))),
    "apply_model": ("a.json", "a.xisf"),
}
FUNCTIONS = {name: getattr(fastbg, name) for name in NEEDED}
each_function = pytest.mark.parametrize("name", FUNCTIONS)

ODD = ["text", b"bytes", 5, -1, 0.5, True, float("nan"), [], [5], {}, object(), np.ones(3)]


@pytest.fixture
def image(rng):
    return simulate_sky((96, 120), rng).image


def refusal(function, **given):
    """The error of a call; empty if there is none. Errors of other kinds are raised."""
    try:
        function(**given)
    except FastbgError as error:
        return str(error)
    return ""


def own_parameters(function):
    return [p for p in inspect.signature(function.__wrapped__).parameters.values() if p.kind != 4]


def test_each_function_that_takes_settings_is_here():
    taking = {
        name
        for name in fastbg.__all__
        if inspect.isfunction(function := getattr(fastbg, name))
        and "settings" in inspect.signature(function).parameters
    }
    assert taking == FUNCTIONS.keys()


def test_options_settings_and_checks_have_the_same_names():
    names = [each.name for each in fields(Settings)]
    assert [*Options.__annotations__] == names
    assert SETTINGS.keys() == set(names)


@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_the_types_of_options_are_those_of_settings(field):
    shown, own = get_type_hints(Options)[field.name], get_type_hints(Settings)[field.name]
    if field.name in AUTOMATIC and field.name != "gpu_memory":
        shown, auto = get_args(shown)
        assert get_args(auto) == ("auto",)
    # More than the field holds, and fewer texts.
    if field.name in ("gpu_memory", "backend", "strength", "border"):
        return
    assert shown == own


@each_function
def test_signatures_have_every_setting_as_a_named_parameter(name):
    shown = inspect.signature(FUNCTIONS[name]).parameters
    assert not [each for each in shown.values() if each.kind == each.VAR_KEYWORD]
    for each in fields(Settings):
        assert shown[each.name].kind == inspect.Parameter.KEYWORD_ONLY
        assert shown[each.name].default == each.default
    inspect.signature(FUNCTIONS[name], eval_str=False).bind(*NEEDED[name])


def test_the_signature_of_settings_has_their_names():
    assert [*inspect.signature(Settings).parameters] == [each.name for each in fields(Settings)]


@each_function
def test_every_parameter_of_a_function_is_checked(name):
    unchecked = {
        each.name for each in own_parameters(FUNCTIONS[name]) if each.annotation not in _CHECKS
    }
    # These are checked where they are understood.
    assert unchecked <= {
        "image",
        "weight",
        "sky",
        "channel_axis",
        "reference",
        "max_memory",
        "per_row",
        "radius",
    }


@each_function
def test_a_typing_error_is_answered_with_the_name_that_is_meant(name):
    function, needed = FUNCTIONS[name], NEEDED[name]
    with pytest.raises(SettingsError) as caught:
        function(*needed, contol_points=12)
    assert str(caught.value) == "unknown setting 'contol_points': did you mean 'control_points'?"
    with pytest.raises(SettingsError, match="did you mean 'settings'"):
        function(*needed, setings=None)
    with pytest.raises(SettingsError, match=r"unknown setting 'qqq': there are .*, gpu_memory"):
        function(*needed, qqq=1)


def test_other_names_of_arguments():
    with pytest.raises(SettingsError, match="'ouput_dir': did you mean 'output_dir'"):
        fastbg.process_file("a.xisf", ouput_dir=".")
    with pytest.raises(SettingsError, match="'mask': did you mean 'weight'"):
        fastbg.remove_background(np.ones((64, 64)), mask=np.ones((64, 64)))
    with pytest.raises(SettingsError, match="'contol_points': did you mean 'control_points'"):
        Settings(contol_points=12)


@pytest.mark.parametrize(
    ("name", "value"),
    # Of these values a batch can make so much that it starts its processes.
    [
        (
            slow
            if name == "process_files" and repr(value) in ("5", "True", "[]", "{}")
            else pytest.param
        )(name, value)
        for name in FUNCTIONS
        for value in ODD
    ],
    ids=lambda value: f"{value!r:.20}",
)
def test_odd_arguments_raise_one_line(name, value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    function, needed = FUNCTIONS[name], NEEDED[name]
    for parameter in own_parameters(function):
        if parameter.name == "watch" and value is True:
            continue  # would wait for ever
        given = dict(zip(inspect.signature(function).parameters, needed, strict=False))
        given[parameter.name] = value
        assert len(refusal(function, **given)) < 500
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not [path for path in written if ".fastbg-batch" not in path.parts]


WRONG = {
    "path": (5, r"the path must be a path, not 5"),
    "mask": (5, "the mask must be a path or some of them, not 5"),
    "output_dir": (None, "the output dir must be a path, not None"),
    "output": (5, "the output must be a path, not 5"),
    "overwrite": ("no", "the choice of overwrite must be False or True, not no"),
    "max_memory": ("1 elephant", "max_memory must be a number of bytes or a size like 350MB"),
    "progress": (5, "the progress must be a function"),
    "settings": ("nebula", r"fastbg.load_preset\('nebula'\) reads them"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments_of_a_job_on_files(name):
    value, cause = WRONG[name]
    with pytest.raises(FastbgError, match=cause):
        fastbg.process_file(**{"path": "a.xisf", name: value})


def test_a_result_is_not_its_model(image):
    result = fastbg.remove_background(image)
    with pytest.raises(InputError, match=r"not a ArrayResult: give its .model"):
        fastbg.apply_model(result, "a.xisf")


def test_an_array_is_no_file(image):
    with pytest.raises(InputError, match="remove_background and apply take arrays"):
        fastbg.process_file(image)


@pytest.mark.parametrize("name", AUTOMATIC)
def test_auto_is_the_number_that_lets_fastbg_decide(name):
    assert Settings(**{name: "auto"}) == Settings(**{name: 0}) == Settings()


def test_sizes_are_read_as_on_the_command_line(tmp_path):
    assert Settings(gpu_memory="2GB") == Settings(gpu_memory=2 * 10**9)
    path = tmp_path / "a.xisf"
    from fastbg.io import xisf

    xisf.write(path, simulate_sky((96, 120), np.random.default_rng(1)).image)
    with pytest.raises(SettingsError, match="and 1 kB are allowed"):
        fastbg.process_file(path, output_dir=tmp_path, max_memory="1kB")
    assert fastbg.process_file(path, output_dir=tmp_path, max_memory="1 GB").report
    assert fastbg.process_file(path, output_dir=tmp_path, max_memory=1e9, overwrite=True).report


@pytest.mark.parametrize("value", [10**400, np.array([1, 2]), np.ones(1), [1], {}, None, "1", b"a"])
@pytest.mark.parametrize("field", fields(Settings), ids=lambda field: field.name)
def test_settings_of_odd_values_raise_nothing_else(field, value):
    assert "\n" not in refusal(Settings, **{field.name: value})


def test_paths_of_other_kinds_are_paths(tmp_path):
    class Other:
        def __fspath__(self):
            return str(Path("a.xisf"))

    with pytest.raises(InputError, match=r"a\.xisf does not exist"):
        fastbg.process_file(Other())


@pytest.mark.parametrize("name", ["process_file", "process_files", "fit_file", "preview_file"])
def test_a_current_folder_that_was_deleted_is_told(name, tmp_path, monkeypatch):
    (gone := tmp_path / "gone").mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(InputError, match="the current folder was deleted: change to another one"):
        FUNCTIONS[name](*NEEDED[name])


@pytest.mark.parametrize(
    ("given", "cause"),
    [
        ({"control_points": "12"}, "at least 0, not '12'; auto leaves it to fastbg"),
        ({"downscaling_factor": "4"}, "at least 1, not '4'; auto leaves it to fastbg"),
        ({"quantile": "0.9"}, "a finite number, not '0.9'"),
        ({"seed": "3"}, "at least 0, not '3'"),
        ({"pedestal": ["none"]}, "bgoptimizer or a number, not ['none']"),
        ({"pedestal": True}, "bgoptimizer or a number, not True"),
    ],
    ids=str,
)
def test_a_text_in_place_of_a_number_is_shown_as_one(given, cause):
    assert cause in refusal(Settings, **given)
