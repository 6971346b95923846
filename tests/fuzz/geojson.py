"""Masks that are GeoJSON files."""

from __future__ import annotations

from collections.abc import Iterator

from .ds9 import content as content
from .ds9 import read as read

SUFFIX = ".geojson"

TOKENS = (
    b'{"type":',
    b'"Polygon"',
    b'"MultiPolygon"',
    b'"Feature"',
    b'"FeatureCollection"',
    b"[",
    b'"coordinates":',
    b'"geometry":',
    b'"features":',
    b'"geometries":',
    b"null",
    b"[[[",
    b"]]]",
    b"NaN",
    b"Infinity",
    b"1e999",
    b"-0",
    b"{",
    b"}",
    b"[0,0],",
    b'"GeometryCollection"',
    b"[" * 999,
)


def seeds() -> Iterator[bytes]:
    ring = b"[[2,2],[9,2],[9,9],[2,9],[2,2]]"
    polygon = b'{"type":"Polygon","coordinates":[%s,[[3,3],[4,3],[4,4],[3,3]]]}' % ring
    yield polygon
    yield b'{"type":"MultiPolygon","coordinates":[[%s]]}' % ring
    feature = b'{"type":"Feature","properties":{},"geometry":%s}' % polygon
    yield b'{"type":"FeatureCollection","features":[%s,%s]}' % (feature, feature)
    yield b'[{"type":"GeometryCollection","geometries":[%s]}]' % polygon
