"""The astrometric solutions of PixInsight, against the formulas of its projections."""

from __future__ import annotations

import re

import numpy as np
import pytest
from coordinates import CENTRE, PCL, SPLINE, coordinates, header, keywords, property_of

from fastbg.coordinates import pixinsight
from fastbg.coordinates.system import Coordinates
from fastbg.errors import InputError
from fastbg.io import formats, xisf
from fastbg.io.orientation import Turn
from fastbg.jobs.coordinates import coordinates_of

SHAPE = 300, 400
MATRIX = np.array([[-5e-4, 1.5e-4], [-1.2e-4, -5.5e-4]])
REFERENCE = np.array([190.0, 160.0])


def plane_of(points):
    """The plane of the projection, in degrees, by points as PixInsight counts them."""
    away = points - REFERENCE
    radius = (away**2).sum(axis=-1, keepdims=True) / 200**2
    return away @ MATRIX.T * (1 + 0.01 * radius) + 1e-4 * (away / 200) ** 2


def sky_of(points):
    """The gnomonic projection, as Snyder 1987 (page 167) inverts it."""
    x, y = np.radians(plane_of(points)).T
    ra, dec = np.radians(CENTRE)
    rho = np.hypot(x, y)
    c = np.arctan(rho)
    sine = np.cos(c) * np.sin(dec) + y * np.sin(c) * np.cos(dec) / rho
    east = np.arctan2(x * np.sin(c), rho * np.cos(dec) * np.cos(c) - y * np.sin(dec) * np.sin(c))
    return np.degrees(ra + east), np.degrees(np.arcsin(sine))


def solution(kind):
    """The properties of the solution with that distortion."""
    told = {
        f"{PCL}ProjectionSystem": "Gnomonic",
        f"{PCL}ReferenceCelestialCoordinates": np.array(CENTRE),
        f"{PCL}ReferenceImageCoordinates": REFERENCE,
        f"{PCL}LinearTransformationMatrix": MATRIX,
        f"{PCL}ReferenceNativeCoordinates": np.array([0.0, 90.0]),
        f"{PCL}CelestialPoleNativeCoordinates": np.array([180.0, 90.0]),
    }
    x, y = np.meshgrid(np.linspace(0, 400, 21), np.linspace(0, 300, 16))
    image = np.stack([x.ravel(), y.ravel()], axis=1)
    world = plane_of(image)
    if kind == "control points":
        told[f"{SPLINE}ControlPoints:Image"] = image.ravel()
        told[f"{SPLINE}ControlPoints:World"] = world.ravel()
    elif kind == "text":
        lines = [";".join(map(repr, map(float, row))) for row in np.hstack([image, world])]
        text = "\n".join(["VERSION:1.2", "TYPE:SurfaceSpline", "ORDER:2", "CONTROLPOINTS:[",
                          *lines, "]"])  # fmt: skip
        told[SPLINE.removesuffix(":")] = text.encode()
    elif kind == "tables":
        told |= table("ImageToNative", (0, 0, 400, 300), 8.0, plane_of)
        low, high = world.min(axis=0), world.max(axis=0)
        told |= table("NativeToImage", (*low, *high), 0.004, points_of)
    return told


def points_of(plane):
    """The inverse of `plane_of`, step by step."""
    points = REFERENCE + plane @ np.linalg.inv(MATRIX).T
    for _ in range(60):
        points = points + (plane - plane_of(points)) @ np.linalg.inv(MATRIX).T
    return points


