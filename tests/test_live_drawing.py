"""What the live page draws is what the formulas say, pixel by pixel."""

from __future__ import annotations

import base64
from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from cases import diagonal
from live_stand_in import encoded, fitted, statistics
from live_views import (
    MISSING,
    OFFSET,
    SCALE,
    STRETCHES,
    Viewer,
    assert_same,
    grid_of,
    messages_of,
    sky,
    stretched,
)

pytest.importorskip("starlette", reason="pip install 'fastbg[live]'")


def test_every_half_is_decoded(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    values = viewer.run(
        """import('./half.js').then(({ HALVES }) => {
            const bytes = new Uint8Array(Float64Array.from(HALVES).buffer);
            return btoa(Array.from(bytes, byte => String.fromCharCode(byte)).join(""));
        })"""
    )
    with np.errstate(invalid="ignore"):
        wanted = np.arange(65536, dtype=np.uint16).view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(np.frombuffer(base64.b64decode(values)), wanted)


def test_the_shader_stretches_as_the_formulas_say(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    viewer = view(*messages_of(linear), viewport={"width": 700, "height": 480})
    viewer.look_at(30, 20, 4)
    told = statistics(linear)
    # Neither a stretch nor a boost knows of the other.
    shown = [*((each, 2) for each in STRETCHES), ("15", 1), ("15", 4)]
    for (name, boost), linked in product(shown, (False, True)):
        viewer.set(view="original", stretch=name, linked=linked, boost=boost)
        wanted = stretched(linear, told, name, linked=linked, boost=boost)
        assert_same(viewer.drawn((40, 60)), wanted)


def test_functions_of_the_page_equal_the_formulas(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    rng = np.random.default_rng(5)
    for name in [*STRETCHES] * 3:
        median = rng.uniform(0.001, 0.4, 3)
        mad = median * rng.uniform(0.001, 0.9, 3)
        told = {
            "median": median.tolist(),
            "mad": mad.tolist(),
            "minimum": [0] * 3,
            "maximum": [1] * 3,
        }
        linear = rng.uniform(0, 1, (3, 1, 50))
        for linked in (False, True):
            for boost in (1, 4):
                found = viewer.page.evaluate(
                    """([told, name, linked, boost, planes]) => import('./stretch.js').then(m => {
                        const display = m.displayOf(told, name, linked, boost);
                        const shown = (plane, k) => [plane[0].map(v => m.shown(display, k, v))];
                        return planes.map(shown);
                    })""",
                    [told, name, linked, boost, linear.tolist()],
                )
                wanted = stretched(linear, told, name, linked=linked, boost=boost)
                np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_what_is_missing_does_not_spread(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    holed = linear.copy()
    holed[:, 10:14, 20:24] = np.nan
    holed[1, 30, 40] = np.nan
    viewer = view(*messages_of(holed))
    viewer.set(view="original", stretch="20")
    wanted = stretched(holed, statistics(holed), "20")
    wanted[1, 30, 40] = 0
    wanted[:, 10:14, 20:24] = np.array(MISSING)[:, None, None] / 255
    viewer.look_at(30, 20, 4)
    assert_same(viewer.drawn((40, 60)), wanted)
    # Interpolated or reduced, each colour is one that valid neighbours have, or that of missing.
    ranges = [(wanted[k].min() - 0.01, wanted[k].max() + 0.01) for k in range(3)]
    for scale in (1.5, 0.5):
        viewer.look_at(30, 20, scale)
        found = viewer.drawn((40, 60))
        seen = np.isclose(found, np.array(MISSING)[:, None, None] / 255, atol=1e-3).all(axis=0)
        assert seen[11:13, 21:23].all()
        assert not seen[:8].any()
        for k, (low, high) in enumerate(ranges):
            assert (found[k] >= low).all()
            assert (found[k] <= high).all()


@pytest.mark.parametrize(("mode", "strength"), diagonal(["subtract", "divide"], [1.0, 0.3]))
def test_the_corrected_view(view: Callable[..., Viewer], mode: str, strength: float) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model = pictures["model"]
    level = np.median(model, axis=(1, 2))
    told = fitted(level.tolist(), mode=mode, strength=strength)
    viewer = view(*messages_of(linear, **pictures), told)
    viewer.wait_for("m.app.store.get().correction")
    viewer.look_at(30, 20, 4)
    viewer.set(view="corrected", stretch="20")
    level = level[:, None, None]
    whole = linear - (model - level) if mode == "subtract" else linear * level / model
    wanted = (1 - strength) * linear + strength * whole
    assert_same(viewer.drawn((40, 60)), stretched(wanted, statistics(linear), "20"))


def test_a_pedestal_of_nothing_is_shown_at_the_level_of_the_original(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model = pictures["model"]
    viewer = view(*messages_of(linear, **pictures), fitted([0.0, 0.0, 0.0]))
    viewer.wait_for("m.app.store.get().correction")
    viewer.look_at(30, 20, 4)
    viewer.set(view="corrected", stretch="20")
    shift = np.median(model, axis=(1, 2)).mean()
    wanted = stretched(linear - model + shift, statistics(linear), "20")
    assert_same(viewer.drawn((40, 60)), wanted, 2)


def colours_of(viewer: Viewer, name: str) -> np.ndarray:
    """The stops of a colour map, (n, 3)."""
    return np.array(viewer.page.evaluate(f"import('./colours.js').then(m => m.{name})"))


def mapped(stops: np.ndarray, at: np.ndarray) -> np.ndarray:
    places = np.linspace(0, 1, len(stops))
    return np.stack([np.interp(np.clip(at, 0, 1), places, stops[:, k]) for k in range(3)])


def test_model_and_uncertainty(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    model, sigma = pictures["model"], pictures["uncertainty"]
    viewer = view(*messages_of(linear, **pictures), fitted(np.median(model, axis=(1, 2)).tolist()))
    viewer.wait_for("m.app.store.get().correction")
    viewer.look_at(30, 20, 4)
    viewer.set(view="model", stretch="20")
    assert_same(viewer.drawn((40, 60)), stretched(model, statistics(linear), "20"))
    viewer.set(falseColour=True)
    mean = (model - np.median(model, axis=(1, 2), keepdims=True)).mean(axis=0)
    at = (mean - mean.min()) / (mean.max() - mean.min())
    stops = colours_of(viewer, "SEQUENTIAL")
    assert_same(viewer.drawn((40, 60)), mapped(stops, at), 3)
    viewer.set(view="uncertainty")
    cells = sigma.mean(axis=0)
    between = [np.interp(np.arange(60) + 0.5, 4 * np.arange(15) + 2, row) for row in cells]
    mean = np.transpose(
        [
            np.interp(np.arange(40) + 0.5, 4 * np.arange(10) + 2, row)
            for row in np.transpose(between)
        ]
    )
    assert_same(viewer.drawn((40, 60)), mapped(stops, mean / np.quantile(cells, 0.99)), 3)
    assert viewer.page.evaluate(
        "Promise.all([import('./app.js'), import('./half.js')]).then(([{ app }, half]) =>"
        " half.valueBetween(app.store.get().pictures.uncertainty, 0, 31.5, 22.5))"
    ) == pytest.approx(mean[22, 31])
    viewer.set(view="model", channel=1)
    mean = model[1] - np.median(model[1])
    at = (mean - mean.min()) / (mean.max() - mean.min())
    assert_same(viewer.drawn((40, 60)), mapped(stops, at), 3)


def test_the_residual_is_that_of_the_sky_and_objects_are_dimmed(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((1, 40, 60))
    pictures = grid_of(linear)
    # Blocks of 4 x 4 pixels, whose means are themselves: the smoothing changes nothing.
    blocks = np.random.default_rng(1).normal(0, 8, (1, 10, 15)).repeat(4, 1).repeat(4, 2)
    pictures["model"] = np.full_like(linear, OFFSET)
    pictures["small"] = OFFSET + SCALE * blocks.astype(np.float16).astype(float)
    weight = np.full((1, 40, 60), 255, np.uint8)
    weight[:, 16:24, 20:28] = 0
    pictures["small"][weight == 0] = 0.2
    viewer = view(
        *messages_of(linear, **pictures),
        encoded("weight", weight, "byte", binning=1),
        encoded("objects", (weight == 0).astype("<u2"), "label", binning=1),
        fitted([OFFSET]),
    )
    viewer.wait_for("m.app.store.get().correction")
    viewer.look_at(30, 20, 4)
    viewer.set(view="residual")
    stops = colours_of(viewer, "DIVERGING")
    deviation = blocks[0][weight[0] > 0]
    noise = 1.4826 * np.median(np.abs(deviation - np.median(deviation)))
    wanted = mapped(stops, (blocks[0] / noise + 1) / 2)
    dimmed = 0.7 * np.array(MISSING) / 255 + 0.3 * stops[-1]
    found = viewer.drawn((40, 60))
    centre = (slice(None), slice(1, None, 4), slice(1, None, 4))
    inner = weight[0, 1::4, 1::4] > 0
    blurred = np.abs(found[centre] - wanted[centre]).max(axis=0)[inner]
    # Between the centres of blocks, colours are interpolated.
    assert np.median(blurred) < 0.12
    assert np.corrcoef(found[0, 1::4, 1::4][inner], wanted[0, 1::4, 1::4][inner])[0, 1] > 0.9
    assert_same(found[:, 18:22, 22:26], np.broadcast_to(dimmed[:, None, None], (3, 4, 4)), 2)


def test_marks_of_found_and_unused_differ_in_pattern_and_colour(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((3, 40, 60))
    weight = np.full((1, 40, 60), 255, np.uint8)
    weight[:, 5:15, 5:25] = weight[:, 25:35, 5:25] = 0
    objects = np.zeros((1, 40, 60), "<u2")
    objects[:, 5:15, 5:25] = 7
    pictures = (
        encoded("weight", weight, "byte", binning=1),
        encoded("objects", objects, "label", binning=1),
    )
    viewer = view(*messages_of(linear), *pictures, fitted([0.0, 0.0, 0.0]))
    viewer.look_at(30, 20, 8)
    viewer.set(view="sky", stretch="20")
    grey = stretched(linear, statistics(linear), "20").mean(axis=0)
    found = viewer.drawn((40, 60))
    red = np.array([0xFF, 0x62, 0x62]) / 255
    assert_same(found[:, :4], np.broadcast_to(grey[:4], (3, 4, 60)), 2)
    inside = (slice(7, 13), slice(7, 23))
    wanted = 0.8 * grey[inside] + 0.2 * red[:, None, None]
    assert_same(found[(slice(None), *inside)], wanted, 2)
    # An outline around what was found, and stripes over what is not used.
    canvas = viewer.canvas()
    outline = np.abs(canvas - (0.95 * red + 0.05 * 0.25)).max(axis=2) < 0.06
    assert 300 < outline.sum() < 2000
    left, top = viewer.run("m.app.viewport.toScreen(7, 27)")
    unused = canvas[int(top) : int(top) + 48, int(left) : int(left) + 128, 2]
    assert 0.1 < (unused > 0.45).mean() < 0.35
    viewer.set(view="original")
    assert_same(viewer.drawn((40, 60)), stretched(linear, statistics(linear), "20"))
    viewer.set(marks=True)
    assert not np.allclose(
        viewer.drawn((40, 60)), stretched(linear, statistics(linear), "20"), atol=0.05
    )


def test_inverted_grey_and_single_channels(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    viewer = view(*messages_of(linear))
    viewer.look_at(30, 20, 4)
    viewer.set(view="original", stretch="15", inverted=True)
    wanted = stretched(linear, statistics(linear), "15")
    assert_same(viewer.drawn((40, 60)), np.broadcast_to(1 - wanted.mean(axis=0), (3, 40, 60)), 2)
    viewer.set(inverted=False, channel=2)
    assert_same(viewer.drawn((40, 60)), np.broadcast_to(wanted[2], (3, 40, 60)))


def test_a_sky_at_zero_or_below_and_arrays_in_counts_are_shown(view: Callable[..., Viewer]) -> None:
    viewer = view(*messages_of(sky((1, 20, 30))))
    rng = np.random.default_rng(2)
    for centre, noise in ((0.0, 1e-3), (-0.3, 1e-3), (1500.0, 20.0), (0.02, 0.0)):
        linear = centre + noise * rng.standard_normal((1, 1, 4000))
        linear[0, 0, 0] = centre + 40_000 * noise
        values = viewer.page.evaluate(
            """([told, plane]) => import('./stretch.js').then(m => {
                const display = m.displayOf(told, 'stf', false, 1);
                return plane.map(v => m.shown(display, 0, v));
            })""",
            [statistics(linear), linear[0, 0].tolist()],
        )
        assert np.isfinite(values).all()
        assert abs(np.median(values) - 0.25) < 0.01
