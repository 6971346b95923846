"""A simulated linear deep-sky stack whose sky background is known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import SettingsError
from .words import brief

BAND_ROWS = 128
"""The number of rows that are finished at a time: it bounds temporary copies."""

ELECTRONS = 60_000.0
"""Photo-electrons behind a linear value of 1, so that the photon noise of v is sqrt(v / it)."""

READ_NOISE = 4e-4
FLOOR = 1e-5
"""The smallest sample, which is far above a missing one."""

SKY_LEVEL = np.array([0.0600, 0.0585, 0.0575])
CITY_GLOW = np.array([0.0330, 0.0250, 0.0170])
MOON_GLOW = np.array([0.0035, 0.0050, 0.0070])
VIGNETTING = 0.025
"""Light lost in the corners after an imperfect flat field."""

EMISSION = np.array([0.026, 0.004, 0.007])
REFLECTION = np.array([0.012, 0.020, 0.036])

PIXELS_PER_STAR = 350
FAINTEST_PEAK, BRIGHTEST_PEAK = 0.0015, 30.0
STAR_COUNT_SLOPE = 0.9
"""The number of stars brighter than F falls as F to minus this."""

NOT_VISIBLE = 2e-4
"""A star's stamp ends where its light falls below this: a fifth of the noise."""

WAVELENGTHS = np.array([620.0, 540.0, 460.0])
"""The wavelengths of the red, green and blue filters, in nm."""


@dataclass(frozen=True, eq=False)
class SimulatedSky:
    """A simulated image and the background in it.

    Attributes
    ----------
    image : ndarray, (H, W, K), float32, linear, in [0, 1]
        Background, nebula, stars and noise; stars saturate at 1, missing samples are 0.
    background : ndarray, (H, W, K), float32, linear
        The smooth, noiseless sky alone, also where the image is missing.
    """

    image: np.ndarray
    background: np.ndarray

    __repr__ = brief


def simulate_sky(
    shape: tuple[int, int],
    rng: np.random.Generator,
    channels: int = 3,
    *,
    border: float = 0.0,
) -> SimulatedSky:
    """Simulate a registered and averaged stack of a nebula under a light-polluted sky.

    City glow rises to one side of the frame, moonlight of another colour to a second one, and
    both lie on a sky level of about 0.06; between them they make a gradient of almost 40 % of it
    in red, 30 % in green and 20 % in blue. The same generator state gives the same image.
    4000 x 6000 x 3 takes about 4 s and 0.7 GB.

    Parameters
    ----------
    shape : (H, W)
        The shape in pixels.
    rng : numpy.random.Generator
    channels : {1, 3}
        Mono or RGB.
    border : float, in [0, 0.5)
        Greatest width of a ragged border of missing samples, as registration leaves it, as a
        fraction of the frame.

    Raises
    ------
    SettingsError
        For an impossible shape, channel count or border.
    """
    if min(shape) < 1 or channels not in (1, 3) or not 0 <= border < 0.5:
        raise SettingsError(
            f"no sky of shape {shape} with {channels} channels and a border of {border:g}: give a "
            "positive size, 1 or 3 channels and a border of at least 0 and below 0.5"
        )
    background = _background(shape, rng, channels)
    image = np.zeros((channels, *shape), np.float32)
    brightest = add_stars(image, rng)
    nebula = _nebula(shape, brightest, rng, channels)
    for top in range(0, shape[0], BAND_ROWS):
        rows = slice(top, min(top + BAND_ROWS, shape[0]))
        band = image[:, rows]
        band += background[:, rows]
        band += enlarged_rows(nebula, shape, rows)
        noise = np.sqrt(band / np.float32(ELECTRONS) + np.float32(READ_NOISE**2))
        noise *= rng.standard_normal(band.shape, np.float32)
        band += noise
        np.clip(band, FLOOR, 1, out=band)
    if border:
        image[:, ragged_border(shape, border, rng)] = 0
    return SimulatedSky(np.moveaxis(image, 0, 2), np.moveaxis(background, 0, 2))


def _colours(rgb: np.ndarray, channels: int) -> np.ndarray:
    """The last axis as (R, G, B), or as their mean for a mono image."""
    return rgb if channels == 3 else rgb.mean(axis=-1, keepdims=True)


