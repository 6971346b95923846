from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from images import image_of
from tolerances import FLOAT32_SAMPLES, FLOAT32_VALUES, relative_max

from fastbg import BackendError, BackgroundModel, InputError, OutputError
from fastbg.backends.registry import choose, unavailable
from fastbg.image import bands as bands_module
from fastbg.image.kernels import ABOVE_1, NEGATIVE
from fastbg.image.order_statistics import quantiles
from fastbg.image.stretch import Stretch
from fastbg.settings.checked import BACKENDS
from fastbg.spline.spline import Spline

SHAPE = (37, 53)


@pytest.fixture(params=[1, 3])
def model(request, rng):
    channels = request.param
    weights = rng.normal(0, 0.1, (8, channels))
    polynomial = np.vstack([rng.normal(0, 0.05, (2, channels)), np.full(channels, 0.4)])
    stretch = Stretch(
        rng.uniform(0.01, 0.1, channels),
        rng.uniform(0.1, 0.3, channels),
        rng.uniform(0.1, 0.4, channels),
    )
    return BackgroundModel(Spline(rng.random((8, 2)), weights, polynomial, 2), stretch, SHAPE)


def pixel_centres(shape):
    y, x = ((np.arange(size) + 0.5) / size for size in shape)
    return np.stack(np.meshgrid(y, x, indexing="ij"), axis=-1).reshape(-1, 2)


AVAILABLE = [name for name in BACKENDS if unavailable(name) is None]


@pytest.mark.parametrize("backend", AVAILABLE)
@pytest.mark.parametrize("shape", [None, (5, 9), (1, 1), (80, 40)], ids=str)
def test_render_equals_evaluation_at_pixel_centres(model, backend, shape):
    rendered = model.render(shape, backend=backend)
    height, width = shape or SHAPE
    channels = model.spline.weights.shape[1]
    assert rendered.dtype == np.float32
    assert rendered.shape == (height, width, channels)
    expected = model.evaluate(pixel_centres((height, width)))
    assert relative_max(rendered.reshape(-1, channels), expected) < FLOAT32_VALUES


def test_evaluation_follows_the_definition(model):
    points = np.array([[0.1, 0.9], [0.5, 0.5], [0.99, 0.0]])
    values = model.evaluate(points)
    for p, found in zip(points, values, strict=True):
        q = ((p - model.spline.centres) ** 2).sum(axis=1)
        s = 0.5 * q * np.log(q) @ model.spline.weights + np.r_[p, 1] @ model.spline.polynomial
        assert (s > 0).all()
        assert (s < 1).all()
        # The inverse of the midtones transfer function, from its forward formula by bisection.
        low, high = np.zeros_like(s), np.ones_like(s)
        m, r = model.stretch.midtones, 1 / model.stretch.target
        for _ in range(60):
            middle = (low + high) / 2
            below = (1 - m) * middle / ((1 - r * m) * middle + (r - 1) * m) < s
            low, high = np.where(below, middle, low), np.where(below, high, middle)
        assert found == pytest.approx(low * model.stretch.scale + model.stretch.pedestal, rel=1e-9)
    assert np.array_equal(model.evaluate(points[1]), values[1:2])


@pytest.mark.parametrize(
    "rows", [slice(0, 5), slice(7, 8), slice(30, None), slice(-3, None), slice(5, 5), slice(9, 2)]
)
def test_some_rows_are_that_part_of_the_whole(model, rows):
    for shape in (SHAPE, (64, 20)):
        whole = model.render(shape)
        part = model.render(shape, rows)
        assert np.array_equal(part, whole[rows])


def test_rows_with_a_step_are_rendered_or_refused(model):
    whole = model.render()
    try:
        part = model.render(rows=slice(0, 20, 3))
    except InputError:
        return
    assert np.array_equal(part, whole[0:20:3])


def test_bands_and_threads_do_not_show(model, monkeypatch):
    whole = model.render(threads=1)
    assert np.array_equal(model.render(threads=5), whole)
    for pixels in (1, 3 * SHAPE[1], 10**9):
        monkeypatch.setattr(bands_module, "BAND_PIXELS", pixels)
        assert np.array_equal(model.render(threads=2), whole)
        assert np.array_equal(model.render(rows=slice(5, 30), threads=2), whole[5:30])


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (-1, 5), (5,), 5, "ab", (0.5, 9), (2, 3, 4)])
def test_impossible_shapes_are_refused(model, shape):
    with pytest.raises(InputError, match="at least 1 x 1"):
        model.render(shape)


