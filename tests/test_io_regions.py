from __future__ import annotations

import json
import math
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fastbg.errors import InputError
from fastbg.image import bands
from fastbg.io import regions as regions_module
from fastbg.io.regions import areas as areas_module
from fastbg.io.regions import is_regions, open_regions
from fastbg.io.regions.areas import Polygon

SHAPE = (23, 31)


@pytest.fixture
def write(tmp_path):
    def write(content, name="mask.reg"):
        path = tmp_path / name
        if not isinstance(content, (str, bytes)):
            content, path = json.dumps(content), path.with_suffix(".geojson")
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture
def marked(write):
    """Where a file's mask is 0, which must be 1 everywhere else."""

    def marked(content, shape=SHAPE):
        weight = open_regions(write(content), shape).planes()
        assert weight.shape == (1, *shape)
        assert weight.dtype == np.float32
        assert np.isin(weight, (0, 1)).all()
        return weight[0] == 0

    return marked


def ds9_grid(shape=SHAPE):
    """The coordinates x, y of the pixel centres as DS9 counts: from 1."""
    y, x = np.mgrid[1 : shape[0] + 1, 1 : shape[1] + 1].astype(float)
    return x, y


def turned(x, y, degrees):
    angle = np.radians(degrees)
    return x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)


def even_odd(rings, shape):
    """Parity of the edges left of each centre, in exact arithmetic; and where one all but hits it.

    A centre on an edge is inside at the right and top. Rings are of points (x, y), where (0.5, 0.5)
    is the centre of the first pixel.
    """
    inside, unsure = np.zeros(shape, bool), np.zeros(shape, bool)
    exact = [[(Fraction(x), Fraction(y)) for x, y in ring] for ring in rings]
    edges = [pair for ring in exact for pair in zip(ring, ring[1:] + ring[:1], strict=True)]
    half = Fraction(1, 2)
    for row in range(shape[0]):
        y = row + half
        for (x0, y0), (x1, y1) in edges:
            if (y0 < y) != (y1 < y):
                crossing = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
                first = max(0, math.floor(crossing - half) + 1)
                inside[row, first:] ^= True
                for column in range(max(0, first - 1), min(shape[1], first + 1)):
                    unsure[row, column] |= x0 != x1 and abs(column + half - crossing) < 1e-9
    return inside, unsure


def closed(ring):
    return [*ring, ring[0]]


def polygon(*rings):
    return {"type": "Polygon", "coordinates": [closed(ring) for ring in rings]}


def rectangle(left, top, right, bottom):
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def block(top, bottom, left, right, shape=SHAPE):
    expected = np.zeros(shape, bool)
    expected[top:bottom, left:right] = True
    return expected


@pytest.mark.parametrize("name", ["a.reg", "b.geojson", "c.json", "D.REG", "e.GeoJSON"])
def test_files_of_regions_are_known_by_their_names(name, tmp_path):
    assert is_regions(name)
    assert is_regions(tmp_path / name)


@pytest.mark.parametrize("name", ["a.xisf", "b.fits", "reg", "c.reg.png", "json", "d.txt"])
def test_other_files_are_none(name):
    assert not is_regions(name)


# DS9


def test_ds9_counts_from_one(marked):
    assert np.array_equal(marked("image\ncircle(1,1,0.5)"), block(0, 1, 0, 1))
    assert np.array_equal(marked("image\ncircle(31,23,0.5)"), block(22, 23, 30, 31))
    assert np.array_equal(marked("image\nbox(3.5,2.5,4,2,0)"), block(1, 3, 1, 5))
    corners = "polygon(0.5,0.5,3.5,0.5,3.5,2.5,0.5,2.5)"
    assert np.array_equal(marked(f"image\n{corners}"), block(0, 2, 0, 3))


@pytest.mark.parametrize(("x0", "y0", "r"), [(15.2, 11.7, 6.3), (1, 22.8, 9.1), (-3, 40, 25.3)])
def test_a_circle(marked, x0, y0, r):
    x, y = ds9_grid()
    assert np.array_equal(
        marked(f"image\ncircle({x0},{y0},{r})"), (x - x0) ** 2 + (y - y0) ** 2 < r**2
    )