def _background(shape: tuple[int, int], rng: np.random.Generator, channels: int) -> np.ndarray:
    """(K, H, W) float32: sky level, city glow and moonlight, seen through a vignetted telescope."""
    height, width = shape
    longest = max(shape)
    y = ((np.arange(height, dtype=np.float32) + 0.5 - height / 2) / longest)[:, np.newaxis]
    x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2) / longest
    bearing = rng.uniform(0, 2 * np.pi)
    city_y, city_x = np.float32(np.sin(bearing)), np.float32(np.cos(bearing))
    nearest = (abs(city_y) * height + abs(city_x) * width) / (2 * longest)
    moon_bearing = bearing + rng.uniform(0.5, 0.8) * np.pi
    moon_y, moon_x = np.float32(0.6 * np.sin(moon_bearing)), np.float32(0.6 * np.cos(moon_bearing))
    corner = np.float32((height**2 + width**2) / (2 * longest) ** 2)

    background = np.empty((channels, height, width), np.float32)
    levels = [_colours(c, channels) for c in (SKY_LEVEL, CITY_GLOW, MOON_GLOW)]
    for top in range(0, height, BAND_ROWS):
        rows = slice(top, top + BAND_ROWS)
        v = y[rows]
        along = v * city_y + x * city_x - np.float32(nearest)
        across = x * city_y - v * city_x
        city = np.exp(np.float32(2.2) * along - across**2)
        moon = np.exp(((v - moon_y) ** 2 + (x - moon_x) ** 2) / np.float32(-0.5))
        vignetting = 1 - (v**2 + x**2) * (np.float32(VIGNETTING) / corner)
        for plane, *level in zip(background, *levels, strict=True):
            sky, glow, moonlight = map(np.float32, level)
            plane[rows] = (sky + glow * city + moonlight * moon) * vignetting
    return background