@pytest.mark.parametrize("rows", [5, None, "a", slice("a"), slice(0, 9, -1)])
def test_impossible_rows_are_refused(model, rows):
    with pytest.raises(InputError, match="consecutive rows"):
        model.render(rows=rows)


def test_the_channels_of_a_rendering_are_where_they_are_wanted(model):
    whole = model.render()
    first = model.render(channel_axis=0)
    assert np.array_equal(np.moveaxis(first, 0, -1), whole)
    assert np.array_equal(model.render(channel_axis=2), whole)
    assert whole.flags.c_contiguous
    assert first.flags.c_contiguous
    with pytest.raises(InputError, match="has no channel_axis 1"):
        model.render(channel_axis=1)


@pytest.mark.parametrize("value", [5, None, b"a", [], ""])
def test_models_are_saved_to_paths(model, value):
    for function in (model.save, BackgroundModel.load):
        with pytest.raises(InputError, match="the model must be a path, not"):
            function(value)
    with pytest.raises(InputError, match="give what to_dict returned"):
        BackgroundModel.from_dict(value)


@pytest.mark.parametrize("points", ["ab", None, 5, [[1, 2], [3]], {}, [[np.nan, 0]]])
def test_impossible_points_are_refused(model, points):
    with pytest.raises(InputError, match="cannot be evaluated"):
        model.evaluate(points)


@pytest.mark.parametrize("shape", [(1 << 40, 1 << 20), (1 << 62, 1 << 62)])
def test_shapes_beyond_memory_are_refused(model, shape):
    """As a file may have them."""
    content = {**model.to_dict(), "shape": list(shape)}
    with pytest.raises(InputError, match="do not fit into memory: render fewer") as e:
        BackgroundModel.from_dict(content).render()
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("backend", AVAILABLE)
def test_images_are_rendered_where_they_are_read(model, backend):
    image = model.rendered(choose(backend), SHAPE).linear
    assert image.shape == SHAPE
    assert image.channels == model.spline.weights.shape[1]
    whole = image.planes()
    assert np.array_equal(np.moveaxis(whole, 0, 2), model.render(backend=backend))
    for rows in (slice(0, 1), slice(3, 20), slice(16, 32), slice(36, 37)):
        assert np.array_equal(image.rows(rows), whole[:, rows])
        # Into the beginning of a larger buffer, as the last band of an image is.
        room = np.full((image.channels, 25, SHAPE[1]), np.nan, np.float32)
        band = image.read(rows, room)
        assert np.array_equal(band, whole[:, rows])
        assert all(plane.flags.c_contiguous for plane in band)


@pytest.mark.parametrize("backend", AVAILABLE)
def test_the_background_is_the_inverted_stretched_image(model, backend):
    evaluator = choose(backend)
    rendered = model.rendered(evaluator, SHAPE)
    stretched, linear = rendered.stretched.planes(), rendered.linear.planes()
    expected, clamped = model.stretch.invert(stretched, evaluator.kernels)
    assert np.array_equal(linear, expected)
    assert clamped == np.count_nonzero((stretched < 0) | (stretched > 1))


@pytest.mark.parametrize("gain", [1.0, 40.0])
def test_order_statistics_of_the_background_come_from_the_stretched_image(model, gain):
    # With a large gain, part of the model is clamped to both ends of the stretch.
    spline = Spline(
        model.spline.centres,
        gain * model.spline.weights,
        gain * (model.spline.polynomial - [[0], [0], [0.4]]) + [[0], [0], [0.4]],
        model.spline.order,
    )
    rendered = replace(model, spline=spline).rendered(choose("auto"), SHAPE)
    stretched = rendered.stretched
    found = quantiles(stretched, [0, 0.5, 1], 1, samples=ones_like(stretched))
    statistics = found.values(lambda around: model.stretch.invert(around)[0])
    linear = rendered.linear.planes()
    for plane, own in zip(linear.astype(np.float64), statistics, strict=True):
        expected = [plane.min(), np.median(plane), plane.max()]
        assert own.tolist() == pytest.approx(expected, rel=FLOAT32_SAMPLES)
    values = stretched.planes()
    outside = [np.count_nonzero(values < 0), np.count_nonzero(values > 1)]
    assert [found.total(NEGATIVE), found.total(ABOVE_1)] == outside
    assert all(outside) == (gain > 1)


def ones_like(image):
    """Samples beside an image, of which none is missing."""
    return image_of(np.ones((image.channels, *image.shape), np.float32))