@pytest.mark.parametrize("angle", [0, 30, 90, 133.7, -20, 400])
def test_ellipses_and_boxes_turn_from_x_to_y(marked, angle):
    x, y = ds9_grid()
    u, v = turned(x - 14.3, y - 9.6, angle)
    ellipse = (u / 12.1) ** 2 + (v / 4.7) ** 2 < 1
    assert np.array_equal(marked(f"image\nellipse(14.3,9.6,12.1,4.7,{angle})"), ellipse)
    box = (abs(u) < 12.1 / 2) & (abs(v) < 4.7 / 2)
    assert np.array_equal(marked(f"image\nbox(14.3,9.6,12.1,4.7,{angle})"), box)


def test_annuli_are_open_inside(marked):
    x, y = ds9_grid()
    r = np.hypot(x - 14.3, y - 9.6)
    assert np.array_equal(marked("image\nannulus(14.3,9.6,3.1,8.2)"), (r > 3.1) & (r < 8.2))
    # No centre lies on the circle between these two.
    assert np.array_equal(marked("image\nannulus(14.3,9.6,3.1,5.017,8.2)"), (r > 3.1) & (r < 8.2))
    u, v = turned(x - 14.3, y - 9.6, 25)
    outer, inner = np.hypot(u / 12, v / 8) < 1, np.hypot(u / 6, v / 4) < 1
    assert np.array_equal(marked("image\nellipse(14.3,9.6,6,4,12,8,25)"), outer & ~inner)
    outer, inner = (abs(u) < 6) & (abs(v) < 4), (abs(u) < 3) & (abs(v) < 2)
    assert np.array_equal(marked("image\nbox(14.3,9.6,6,4,12,8,25)"), outer & ~inner)


@pytest.mark.parametrize("shape", ["ellipse", "box", "Rotbox"])
def test_an_angle_may_be_left_out(marked, shape):
    without = marked(f"image\n{shape}(14.3,9.6,12.1,4.7)")
    assert without.any()
    assert np.array_equal(without, marked(f"image\n{shape}(14.3,9.6,12.1,4.7,0)"))
    assert np.array_equal(
        marked(f"image\n{shape}(14.3,9.6,12.1,4.7,30d)"),
        marked(f"image\n{shape} 14.3 9.6 12.1 4.7 {math.radians(30)}r"),
    )


@pytest.mark.parametrize(
    ("annulus", "solid"),
    [
        ("annulus(15,11,0,8)", "circle(15,11,8)"),
        ("annulus(15,11,0,8,n=4)", "circle(15,11,8)"),
        ("annulus(15,11,0,3,5,8)", "circle(15,11,8)"),
        ("annulus 15 11 0 8 n = 4", "circle(15,11,8)"),
        ("ellipse(15,11,0,0,8,4,20)", "ellipse(15,11,8,4,20)"),
        ("ellipse(15,11,0,0,8,4)", "ellipse(15,11,8,4,0)"),
        ("box(15,11,0,0,8,4,n=3,20)", "box(15,11,8,4,20)"),
        ("circle3d(15,11,8)", "circle(15,11,8)"),
    ],
)
def test_annuli_from_zero_have_no_hole(marked, annulus, solid):
    assert np.array_equal(marked(f"image\n{annulus}"), marked(f"image\n{solid}"))


@pytest.mark.parametrize(
    ("rings", "one"),
    [
        ("annulus(15,11,2,8,n=3)", "annulus(15,11,2,8)"),
        # There are centres on the circles of 5 pixels between the rings.
        ("annulus(15,11,2,5,8)", "annulus(15,11,2,8)"),
        ("annulus(15,11,8,2)", "annulus(15,11,2,8)"),
        ("ellipse(15,11,2,1,10,5,n=4)", "ellipse(15,11,2,1,10,5,0)"),
        ("ellipse(15,11,2,1,10,5,n=4,33)", "ellipse(15,11,2,1,10,5,33)"),
        ("ellipse(15,11,2,1,4,2,10,5)", "ellipse(15,11,2,1,10,5)"),
        ("box(15,11,4,2,16,8,N=2)", "box(15,11,4,2,16,8,0)"),
        ("box(15,11,4,2,8,4,16,8,33)", "box(15,11,4,2,16,8,33)"),
    ],
)
def test_rings_of_an_annulus_are_one_area(marked, rings, one):
    assert np.array_equal(marked(f"image\n{rings}"), marked(f"image\n{one}"))