def fractal_noise(shape: tuple[int, int], slope: float, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise whose amplitude falls as frequency ** -slope; mean 0, deviation 1."""
    spectrum = np.fft.rfft2(rng.standard_normal(shape))
    fy = np.fft.fftfreq(shape[0])[:, np.newaxis] * shape[0]
    fx = np.fft.rfftfreq(shape[1]) * shape[1]
    # The unit is cycles per longest side, so that clouds are as wide as they are high.
    frequency = max(shape) * np.hypot(fy / shape[0], fx / shape[1])
    frequency[0, 0] = np.inf
    noise = np.fft.irfft2(spectrum * frequency**-slope, shape)
    return noise / max(noise.std(), 1e-12)


def _nebula(
    shape: tuple[int, int],
    star: tuple[float, float],
    rng: np.random.Generator,
    channels: int,
) -> np.ndarray:
    """(K, h, w) float32 at up to 1024 pixels: red emission, blue reflection around a star, dust."""
    reduction = max(1.0, max(shape) / 1024)
    height, width = (max(1, round(n / reduction)) for n in shape)
    y, x = np.arange(height)[:, np.newaxis] + 0.5, np.arange(width) + 0.5
    radius = 0.21 * np.sqrt(height * width)
    clouds, veil, dust, outline = (
        fractal_noise((height, width), s, rng) for s in (1.7, 1.5, 1.6, 2.2)
    )
    filaments = 1.2 - np.minimum(np.abs(veil), 1.2)
    transmission = np.exp(-1.6 * np.maximum(dust + 0.2, 0))

    def distance(centre: tuple[float, float]) -> np.ndarray:
        from_centre = np.hypot(y - centre[0] * height, x - centre[1] * width)
        return from_centre / radius * np.exp(0.25 * outline)

    middle = rng.uniform(0.38, 0.62, 2)
    emission = np.exp(-(distance((middle[0], middle[1])) ** 3))
    emission *= np.exp(0.7 * clouds) * (0.25 + filaments) * transmission
    reflection = np.exp(-4 * distance(star)) * np.exp(0.5 * veil) * np.sqrt(transmission)
    light = np.stack([emission, reflection], axis=-1) @ np.stack([EMISSION, REFLECTION])
    return np.ascontiguousarray(np.moveaxis(_colours(light, channels), 2, 0), np.float32)


def enlarged_rows(small: np.ndarray, shape: tuple[int, int], rows: slice) -> np.ndarray:
    """Some rows of (K, h, w) enlarged to (K, H, W) by bilinear interpolation, float32."""

    def neighbours(size: int, full: int, wanted: np.ndarray) -> tuple[np.ndarray, ...]:
        position = np.clip((wanted + 0.5) * (size / full) - 0.5, 0, size - 1)
        below = position.astype(np.intp)
        return below, np.minimum(below + 1, size - 1), (position - below).astype(np.float32)

    below, above, part = neighbours(small.shape[1], shape[0], np.arange(rows.start, rows.stop))
    part = part[:, np.newaxis]
    band = small[:, below] * (1 - part) + small[:, above] * part
    below, above, part = neighbours(small.shape[2], shape[1], np.arange(shape[1]))
    return band[:, :, below] * (1 - part) + band[:, :, above] * part


def _star_profile(r: np.ndarray, fwhm: float) -> np.ndarray:
    """Light at r pixels from a star of peak 1: a Moffat core and the halo that optics scatter."""
    core = np.float32(2 * np.sqrt(2 ** (1 / 3) - 1) / fwhm)  # 1 / the Moffat radius for beta = 3
    q = (r * core) ** 2
    return 0.998 * (1 + q) ** -3 + 0.002 * (1 + q / 30) ** -1.5


def _star_colours(temperature: np.ndarray) -> np.ndarray:
    """(n, 3): Planck's law through the three filters, of mean 1, with the Sun's colour white."""
    exponent = 1.4388e7 / (WAVELENGTHS * np.append(temperature, 5800.0)[:, np.newaxis])
    light = 1 / np.expm1(exponent)
    light = light[:-1] / light[-1]
    return light / light.mean(axis=1, keepdims=True)


@dataclass(frozen=True, eq=False)
class Stars:
    """Stars before they are drawn.

    Attributes
    ----------
    y, x : ndarray, (n,)
        Where they are, in pixels; the first pixel reaches from 0 to 1.
    peak : ndarray, (n,), linear
        The brightest light of each, the mean of the channels.
    colour : ndarray, (n, K)
        Of mean 1.
    """

    y: np.ndarray
    x: np.ndarray
    peak: np.ndarray
    colour: np.ndarray

    __repr__ = brief


def random_stars(shape: tuple[int, int], channels: int, rng: np.random.Generator) -> Stars:
    """Stars of power-law brightness and black-body colour in a frame, (H, W)."""
    height, width = shape
    count = max(1, height * width // PIXELS_PER_STAR)
    y, x = rng.uniform(0, height, count), rng.uniform(0, width, count)
    peak = FAINTEST_PEAK * (1 - rng.uniform(size=count)) ** (-1 / STAR_COUNT_SLOPE)
    temperature = np.clip(rng.lognormal(np.log(5800), 0.35, count), 2800, 20000)
    colour = _colours(_star_colours(temperature), channels)
    return Stars(y, x, np.minimum(peak, BRIGHTEST_PEAK), colour)


def add_stars(planes: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Add `random_stars` to (K, H, W), in place.

    Returns the normalised (y, x) of the brightest.
    """
    channels, height, width = planes.shape
    stars = random_stars((height, width), channels, rng)
    draw_stars(planes, stars, usual_fwhm((height, width)))
    brightest = stars.peak.argmax()
    return stars.y[brightest] / height, stars.x[brightest] / width


def usual_fwhm(shape: tuple[int, int]) -> float:
    """The full width at half maximum of stars in a frame, (H, W), in pixels."""
    return 2.2 + max(shape) / 4000


def draw_stars(planes: np.ndarray, stars: Stars, fwhm: float) -> None:
    """Add stars of a full width at half maximum, in pixels, to (K, H, W), in place.

    They may lie outside of the frame.
    """
    height, width = planes.shape[1:]
    radii = np.arange(1, 200)
    fades = np.interp(NOT_VISIBLE / stars.peak, _star_profile(radii, fwhm)[::-1], radii[::-1])
    half = np.ceil(2 ** (np.ceil(2 * np.log2(fades)) / 2)).astype(np.intp)
    for size in np.unique(half):
        chosen = np.flatnonzero(half == size)
        step = max(1, 1_000_000 // (2 * size + 1) ** 2)
        for start in range(0, chosen.size, step):
            some = chosen[start : start + step]
            grid = np.arange(-size, size + 1)
            rows = np.floor(stars.y[some]).astype(np.intp)[:, np.newaxis] + grid
            columns = np.floor(stars.x[some]).astype(np.intp)[:, np.newaxis] + grid
            dy = (rows + 0.5 - stars.y[some, np.newaxis]).astype(np.float32)[:, :, np.newaxis]
            dx = (columns + 0.5 - stars.x[some, np.newaxis]).astype(np.float32)[:, np.newaxis]
            light = _star_profile(np.hypot(dy, dx), fwhm)
            light *= stars.peak[some, np.newaxis, np.newaxis].astype(np.float32)
            inside = ((rows >= 0) & (rows < height))[:, :, np.newaxis]
            inside = inside & ((columns >= 0) & (columns < width))[:, np.newaxis]
            where = (rows[:, :, np.newaxis] * width + columns[:, np.newaxis])[inside]
            for plane, tint in zip(planes, stars.colour[some].T.astype(np.float32), strict=True):
                tinted = light * tint[:, np.newaxis, np.newaxis]
                np.add.at(plane.reshape(-1), where, tinted[inside])


def ragged_border(shape: tuple[int, int], border: float, rng: np.random.Generator) -> np.ndarray:
    """(H, W) bool: the slanted, stepped edges that shifted and rotated frames leave in a stack."""

    def edge(length: int, depth: int) -> np.ndarray:
        first, last = rng.uniform(0, 0.75, 2)
        slant = np.linspace(first, last, length)
        steps = rng.uniform(0, 0.25, 12)[np.arange(length) * 12 // length]
        return np.ceil(border * depth * (slant + steps))

    height, width = shape
    y, x = np.arange(height)[:, np.newaxis], np.arange(width)
    left, right = (edge(height, width)[:, np.newaxis] for _ in range(2))
    top, bottom = (edge(width, height) for _ in range(2))
    return (x < left) | (x >= width - right) | (y < top) | (y >= height - bottom)
