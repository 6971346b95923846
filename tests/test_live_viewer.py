"""The viewer of the live page: values, histogram, and what is told when something fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import some
from live_stand_in import StandIn, fitted, serving, statistics
from live_views import ALL_HERE, OFFSET, Viewer, grid_of, messages_of, sky, stretched, tiled

from fastbg.image.stretch import Stretch

pytest.importorskip("starlette", reason="pip install 'fastbg[live]'")


def test_values_are_read_under_the_pointer(view: Callable[..., Viewer]) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    stand_in = StandIn(*messages_of(linear, **pictures), fitted([OFFSET] * 3))
    exact = {name: [0.5, 0.25, None] for name in ("original", "model", "corrected", "uncertainty")}
    stand_in.answer = lambda message: (
        {"tell": "probed", "x": message["x"], "y": message["y"], **exact}
        if message["do"] == "probe"
        else {"tell": "done"}
    )
    viewer = view(stand_in=stand_in)
    viewer.wait_for("m.app.store.get().correction")
    stage = viewer.page.locator("#stage").bounding_box()
    x, y = viewer.run("m.app.viewport.toScreen(41.5, 12.5)")
    viewer.page.mouse.move(stage["x"] + x, stage["y"] + y)
    viewer.wait_for("/\\d/.test(document.querySelector('#readout .group')?.innerText)")
    text = viewer.run("[...document.querySelectorAll('#readout .group')].map(e => e.innerText)")
    values = [float(each) for each in text[0].split()[1::2]]
    np.testing.assert_allclose(values, linear[:, 12, 41], rtol=1e-4)
    adu = [float(each) for each in text[0].split()[2::2]]
    np.testing.assert_allclose(adu, linear[:, 12, 41] * 65535, rtol=1e-3)
    after = [float(each) for each in text[1].split()[1::2]]
    wanted = linear[:, 12, 41] - pictures["model"][:, 12, 41] + OFFSET
    np.testing.assert_allclose(after, wanted, rtol=1e-3)
    viewer.page.locator("#readout", has_text="exact").wait_for()
    group = viewer.page.locator("#readout .group.original").inner_text()
    assert "0.50000" in group
    assert "32768" in group
    assert "\N{EN DASH}" in group
    asked = stand_in.wait_for(lambda message: message["do"] == "probe")
    np.testing.assert_allclose([asked["x"], asked["y"]], [41.5, 12.5], atol=0.1)
    # Of the pointer and the keyboard's cursor, that which moved last.
    viewer.set(cursor=[3.5, 4.5])
    assert "x 3, y 4" in viewer.page.locator("#readout").inner_text()
    viewer.set(cursor=None)
    viewer.page.mouse.move(2, 2)
    viewer.page.locator("#readout .hint").wait_for()


def test_the_histogram_counts_and_its_lines_are_those_of_the_stretch(
    view: Callable[..., Viewer],
) -> None:
    linear = sky((1, 200, 300))
    viewer = view(*messages_of(linear))
    flat = np.sort(linear.ravel())
    # All pixels: the page takes a regular part of larger images.
    found = viewer.page.evaluate(
        """import('./app.js').then(async ({ app }) => {
            const m = await import('./histogram.js');
            const samples = m.samplesOf(app.store.get().pictures.original);
            const span = m.spanOf(samples);
            const lines = [['quantile', 0.9], ['threshold_min', 0.1], ['threshold_max', 0.8]];
            return {
                count: samples.sorted[0].length,
                span,
                counts: [...m.countsOf(samples.sorted[0], span, 50)],
                lines: lines.map(([name, value]) => m.linearOf(samples, 0, name, value, 0.9)),
                back: lines.map(([name, value]) =>
                    m.settingAt(samples, name, m.meanLinearOf(samples, name, value, 0.9), 0.9)),
            };
        })"""
    )
    assert found["count"] == flat.size
    edges = np.linspace(found["span"]["low"], found["span"]["high"], 51)
    wanted = np.histogram(flat[flat < edges[-1]], edges)[0]
    assert np.abs(np.array(found["counts"]) - wanted).max() <= 2
    levels = [0, 0.5, 0.9, 1]
    stretch = Stretch.of(np.quantile(flat, levels)[np.newaxis], 0.9)
    inverse = [float(stretch.invert(np.array([[t]]))[0][0, 0]) for t in (0.1, 0.8)]
    np.testing.assert_allclose(found["lines"], [np.quantile(flat, 0.9), *inverse], rtol=1e-6)
    np.testing.assert_allclose(found["back"], [0.9, 0.1, 0.8], atol=1e-3)


def test_lines_of_the_histogram_are_set_by_mouse_and_by_keys(view: Callable[..., Viewer]) -> None:
    stand_in = StandIn(*messages_of(sky((1, 200, 300))))
    viewer = view(stand_in=stand_in)
    line = viewer.page.get_by_role("slider", name="Lower threshold")
    line.focus()
    viewer.page.keyboard.press("PageUp")
    done = stand_in.wait_for(lambda message: message["do"] == "set" and not message.get("more"))
    assert done["settings"] == {"threshold_min": 0.101}
    assert line.get_attribute("aria-valuenow") == "0.101"
    stand_in.heard.clear()
    box = viewer.page.get_by_role("slider", name="Quantile").bounding_box()
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 4)
    viewer.page.mouse.down()
    viewer.page.mouse.move(box["x"] + box["width"] / 2 - 60, box["y"] + 4, steps=5)
    viewer.page.mouse.up()
    done = stand_in.wait_for(lambda message: message["do"] == "set" and not message.get("more"))
    assert 0.5 <= done["settings"]["quantile"] < 0.95
    tried = [each for each in stand_in.heard if each.get("more")]
    assert tried
    assert all("quantile" in each["settings"] for each in tried)


def test_a_lost_connection_is_told_and_comes_back(view: Callable[..., Viewer]) -> None:
    stand_in = StandIn(*messages_of(sky((1, 40, 60))))
    viewer = view(stand_in=stand_in)
    viewer.look_at(10, 10, 6.3)
    stand_in.drop()
    viewer.page.locator("#notice", has_text="connection").wait_for()
    failed = viewer.run("m.app.send({ do: 'undo' }).catch(({ message }) => message)")
    assert "not connected" in failed
    viewer.wait_for("m.app.store.get().connection === 'open'")
    viewer.page.locator("#notice").wait_for(state="hidden")
    # The user looks at the same place as before.
    assert viewer.run("m.app.viewport.centre") == [10, 10]
    stand_in.tell({"tell": "ended", "message": "fastbg was stopped."})
    viewer.page.locator("#notice", has_text="fastbg was stopped.").wait_for()


def test_a_lost_context_is_told_and_drawn_again(view: Callable[..., Viewer]) -> None:
    _, stand_in = tiled()
    viewer = view(stand_in=stand_in)
    viewer.set(view="original", stretch="20")
    viewer.look_at(300, 280, 1)
    viewer.wait_for(ALL_HERE)
    before = viewer.canvas()
    viewer.run("{ window.lost = m.screen.renderer.gl.getExtension('WEBGL_lose_context') }")
    viewer.run("{ lost.loseContext() }")
    viewer.page.locator("#notice", has_text="graphics card").wait_for()
    viewer.run("{ lost.restoreContext() }")
    viewer.page.locator("#notice").wait_for(state="hidden")
    np.testing.assert_array_equal(viewer.canvas(), before)


def test_without_webgl_the_views_are_drawn_all_the_same(browser: Any) -> None:
    linear = sky((3, 40, 60))
    pictures = grid_of(linear)
    told = [
        *messages_of(linear, **pictures),
        fitted(np.median(pictures["model"], axis=(1, 2)).tolist()),
    ]
    with serving(StandIn(*told)) as stand_in:
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.add_init_script(
            "const of = HTMLCanvasElement.prototype.getContext;"
            "HTMLCanvasElement.prototype.getContext = function (kind, ...more) {"
            "  return kind === 'webgl2' ? null : of.call(this, kind, ...more); };"
        )
        page = context.new_page()
        page.goto(stand_in.address)
        page.locator("#notice", has_text="WebGL 2").wait_for()
        colours = page.evaluate(
            """import('./app.js').then(async ({ app, screen }) => {
                const wait = () => new Promise(done => setTimeout(done, 30));
                while (!app.store.get().correction) await wait();
                app.viewport.show(30, 20, 8);
                const found = {};
                const { VIEWS } = await import('./comparison.js');
                for (const view of VIEWS) {
                    app.store.set({ view, stretch: '20' });
                    screen.plain.draw();
                    const [x, y] = app.viewport.toScreen(7.5, 9.5);
                    const context = document.getElementById('picture').getContext('2d');
                    found[view] = [...context.getImageData(x, y, 1, 1).data].slice(0, 3);
                }
                return found;
            })"""
        )
        context.close()
    model = pictures["model"]
    level = np.median(model, axis=(1, 2), keepdims=True)
    views = {"original": linear, "corrected": linear - model + level, "model": model}
    for name, values in views.items():
        wanted = stretched(values, statistics(linear), "20")[:, 9, 7]
        # The browser smooths between the pixels.
        np.testing.assert_allclose(np.array(colours[name]) / 255, wanted, atol=0.08)
    assert all(max(colours[name]) > 0 for name in ("residual", "sky", "uncertainty"))


@pytest.mark.parametrize("width", some([400, 1280], [400, 1280, 3840]))
def test_the_page_is_accessible_and_fits(view: Callable[..., Viewer], width: int) -> None:
    from browser import serious

    linear = sky((3, 40, 60))
    viewer = view(
        *messages_of(linear, **grid_of(linear)),
        fitted([OFFSET] * 3),
        viewport={"width": width, "height": 900},
    )
    viewer.wait_for("m.app.store.get().correction")
    viewer.set(view="sky", layout="split")
    viewer.page.wait_for_timeout(300)
    assert not serious(viewer.page)
    assert viewer.page.evaluate("document.documentElement.scrollWidth") <= width
    stage = viewer.page.locator("#stage").bounding_box()
    assert stage["width"] >= min(width, 380)
    assert stage["height"] >= 300
