"""Polygons of GeoJSON files (RFC 7946), in pixels: x = column, y = row, from the top left corner.

(0, 0) is the corner of the first pixel and (0.5, 0.5) its centre, as in QuPath.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ...errors import InputError
from .areas import Area, Polygon


def read(data: bytes) -> Iterator[tuple[Area, bool]]:
    """The polygons of a file, none of which is taken out of the others.

    Parameters
    ----------
    data : bytes
        A geometry, Feature, FeatureCollection or GeometryCollection, or a list of them, as QuPath
        writes. Properties do not count.

    Yields
    ------
    (Area, False)

    Raises
    ------
    InputError
        If it is no GeoJSON, or has geometries without an area.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InputError(f"is no JSON ({error}): export the polygons again") from error
    try:
        for polygon in _polygons(document):
            rings = [[[x - 0.5, y - 0.5] for x, y, *_ in ring] for ring in polygon]
            yield Polygon(rings), False
    except KeyError as error:
        raise InputError(f"is GeoJSON without {error}: export the polygons again") from error
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"is damaged GeoJSON ({error}): export the polygons again") from error


def _polygons(document: Any) -> Iterator[list[list[list[Any]]]]:
    """Rings of positions (x, y, maybe more)."""
    # A list instead of a recursion: files may nest as deep as they like.
    waiting = list(document) if isinstance(document, list) else [document]
    while waiting:
        item = waiting.pop()
        kind = item.get("type") if isinstance(item, dict) else None
        if kind == "Polygon":
            yield item["coordinates"]
        elif kind == "MultiPolygon":
            yield from item["coordinates"]
        elif kind == "Feature":
            # Features without a place have null.
            waiting += filter(None, [item["geometry"]])
        elif kind in ("FeatureCollection", "GeometryCollection"):
            waiting += item["features" if kind == "FeatureCollection" else "geometries"]
        else:
            what = f"holds {str(kind)[:40]!r}, which has no area" if kind else "is no GeoJSON"
            raise InputError(f"{what}: draw polygons")