@pytest.mark.parametrize(("start", "stop"), [(20, 110), (200, 380), (-50, 35), (300, 40), (0, 360)])
@pytest.mark.parametrize(
    ("panda", "annulus", "angle"),
    [
        ("panda(14.3,9.6,{},{},3,3,8,2)", "annulus(14.3,9.6,3,8)", 0),
        ("cpanda(14.3,9.6,{},{},1,0,8,1)", "circle(14.3,9.6,8)", 0),
        ("epanda(14.3,9.6,{},{},3,6,4,12,8,2)", "ellipse(14.3,9.6,6,4,12,8)", 0),
        ("bpanda(14.3,9.6,{},{},3,6,4,12,8,2,25)", "box(14.3,9.6,6,4,12,8,25)", 25),
    ],
)
def test_a_panda_is_a_wedge_of_an_annulus(marked, panda, annulus, angle, start, stop):
    x, y = ds9_grid()
    u, v = turned(x - 14.3, y - 9.6, angle)
    counted = (np.degrees(np.arctan2(v, u)) - start) % 360
    wedge = counted < ((stop - start) % 360 or 360)
    found = marked("image\n" + panda.format(start, stop))
    assert np.array_equal(found, wedge & marked(f"image\n{annulus}"))
    assert found.any()


def test_the_property_include_is_a_sign(marked):
    outer, inner = "circle(15,11,8.1)", "circle(17,12,3.1)"
    expected = marked(f"image\n{outer}\n-{inner}")
    for content in (
        f"image\n{outer}\n{inner} # include=0 color=red",
        f"image\n{outer}\n{inner} # text={{include=1}} include = no",
        f"global include=0\nimage\n+{outer}\n{inner}",
        f"global include=0\nimage\n{outer} # include=1\n{inner}",
    ):
        assert np.array_equal(marked(content), expected)
    assert np.array_equal(marked(f"image\n{outer} # text={{include=0}}"), marked(f"image\n{outer}"))


def test_points_of_old_files_have_no_area(marked):
    points = [f"{kind} point 5 5" for kind in ("circle", "box", "x", "diamond", "cross", "arrow")]
    found = marked("image\n" + "\n".join([*points, "circle(15,11,4)", "composite(1,1,0)"]))
    assert np.array_equal(found, marked("image\ncircle(15,11,4)"))


def test_a_ds9_polygon_is_that_of_geojson(marked):
    ring = [[2.25, 3.5], [28.1, 1.2], [20.7, 21.9], [12.3, 6.6], [4.4, 19.2]]
    # The first centre is at (1, 1) here and at (0.5, 0.5) there.
    numbers = ",".join(str(value + 0.5) for point in ring for value in point)
    assert np.array_equal(marked(f"image\npolygon({numbers})"), marked(polygon(ring)))


def test_excluded_regions_are_sky_wherever_they_come(marked):
    x, y = ds9_grid()
    outer, inner = np.hypot(x - 15, y - 11) < 8.1, np.hypot(x - 17, y - 12) < 3.1
    for content in (
        "image\ncircle(15,11,8.1)\n-circle(17,12,3.1)",
        "image\n-circle(17,12,3.1)\ncircle(15,11,8.1)",
        "image\n!circle(17,12,3.1)\n+circle(15,11,8.1)",
    ):
        assert np.array_equal(marked(content), outer & ~inner)


def test_where_all_regions_are_excluded_everything_else_is_marked(marked):
    for shapes in (["circle(15,11,5)"], ["circle(15,11,5)", "box(3,3,4,2)", "circle(500,5,3)"]):
        drawn = marked("image\n" + "\n".join(shapes))
        excluded = "".join(f"\n-{shape}" for shape in shapes)
        assert np.array_equal(marked("image" + excluded), ~drawn)


