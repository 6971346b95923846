"""What the benchmarks of simulated skies count, and how a command line chooses the skies."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

import numpy as np
import pytest
from PIL import Image

import peers
import skies
from scenes import HARD, KINDS, SCENES, simulate, taken
from scenes.choice import add_choice, described, narrowed
from sheet import Sheet


def chosen(*arguments):
    parser = ArgumentParser()
    add_choice(parser, "familiar", [(20, 30)])
    return narrowed(parser.parse_args(arguments))


def test_kinds_are_chosen_by_group_and_by_name():
    assert chosen().kinds == [*SCENES]
    assert chosen("--kinds", "hard").kinds == [*HARD]
    assert chosen("--kinds", "all").kinds == [*KINDS]
    named = chosen("--kinds", "two-domes", "few_counts", "bad flat", "two domes")
    assert named.kinds == ["two domes", "few counts", "bad flat"]


def test_sizes_are_rows_by_columns():
    assert chosen().sizes == [(20, 30)]
    assert chosen("--sizes", "600x900", "3x4").sizes == [(600, 900), (3, 4)]


def test_a_smoke_run_is_tiny():
    options = chosen("--smoke", "--kinds", "hard", "--seeds", "3", "4", "--sizes", "2000x3000")
    assert options.kinds == [*HARD][:1]
    assert options.seeds == [3]
    assert max(options.sizes) < (200, 300)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--kinds", "moo"), "no kind 'moo': give familiar, hard, all"),
        (("--sizes", "600"), "no size '600': write rows x columns"),
        (("--sizes", "0x5"), "no size '0x5': both sides"),
    ],
)
def test_what_there_is_not_is_refused(arguments, told, capsys):
    with pytest.raises(SystemExit):
        chosen(*arguments)
    assert told in capsys.readouterr().err


def test_every_kind_is_described_in_a_sentence():
    lines = [line for line in described().splitlines() if line.startswith("  ")]
    assert len(lines) == len(KINDS)
    assert all(len(line) > 40 and line.endswith(".") for line in lines)


def fit(error, told=0.05, doubted=False, light=np.nan, flat=False):
    return skies.Fit(error, told, light, doubted, flat)


def test_a_sky_is_silent_if_it_is_off_without_a_doubt():
    assert fit(0.2).silent
    assert not fit(0.2, doubted=True).silent
    assert not fit(0.1).silent
    assert fit(0.04).held
    assert not fit(0.06).held


def test_the_table_of_a_kind_and_what_is_below_it():
    sized = [
        [fit(0.02), fit(0.04), fit(0.3)],
        [fit(0.08), fit(0.02, light=0.5), fit(0.2, flat=True)],
    ]
    line = skies.row("moo", sized)
    assert "0.040 (0.300)" in line
    assert "0.080 (0.200)" in line
    assert line.split()[-5:] == ["2.00", "0.050", "0.500", "3/6", "2/6"]
    told = "\n".join(skies.summary({"moo": sized, "baa": [[fit(0.01)], [fit(0.01)]]}, [1, 2]))
    assert "geometric mean" in told
    assert "0.020" in told
    assert "without a doubt: 2 of 8, and a warning says of 1 of these" in told
    assert "uncertainty told: 5 of 8" in told
    assert "largest median: 0.060, moo" in told


def test_a_kind_is_worse_if_it_rose_by_a_hundredth_and_a_tenth():
    def run(**errors):
        return {f"{kind}, 2x3, seed 1": {"error": error} for kind, error in errors.items()}

    before = run(a=0.5, b=0.5, c=0.001, d=0.001)
    lines = [*skies.worse(before, run(a=0.54, b=0.56, c=0.0105, d=0.012, new=7.0))]
    assert lines[0] == "compared with before: 4 kinds, 4 skies"
    assert [line.split()[1] for line in lines[1:]] == ["b,", "d,"]


def test_the_light_taken_is_the_part_of_the_objects_that_the_model_follows():
    scene = simulate("nebula like sky", (200, 300), 1)
    follows = scene.background + 0.25 * (scene.image - scene.background)
    assert taken(follows, scene) == pytest.approx(0.25, abs=0.01)
    assert taken(scene.background + 0.1, scene) == pytest.approx(0, abs=1e-3)
    assert np.isnan(taken(follows, simulate("bare tilt", (200, 300), 1)))


def test_dark_dust_is_light_that_is_missing():
    scene = simulate("dark dust", (200, 300), 1)
    follows = scene.background + 0.98 * (scene.image - scene.background)
    assert taken(follows, scene) == pytest.approx(0.98, abs=0.01)


def test_the_best_peer_has_the_least_median():
    def runs(*errors):
        return {"moo": [{"error": error} for error in errors]}

    found = {"a": runs(0.1, 0.2, 0.9), "b": runs(0.3, 0.01, 0.25), "failed": {}}
    assert peers._best(found, "moo") == "a"
    assert peers._best({"failed": {}}, "moo") == "none"
    assert peers._mean_error(found["a"] | {"baa": [{"error": 0.05}]}) == pytest.approx(0.1)


def test_peers_of_an_earlier_run_are_in_the_table_again(capsys):
    runs = [{"error": 0.1, "peak_memory_bytes": 1e6}]
    earlier = {"old": {"bare tilt": runs, "comet": runs}}
    options = Namespace(kinds=["bare tilt"], seeds=[1], sheets=None, smoke=True)
    assert peers.table(options, [], (20, 30), earlier) == {"old": {"bare tilt": runs}}
    assert "best by the median, of 1 kinds: old 1" in capsys.readouterr().out


def test_a_sheet_grows_with_its_rows(tmp_path):
    sheet, path = Sheet("Skies", "note", weights=True), tmp_path / "sheet.png"
    scene = simulate("bare tilt", (60, 90), 1)
    for _ in range(25):
        sheet.add("bare tilt", scene, scene.background, 0.0, np.ones((30, 45), np.float32))
    sheet.save(str(path))
    picture = np.asarray(Image.open(path))
    assert len(picture) > 4000
    last = picture[-150:-60, :, :]
    assert np.ptp(last.reshape(-1, 3), axis=0).min() > 100, "the last row is drawn"
