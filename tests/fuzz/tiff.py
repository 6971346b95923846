"""TIFF files."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile

from fastbg.io import tiff

from .harness import use

SUFFIX = ".tif"

_CODES = (256, 257, 258, 259, 262, 273, 277, 278, 279, 284, 317, 322, 324, 330, 338, 339, 34675)

TOKENS = (
    *(b"II*\0", b"MM\0*", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"),
    *(code.to_bytes(2, order) for code in _CODES for order in ("little", "big")),
    *(b"\xff\xff\xff\xff", b"\0\0\0\x80", b"\x01\0\0\0", b"\xff\xff\xff\xff\xff\xff\xff\x7f"),
    *(kind.to_bytes(2, "little") for kind in (1, 2, 3, 4, 5, 12, 16, 32773, 32946, 50000)),
)


def seeds() -> Iterator[bytes]:
    samples = np.linspace(0.1, 0.9, 72, dtype=np.float32)
    grey, counts = samples.reshape(8, 9), (samples.reshape(6, 4, 3) * 255).astype(np.uint8)
    for data, options in (
        (grey, {}),
        (grey, {"byteorder": ">", "bigtiff": True}),
        (counts, {"photometric": "rgb", "compression": "zlib", "predictor": True}),
        (counts, {"photometric": "rgb", "compression": "lzw"}),
        (counts, {"photometric": "rgb", "compression": "packbits"}),
        (counts, {"photometric": "rgb", "compression": "zstd"}),
        (counts, {"photometric": "rgb", "extratags": [(34675, 7, 8, b"aprofile", True)]}),
        (np.moveaxis(counts, 2, 0), {"photometric": "rgb", "planarconfig": "separate"}),
        (np.pad(grey, 8), {"tile": (16, 16)}),
        (
            np.dstack([counts, counts[..., :1]]),
            {"photometric": "rgb", "extrasamples": ["unassalpha"]},
        ),
    ):
        how = {name: options.pop(name) for name in ("byteorder", "bigtiff") if name in options}
        file = BytesIO()
        with tifffile.TiffWriter(file, **how) as writer:
            writer.write(data, metadata=None, description="a seed", **options)
        yield file.getvalue()


def content(data: bytes) -> bytes:
    return data


def read(path: Path) -> None:
    use(tiff.open_image(path), path)