# The pixels that funtools 1.4.8, the region library of DS9, finds in each of them. Of a shape with
# corners, those at the right and at the top edge belong to it.
ON_EDGES = {
    "box(6,6,4,2)": (slice(6, 8), slice(5, 9)),
    "box(6,6,4,2,90)": (slice(5, 9), slice(6, 8)),
    "rotbox(6,6,4,2,180)": (slice(6, 8), slice(5, 9)),
    "box(6,6,4,2,-90)": (slice(5, 9), slice(6, 8)),
    "box(6.5,6.5,5,3,0)": (slice(6, 9), slice(5, 10)),
    "polygon(3,3,9,3,9,9,3,9)": (slice(4, 10), slice(4, 10)),
    "polygon(3,9,9,9,9,3,3,3)": (slice(4, 10), slice(4, 10)),
}
COUNTED_ON_EDGES = {
    "box(6,6,2,2,6,6,0)": 32,
    "annulus(6,6,2,4)": 36,
    "ellipse(6,6,4,2,90)": 21,
    "ellipse(6,6,2,1,4,2,0)": 18,
    "polygon(3,3,9,3,6,9)": 15,
    "polygon(3,9,9,9,6,3)": 21,
    "polygon(6,2,10,6,6,10,2,6)": 32,
    "panda(6,6,0,90,1,0,4,1)": 8,
    "panda(6,6,0,90,1,1,4,1)": 8,
    "panda(6,6,45,135,1,1,4,1)": 11,
    "panda(6,6,0,360,1,0,4,1)": 45,
    "panda(6,6,270,90,1,0,4,1)": 19,
    "epanda(6,6,0,90,1,2,1,4,2,1,0)": 3,
    "bpanda(6,6,0,90,1,2,2,8,4,1,0)": 7,
}


@pytest.mark.parametrize("shape", ON_EDGES)
def test_centres_on_edges_belong_where_ds9_puts_them(marked, shape):
    rows, columns = ON_EDGES[shape]  # as DS9 counts them
    x, y = ds9_grid()
    inside = (y >= rows.start) & (y < rows.stop) & (x >= columns.start) & (x < columns.stop)
    assert np.array_equal(marked(f"image\n{shape}"), inside)


@pytest.mark.parametrize("shape", COUNTED_ON_EDGES)
def test_as_many_centres_are_on_edges_as_ds9_finds(marked, shape):
    assert marked(f"image\n{shape}").sum() == COUNTED_ON_EDGES[shape]


DS9_FILE = """\
# Region file format: DS9 version 4.1
# Filename: /data/a;b.fits
global color=green dashlist=8 3 width=1 font="helvetica 10 normal roman" select=1 include=1
image
circle(15,11,4.5) # color=#ff0000 text={core; of #3} tag={a}
# text(3,4) text={a label}
point(3,3) # point=x
line(1,1,30,20) # line=0 0
# vector(1,1,20,45) vector=1
# composite(10,10,0) || composite=1
circle(5,18,2.5) || # color=red
circle(8,18,2.5)
-box(15.5,11.5,2,2,0) # text="; -circle"
"""