def table(way, rect, delta, function):
    at = f"{SPLINE}PointGridInterpolation:{way}:"
    columns, rows = (1 + int(np.ceil((b - a) / delta)) for a, b in (rect[::2], rect[1::2]))
    x, y = np.meshgrid(rect[0] + delta * np.arange(columns), rect[1] + delta * np.arange(rows))
    values = function(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(rows, columns, 2)
    return {at + "Rect": np.array(rect), at + "Delta": delta,
            at + "GridX": values[..., 0], at + "GridY": values[..., 1]}  # fmt: skip


@pytest.mark.parametrize("kind", ["control points", "text", "tables"])
def test_a_solution_with_distortions(kind):
    """Within 0.02 pixels of the truth in both directions."""
    found = Coordinates(pixinsight.system_of(solution(kind)), SHAPE)
    found.check()
    y, x = (each.ravel() for each in np.mgrid[0:300:7.0, 0:400:9.0])
    ra, dec = sky_of(np.stack([x, y], axis=1) + 0.5)
    back = np.array(found.to_pixel(ra, dec))
    np.testing.assert_allclose(back, [y, x], atol=0.02)
    ours = np.array(found.to_sky(y, x))
    np.testing.assert_allclose(ours, [ra, dec], atol=0.02 * 5e-4 / np.cos(np.radians(CENTRE[1])))
    # Far outside, where no point is, the solution goes on without leaps.
    line = np.array(found.to_sky(np.full(50, 150.0), np.linspace(-800, 1200, 50)))
    assert np.abs(np.diff(line, n=2)).max() < 0.1 * np.abs(np.diff(line)).max()


@pytest.mark.parametrize("mirror", [False, True])
def test_a_linear_solution_is_that_of_the_keywords(mirror):
    """Keywords count from the middle of the first pixel as 1, and PixInsight from its corner."""
    told = header(SHAPE, 3.0, 25.0, mirror=mirror)
    matrix = np.array([[told["CD1_1"], told["CD1_2"]], [told["CD2_1"], told["CD2_2"]]])
    properties = solution("linear") | {
        f"{PCL}LinearTransformationMatrix": matrix,
        f"{PCL}ReferenceImageCoordinates": np.array([told["CRPIX1"], told["CRPIX2"]]) - 0.5,
    }
    found = Coordinates(pixinsight.system_of(properties), SHAPE)
    expected = coordinates(SHAPE, 3.0, 25.0, mirror=mirror)
    y, x = np.mgrid[0:300:50.0, 0:400:50.0]
    np.testing.assert_allclose(found.to_sky(y, x), expected.to_sky(y, x), atol=1e-9)
    np.testing.assert_allclose(found.pixel_scale, 3.0, rtol=1e-4)


def save(path, properties, shape=SHAPE, **attributes):
    """An XISF file with these properties and attributes of its image."""
    new = xisf.XisfHeader()
    image = new.root.find("Image")
    image.attrib |= attributes
    image.extend(xisf.header.ET.fromstring(property_of(*each)) for each in properties.items())
    xisf.write(path, np.full((*shape, 1), 0.5, np.float32), header=new)
    return path


@pytest.mark.parametrize("orientation", ["0", "flip", "180", "180;flip"])
@pytest.mark.parametrize("kind", ["linear", "tables", "text"])
def test_the_solution_of_a_file(tmp_path, kind, orientation):
    """It counts pixels as they are stored, and fastbg reads them upright."""
    path = save(tmp_path / "a.xisf", solution(kind), orientation=orientation)
    expected = Coordinates(pixinsight.system_of(solution(kind)), SHAPE)
    with formats.open_image(path) as stored:
        turn = Turn.of(stored.orientation)
        found = coordinates_of(stored.turned(turn))
        small = coordinates_of(stored.turned(turn), "RGGB")
    y, x = np.array([3.0, 200]), np.array([10.0, 300])
    rows, columns = (299 - y if turn.rows else y), (399 - x if turn.columns else x)
    np.testing.assert_allclose(found.to_sky(rows, columns), expected.to_sky(y, x), atol=1e-10)
    # A superpixel lies in the middle of its four.
    rows, columns = (rows - 0.5) / 2, (columns - 0.5) / 2
    np.testing.assert_allclose(small.to_sky(rows, columns), expected.to_sky(y, x), atol=1e-10)
    np.testing.assert_allclose(small.pixel_scale, 2 * found.pixel_scale, rtol=1e-3)


BROKEN = {
    "projection": ({f"{PCL}ProjectionSystem": "Origami"}, "Origami"),
    "matrix": ({f"{PCL}LinearTransformationMatrix": np.zeros((2, 2))}, "Singular"),
    "size": ({f"{PCL}LinearTransformationMatrix": np.zeros((3, 2))}, "reshape"),
    "not finite": ({f"{PCL}ReferenceImageCoordinates": np.array([np.nan, 1])}, "back"),
    "points": ({f"{SPLINE}ControlPoints:Image": np.arange(4.0),
                f"{SPLINE}ControlPoints:World": np.arange(6.0)}, "control points"),
    "text": ({SPLINE.removesuffix(":"): b"VERSION:9"}, "."),
    "table": ({**table("ImageToNative", (0, 0, 40, 30), 8.0, plane_of),
               **table("NativeToImage", (0, 0, 0.1, 0.1), 0.01, points_of),
               f"{SPLINE}PointGridInterpolation:ImageToNative:GridX": np.ones((2, 9))}, "."),
}  # fmt: skip


@pytest.mark.parametrize("change", BROKEN)
def test_a_broken_solution_is_told_in_one_line(tmp_path, change):
    told, word = BROKEN[change]
    path = save(tmp_path / "a.xisf", solution("linear") | told)
    with formats.open_image(path) as file, pytest.raises(InputError, match=word) as raised:
        coordinates_of(file)
    assert str(raised.value).startswith(str(path))
    assert "solve it again" in str(raised.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [("length", "3"), ("length", "two"), ("length", "-2"), ("location", None), ("location", "far"),
     ("compression", "zlib:16"), ("checksum", "sha1:" + 40 * "0"), ("type", "F64Matrix")],
)  # fmt: skip
def test_a_damaged_property_is_told_in_one_line(tmp_path, name, value):
    path = save(tmp_path / "a.xisf", solution("linear"))
    with formats.open_image(path) as file:
        element = file.header.root.findall("Image/Property")[1]
        element.set(name, value) if value else element.attrib.pop(name)
        with pytest.raises(InputError, match=r"a\.xisf has ") as raised:
            coordinates_of(file)
    assert re.search("(save|copy or download) (it again|everything)", str(raised.value))
    assert "\n" not in str(raised.value)


def test_a_part_of_a_solution_is_none(tmp_path):
    part = dict([*solution("linear").items()][:2])
    with formats.open_image(save(tmp_path / "a.xisf", part)) as file:
        assert coordinates_of(file) is None


def test_properties_come_before_keywords_and_survive_compression(tmp_path):
    """The keywords that PixInsight writes beside them are an approximation."""
    path = save(tmp_path / "a.xisf", solution("tables"))
    with formats.open_image(path) as file:
        image = file.header.root.find("Image")
        for name, text, _ in keywords(header(SHAPE)):
            item = {"name": name, "value": text, "comment": ""}
            xisf.header.ET.SubElement(image, "FITSKeyword", item)
        for element in image.findall("Property"):
            if "GridX" in element.get("id"):
                import base64
                import zlib

                raw = base64.b64decode(element.text)
                element.text = base64.b64encode(zlib.compress(raw)).decode()
                element.set("compression", f"zlib:{len(raw)}")
        found = coordinates_of(file)
    expected = Coordinates(pixinsight.system_of(solution("tables")), SHAPE)
    np.testing.assert_array_equal(found.to_sky(3.0, 5.0), expected.to_sky(3.0, 5.0))