def test_saving_replaces_a_file_as_a_whole(model, tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    path.write_text("of another model")

    def fail(self):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(BackgroundModel, "to_json", fail)
        with pytest.raises(KeyboardInterrupt):
            model.save(path)
    assert path.read_text() == "of another model"

    def full(self, *_, **__):
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", full)
        with pytest.raises(OutputError, match="No space left"):
            model.save(str(path))
    assert path.read_text() == "of another model"
    model.save(path)
    assert np.array_equal(BackgroundModel.load(path).render(), model.render())
    assert [each.name for each in tmp_path.iterdir()] == ["model.json"]


def test_json_keeps_every_bit(model, tmp_path):
    path = tmp_path / "model.json"
    model.save(path)
    again = BackgroundModel.load(path)
    assert again.shape == model.shape
    assert again.spline.order == model.spline.order
    assert np.array_equal(again.spline.flatten(), model.spline.flatten())
    for name in ("pedestal", "scale", "midtones"):
        assert np.array_equal(getattr(again.stretch, name), getattr(model.stretch, name))
    assert again.stretch.target == model.stretch.target
    assert np.array_equal(again.render(), model.render())

    content = json.loads(path.read_text(encoding="utf-8"))
    assert content == model.to_dict()
    assert list(content) == [
        *("format", "version", "shape", "order"),
        *("centres", "weights", "polynomial", "stretch"),
    ]


def test_unavailable_backends_are_refused(model):
    missing = [name for name in BACKENDS if unavailable(name)]
    if not missing:
        pytest.skip("every backend is available here")
    with pytest.raises(BackendError, match=f"the backend {missing[0]} is not available"):
        model.render(backend=missing[0])


DAMAGES = {
    "another format": {"format": "fastbg weather model"},
    "newer version": {"version": 2},
    "no version": {"version": None},
    "no weights": {"weights": None},
    "ragged weights": {"weights": [[1], [2, 3]]},
    "words for weights": {"weights": "many"},
    "flat weights": {"weights": [1, 2]},
    "no centres left": {"centres": [], "weights": []},
    "three coordinates": {"centres": [[0, 0, 0]] * 8},
    "too few centres": {"centres": [[0, 0]] * 7},
    "short polynomial": {"polynomial": [[1, 1, 1], [2, 2, 2]]},
    "order 5": {"order": 5},
    "order 2.5": {"order": 2.5},
    "order of a word": {"order": "two"},
    "infinite order": {"order": float("inf")},
    "shape of one number": {"shape": [4]},
    "no height": {"shape": [0, 5]},
    "infinite shape": {"shape": [float("inf"), 5]},
    "shape of words": {"shape": ["a", "b"]},
    "stretch is a list": {"stretch": [1, 2]},
    "stretch is empty": {"stretch": {}},
    "short stretch": {"stretch": {"pedestal": [], "scale": [], "midtones": [], "target": 0.25}},
    "weights not finite": {"weights": [[float("nan")] * 3] * 8},
    "centres not finite": {"centres": [[float("inf"), 0]] * 8},
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("model", [3], indirect=True)
def test_damaged_models_are_refused_in_one_line(model, tmp_path, damage):
    path = tmp_path / "model.json"
    path.write_text(json.dumps(model.to_dict() | damage), encoding="utf-8")
    with pytest.raises(InputError) as e:
        BackgroundModel.load(path)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize("key", ["centres", "weights", "polynomial", "stretch", "shape", "order"])
def test_what_is_lacking_is_named(model, key):
    content = model.to_dict()
    del content[key]
    with pytest.raises(InputError, match=key):
        BackgroundModel.from_dict(content)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "no background model"),
        (b"7", "no background model"),
        (b"{}", "not a fastbg background model"),
    ],
)
def test_other_files_are_refused_in_one_line(tmp_path, content, cause):
    path = tmp_path / "model.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause) as e:
        BackgroundModel.load(path)
    assert "\n" not in str(e.value)


def test_files_that_cannot_be_read_or_written(model, tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        BackgroundModel.load(tmp_path / "nowhere.json")
    with pytest.raises(InputError, match="is not a file"):
        BackgroundModel.load(tmp_path)
    with pytest.raises(OutputError, match="cannot write"):
        model.save(tmp_path / "nowhere" / "model.json")
    with pytest.raises(OutputError, match="is a directory: give a file name"):
        model.save(tmp_path)
    assert tmp_path.is_dir()


def test_rendering_warns_of_the_slow_reference(model, monkeypatch):
    monkeypatch.setattr("fastbg.backends.c.unavailable", lambda: "it was not built")
    monkeypatch.setattr("fastbg.backends.cuda.unavailable", lambda: "there is no GPU")
    with pytest.warns(RuntimeWarning, match="numpy"):
        model.render(rows=slice(0, 1))