@pytest.mark.parametrize(
    "content",
    [
        DS9_FILE,
        DS9_FILE.replace("\n", "\r\n"),
        DS9_FILE.replace("\n", "\r"),
        b"\xef\xbb\xbf" + DS9_FILE.replace("\n", "\r\n").encode(),
        DS9_FILE.replace("label", "\xe9toile").encode("latin-1"),
        DS9_FILE.replace("image", "physical"),
        DS9_FILE.replace("image", "IMAGE").replace("circle", "Circle"),
        "image;circle(15,11,4.5);circle(5,18,2.5) # a\n;circle(8,18,2.5);-box(15.5,11.5,2,2,0)",
        "image\ncircle 15 11 4.5\n circle( 5i, 18i, 2.5i )\ncircle(8p 18p 2.5p)\n- box 15.5 11.5 "
        "2. 2 0.",
    ],
)
def test_files_as_programs_write_them(marked, content):
    x, y = ds9_grid()
    circles = [np.hypot(x - x0, y - y0) < r for x0, y0, r in [(15, 11, 4.5), (5, 18, 2.5)]]
    expected = circles[0] | circles[1] | (np.hypot(x - 8, y - 18) < 2.5)
    assert np.array_equal(marked(content), expected & ~block(10, 12, 14, 16))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ('fk5\ncircle(10:00:00,2:00:00,3")', "has 'fk5' in line 1: save it in image coordinates"),
        ("# a\nimage\ncircle(3,3,2)\nicrs;circle(1,2,3)", "'icrs' in line 4"),
        ("wcsa\ncircle(1,2,3)", "'wcsa' in line 1: save it in image"),
        ("galactic\ncircle(1,2,3)", "'galactic' in line 1: save it in image"),
        ("linear\ncircle(1,2,3)", "'linear' in line 1: save it in image"),
        ("image\npie(5,5,0,90)", r"'pie\(5,5,.* in line 2: .* no other shapes than circle"),
        ("image\npanda(5,5,0,90,1,2,4)", r"in line 2 \(7 numbers\)"),
        ("image\npanda(5,5,0,90,one,1,2,1)", "in line 2"),
        ("image\nepanda(5,5,0,90,1,2,2,4,1)", r"in line 2 \(8 numbers\)"),
        ("image\nannulus(5,5,4,4)", "in line 2 .*greater"),
        ("image\nannulus(5,5,4)", r"in line 2 \(3 numbers\)"),
        ("image\nannulus(5,5,3,4,n=0)", "in line 2"),
        ("image\ncircle(5,5,3,n=2)", "in line 2"),
        ("image\nellipse(5,5,0,0)", "in line 2 .*positive"),
        ("image\nannulus(5,5,-1,3)", "in line 2 .*positive"),
        ("image circle(1,2,3)", r"'image circle\(1,2,3\)' in line 1"),
        ("image\ncircle(1,2," + "x" * 10_000 + ")", r"line 2 \(.{80}\)"),
        ("image\nnonsense", "'nonsense' in line 2"),
        ("image\n@@@", "'@@@' in line 2"),
        ("image\ncircle(1,2)", r"circle that cannot be used in line 2 \(2 numbers\)"),
        ("image\ncircle(1,2,3,4)", r"in line 2 \(4 numbers\)"),
        ("image\nbox(1,2,3)", r"in line 2 \(2 numbers\)"),
        ("image\npolygon(1,2,3,4,5)", r"in line 2 \(5 numbers\)"),
        ("image\npolygon(1,2,3,4)", r"in line 2 \(4 numbers\)"),
        ("image\ncircle()", "in line 2"),
        ("image\ncircle(1,2,-3)", "in line 2 .*positive"),
        ("image\nellipse(5,5,0,3,0)", "in line 2 .*positive"),
        ('image\ncircle(1,2,3")', "in line 2"),
        ("image\ncircle(12:30:00,2,3)", "in line 2"),
        ("image\ncircle(nan,2,3)", "in line 2 .*finite"),
        ("image\ncircle(1,2,inf)", "in line 2 .*finite"),
        ("image\ncircle(1,2,1e400)", "in line 2 .*finite"),
        ("image\npolygon(1,2,1e300,5,3,3)", "in line 2 .*within 1e"),
        ("image\ncircle(1,2,3)&circle(4,5,6)", "in line 2"),
        ("", "marks nothing in an image of 31 x 23 pixels: draw the regions on the image"),
        ("# nothing\nimage\npoint(3,3)", "marks nothing"),
        ("image\n-circle(500,5,3)", "marks nothing"),
        ("image\ncircle(500,5,3)\n-circle(5,5,3)", "marks nothing"),
        (b"\xff\xfei\0m\0a\0g\0e\0", "in line 1"),
    ],
)
def test_ds9_files_that_cannot_be_used_are_refused_in_one_line(write, content, cause):
    path = write(content)
    with pytest.raises(InputError, match=cause) as e:
        open_regions(path, SHAPE)
    assert str(e.value).startswith(f"{path} ")
    assert len(str(e.value).splitlines()) == 1


def test_a_missing_package_is_told(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "regions", None)
    with pytest.raises(InputError, match=r"mask.reg .* needs the package regions: pip install"):
        open_regions(write("image\ncircle(5,5,3)"), SHAPE)
    open_regions(write(polygon(rectangle(1, 1, 5, 5))), SHAPE)


# GeoJSON


def test_geojson_begins_at_the_corner_of_the_first_pixel(marked):
    assert np.array_equal(marked(polygon(rectangle(0, 0, 3, 2))), block(0, 2, 0, 3))
    assert np.array_equal(marked(polygon(rectangle(0.51, 0.51, 3, 2))), block(1, 2, 1, 3))
    assert np.array_equal(marked(polygon(rectangle(0.49, 0.49, 3, 2))), block(0, 2, 0, 3))
    assert np.array_equal(marked(polygon(rectangle(30, 22, 31, 23))), block(22, 23, 30, 31))


def test_holes_are_sky(marked):
    content = polygon(rectangle(2, 3, 20, 18), rectangle(5, 6, 9, 9), rectangle(11, 10, 15, 12))
    expected = block(3, 18, 2, 20) & ~block(6, 9, 5, 9) & ~block(10, 12, 11, 15)
    assert np.array_equal(marked(content), expected)
    island = polygon(rectangle(6, 7, 8, 8))
    content = {"type": "GeometryCollection", "geometries": [content, island]}
    assert np.array_equal(marked(content), expected | block(7, 8, 6, 8))


def test_every_kind_of_geojson_with_an_area(marked):
    one, two = polygon(rectangle(1, 1, 6, 4)), polygon(rectangle(4, 2, 12, 20))
    both = {"type": "GeometryCollection", "geometries": [one, two]}
    many = {"type": "MultiPolygon", "coordinates": [one["coordinates"], two["coordinates"]]}
    features = [
        {"type": "Feature", "properties": {"name": "a"}, "geometry": one},
        {"type": "Feature", "properties": None, "geometry": two, "id": 3, "bbox": [1, 2, 3, 4]},
        {"type": "Feature", "properties": None, "geometry": None},
    ]
    expected = block(1, 4, 1, 6) | block(2, 20, 4, 12)
    for content in (
        both,
        many,
        {"type": "Feature", "geometry": many},
        {"type": "FeatureCollection", "features": features},
        features,
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": both}]},
        {"type": "GeometryCollection", "geometries": [both, one]},
    ):
        assert np.array_equal(marked(content), expected)


def test_geojson_of_windows_and_with_heights(marked, write):
    ring = [[x, y, 7.5] for x, y in rectangle(1, 1, 6, 4)]
    text = json.dumps(polygon(ring), indent=1)
    for encoded in (
        b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
        text.encode("utf-16"),
    ):
        path = write(encoded, "mask.json")
        weight = open_regions(path, SHAPE).planes()
        assert np.array_equal(weight[0] == 0, block(1, 4, 1, 6))


def test_rings_need_not_be_closed(marked):
    ring = [[2, 3], [17, 5], [9, 20]]
    left_open = {"type": "Polygon", "coordinates": [ring]}
    assert np.array_equal(marked(left_open), marked(polygon(ring)))


def deep(depth):
    inner = json.dumps(polygon(rectangle(1, 1, 6, 4)))
    return '{"type":"GeometryCollection","geometries":[' * depth + inner + "]}" * depth


def test_nesting_costs_no_stack(write):
    path = write(deep(300), "mask.json")
    assert np.array_equal(open_regions(path, SHAPE).planes()[0] == 0, block(1, 4, 1, 6))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("", "is no JSON"),
        ("image\ncircle(1,2,3)", "is no JSON"),
        (b"\xff\xff\xff", "is no JSON"),
        ("[" * 200_000, "is no JSON"),
        (deep(200_000), "is no JSON"),
        ("1" * 10_000, "is no JSON"),
        ("3", "is no GeoJSON: draw polygons"),
        ('{"a": 1}', "is no GeoJSON: draw polygons"),
        ('{"type": ["Polygon"]}', "which has no area: draw polygons"),
        ('{"type": "Point", "coordinates": [1, 2]}', "holds 'Point', which has no area"),
        ('{"type": "Feature", "geometry": {"type": "LineString"}}', "holds 'LineString'"),
        ('{"type": "Polygon"}', "is GeoJSON without 'coordinates'"),
        ('{"type": "Feature"}', "is GeoJSON without 'geometry'"),
        ('{"type": "FeatureCollection"}', "is GeoJSON without 'features'"),
        ('{"type": "FeatureCollection", "features": 3}', "is damaged GeoJSON"),
        ('{"type": "FeatureCollection", "features": "abc"}', "is no GeoJSON: draw polygons"),
        ('{"type": "Polygon", "coordinates": 3}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": []}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[]]}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[[1, 2], [3, 4]]]}', "three points or more"),
        ('{"type": "Polygon", "coordinates": [[[1], [3], [4]]]}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[1, 2, 3]]}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[["1", "2"]]]}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": [[[[1, 2], [3, 4]]]]}', "is damaged GeoJSON"),
        ('{"type": "Polygon", "coordinates": {"a": 1}}', "is damaged GeoJSON"),
        ('{"type": "FeatureCollection", "features": []}', "marks nothing"),
        (json.dumps(polygon(rectangle(31, 3, 40, 9))), "marks nothing in an image of 31 x 23"),
        (json.dumps(polygon(rectangle(-5, -5, 0, 0))), "marks nothing"),
        *(
            (f'{{"type": "Polygon", "coordinates": [[[1, 2], [{bad}, 3], [4, 9]]]}}', cause)
            for bad, cause in [
                ("NaN", "finite"),
                ("Infinity", "finite"),
                ("-1e999", "finite"),
                ("1e10", r"within 1e\+09"),
                ("1" + "0" * 400, "is damaged GeoJSON"),
                ("null", "is damaged GeoJSON"),
            ]
        ),
    ],
)
def test_geojson_that_cannot_be_used_is_refused_in_one_line(write, content, cause):
    path = write(content, "mask.json")
    with pytest.raises(InputError, match=cause) as e:
        open_regions(path, SHAPE)
    assert str(e.value).startswith(f"{path} ")
    assert len(str(e.value).splitlines()) == 1


# Files


def test_files_that_cannot_be_opened_are_refused(tmp_path, write, monkeypatch):
    for name, cause in [("gone.reg", "is not a file"), ("mask.txt", "end it in .reg")]:
        with pytest.raises(InputError, match=cause):
            open_regions(tmp_path / name, SHAPE)
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="is not a file"):
        open_regions(tmp_path / "folder.json", SHAPE)
    monkeypatch.setattr(regions_module, "LARGEST_FILE", 10)
    with pytest.raises(InputError, match="is larger than"):
        open_regions(write("image\ncircle(5,5,3)"), SHAPE)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.reg")
    with pytest.raises(InputError, match="is not a file"):
        open_regions(tmp_path / "pipe.reg", SHAPE)


# Rows and pixels

numbers = st.one_of(
    st.integers(-10, 50).map(lambda value: value / 2),
    st.floats(-5, 25, allow_nan=False),
)
rings = st.lists(st.tuples(numbers, numbers), min_size=3, max_size=9)


@settings(max_examples=60)
@example(shape=(5, 6), rings=[[(0.5, 0.5), (3.5, 0.5), (3.5, 2.5), (0.5, 2.5)]])
@example(shape=(9, 9), rings=[[(5.5, 1.5), (8.5, 4.5), (5.5, 7.5), (2.5, 4.5)]])
@given(
    shape=st.tuples(st.integers(1, 17), st.integers(1, 19)),
    rings=st.lists(rings, min_size=1, max_size=3),
)
def test_polygons_are_what_an_odd_number_of_edges_surrounds(shape, rings):
    expected, unsure = even_odd(rings, shape)
    area = Polygon([[(x - 0.5, y - 0.5) for x, y in ring] for ring in rings])
    found = area.inside(slice(0, shape[0]), slice(0, shape[1]))
    assert np.array_equal(found[~unsure], expected[~unsure])
    left, top, right, bottom = area.bounds
    y, x = np.nonzero(found)
    assert np.all((x >= left) & (x <= right) & (y >= top) & (y <= bottom))


@settings(max_examples=60)
@example([(0.0, 0.0), (0.0, 2.2e-309), (1.0, 0.0)], (0, 0), 1)
@given(rings, st.tuples(st.integers(0, 16), st.integers(0, 18)), st.integers(1, 9))
def test_any_part_of_a_polygon_is_that_part_of_the_whole(ring, corner, chunk):
    area = Polygon([ring])
    whole = area.inside(slice(0, 17), slice(0, 19))
    rows, columns = slice(corner[0], 17), slice(corner[1], 19)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(areas_module, "CHUNK_CROSSINGS", chunk)
        assert np.array_equal(area.inside(rows, columns), whole[rows, columns])
        each = [area.inside(slice(row, row + 1), slice(0, 19)) for row in range(17)]
    assert np.array_equal(np.concatenate(each), whole)


def test_polygons_that_share_edges_share_no_pixel(rng):
    x = np.cumsum(rng.integers(1, 4, (9, 9)), axis=1) / 2.0
    y = np.cumsum(rng.integers(1, 4, (9, 9)), axis=0) / 2.0
    # The fan of triangles around one point covers each pixel of its hull once.
    points = np.stack([x, y], axis=2).reshape(-1, 2)
    angles = np.argsort(np.arctan2(*(points - [9.25, 8.75]).T))
    hub, counts = (9.25, 8.75), np.zeros((20, 24), int)
    around = points[angles]
    for one, other in zip(around, np.roll(around, -1, axis=0), strict=True):
        counts += Polygon([[hub, one, other]]).inside(slice(0, 20), slice(0, 24))
    assert counts.max() == 1
    assert np.array_equal(counts, Polygon([around]).inside(slice(0, 20), slice(0, 24)))


MIXED = "image\ncircle(15,11,8.1)\n-ellipse(17,12,6.1,2.2,30)\nbox(25,5,20,3,44)\n" + (
    "polygon(2,2,29,20,3,22,20,1)\nannulus(6,17,3.3,7.7)\n-circle(1,1,3)"
)


@pytest.mark.parametrize("pixels", [1, 5 * 31, 1 << 18])
def test_bands_and_threads_do_not_show(write, monkeypatch, pixels):
    image = open_regions(write(MIXED), SHAPE)
    whole = image.planes()
    assert 0.1 < whole.mean() < 0.9
    monkeypatch.setattr(bands, "BAND_PIXELS", pixels)
    assert np.array_equal(image.planes(), whole)
    room = np.full((1, 23, 31), np.nan, np.float32)
    for top in range(23):
        for count in (1, 4):
            rows = slice(top, min(23, top + count))
            band = image.read(rows, room)
            assert np.shares_memory(band, room)
            assert np.array_equal(band, whole[:, rows])
    parts = [slice(top, min(23, top + 3)) for top in range(0, 23, 3)] * 20
    with ThreadPoolExecutor(5) as pool:
        for rows, band in zip(parts, pool.map(image.rows, parts), strict=True):
            assert np.array_equal(band, whole[:, rows])


@pytest.mark.parametrize("shape", [(1, 1), (1, 31), (23, 1), (7, 5)])
def test_an_image_is_the_corner_of_a_larger_one(write, shape):
    whole = open_regions(write(MIXED), (40, 40)).planes()
    path = write(MIXED + "\ncircle(1,1,0.5)")
    found = open_regions(path, shape).planes()
    assert np.array_equal(found, whole[:, : shape[0], : shape[1]])


def test_only_rows_and_columns_near_a_region_are_looked_at(write, monkeypatch):
    looked = []
    inside = Polygon.inside

    def watched(self, rows, columns):
        looked.append((rows, columns))
        return inside(self, rows, columns)

    monkeypatch.setattr(Polygon, "inside", watched)
    image = open_regions(write(polygon(rectangle(1000, 2000, 1010, 2007))), (4000, 6000))
    for top in range(0, 4000, 500):
        image.rows(slice(top, top + 500))
    assert looked == [(slice(2000, 2007), slice(1000, 1010))]


def test_huge_coordinates_mark_what_they_surround(marked):
    assert np.array_equal(marked(polygon(rectangle(-9e8, 4, 9e8, 9e8))), block(4, 23, 0, 31))


def test_a_million_vertices(marked):
    angle = np.linspace(0, 2 * np.pi, 1 << 20, endpoint=False)
    ring = np.stack([11.3 + 8.7 * np.cos(angle), 9.9 + 7.1 * np.sin(angle)], axis=1)
    x, y = np.meshgrid(np.arange(31), np.arange(23))
    found = Polygon([ring]).inside(slice(0, 23), slice(0, 31))
    assert np.array_equal(found, ((x - 11.3) / 8.7) ** 2 + ((y - 9.9) / 7.1) ** 2 < 1)


@pytest.mark.parametrize("large", [True, False])
def test_files_that_would_take_for_ever_are_refused(write, large):
    geometry = polygon(rectangle(0, 0, 50_000, 50_000) if large else rectangle(0, 0, 1, 1))
    content = {"type": "GeometryCollection", "geometries": [geometry] * (2 if large else 9)}
    with pytest.MonkeyPatch.context() as patch:
        if not large:
            patch.setattr(regions_module, "AREA_WORK", regions_module.MOST_WORK // 8)
        with pytest.raises(InputError, match="too many large regions: draw simpler ones"):
            open_regions(write(content), (50_000, 50_000))
