from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from images import filling, image_of, recorded

from fastbg import compiled
from fastbg.errors import InputError
from fastbg.image import bands as bands_module
from fastbg.image.image import Image
from fastbg.image.kernels import (
    ABOVE_1,
    BINS,
    FASTEST,
    HIGH,
    LOW,
    NEGATIVE,
    NUMPY,
    VALID,
    key_of,
    value_of,
)
from fastbg.image.order_statistics import (
    EVERYTHING,
    LEAST_MARGIN,
    Counts,
    Quantiles,
    _window,
    guess_quantiles,
    quantiles,
    search,
)

needs_c = pytest.mark.skipif(FASTEST is NUMPY, reason=str(compiled.unavailable()))

ODD_ONES = [0.0, -0.0, 0.25, 1.0, 1e-45, -1e-45, 1.1754942e-38, 3.4028235e38, -3.4028235e38]
values = arrays(
    np.float32,
    st.integers(1, 300),
    elements=st.floats(-1e6, 1e6, width=32)
    | st.floats(width=32, allow_nan=False, allow_infinity=False)
    | st.sampled_from(np.array(ODD_ONES, np.float32).tolist()),
)
probabilities = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def at(guess: np.ndarray | None, reach: float = 0.0) -> np.ndarray | None:
    """A guess, (K, P), that is sure of itself, or as sure as is told."""
    return None if guess is None else np.stack([guess - reach, guess + reach], axis=-1)


def plane_image(*planes: np.ndarray) -> Image:
    return image_of(np.array(planes, np.float32))


def all_valid(image: Image) -> Image:
    """Samples beside an image of which none is missing."""
    return image_of(np.ones((image.channels, *image.shape), np.float32))


def row(flat: np.ndarray) -> Image:
    return plane_image(flat.reshape(1, -1))


def around(found: Quantiles) -> np.ndarray:
    """The order statistics themselves, (K, P, 2)."""
    seen = []

    def convert(pairs):
        seen.append(pairs)
        return np.zeros_like(pairs)

    found.values(convert)
    return seen[0]


def in_order(flat: np.ndarray) -> np.ndarray:
    """Sorted, with -0.0 before 0.0, which numpy's sort takes for equals."""
    return flat[np.lexsort((~np.signbit(flat), flat))]


def neighbours(flat: np.ndarray, wanted: np.ndarray | list[float]) -> np.ndarray:
    """The order statistics beside each quantile, (P, 2) float64, from a full sort."""
    position = np.asarray(wanted) * (flat.size - 1)
    ranks = np.stack([np.floor(position), np.ceil(position)], axis=-1).astype(int)
    return in_order(flat)[ranks].astype(np.float64)


def same_bits(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and found.tobytes() == expected.tobytes()


@given(values)
def test_keys_compare_as_the_values_do_and_come_back(flat):
    keys, ordered = key_of(flat), in_order(flat)
    assert keys.dtype == np.uint32
    assert same_bits(value_of(keys).astype(np.float32), flat)
    assert same_bits(flat[np.argsort(keys, kind="stable")], ordered)


@given(values, probabilities)
def test_quantiles_equal_numpy(flat, wanted):
    image = row(flat)
    found = quantiles(image, wanted, 1, all_valid(image))
    expected = np.quantile(flat.astype(np.float64), wanted)
    assert found.values().dtype == np.float64
    assert found.values().shape == (1, len(wanted))
    # Interpolated between values of any size and sign, so relative to the largest.
    largest = np.abs(flat).max().astype(np.float64)
    assert found.values()[0] == pytest.approx(expected, rel=1e-12, abs=max(1e-15 * largest, 1e-300))


@given(values)
def test_order_statistics_are_exact(flat):
    ordered, image = in_order(flat).astype(np.float64), row(flat)
    # Fractions i / (n - 1) hit order statistics up to the rounding of the fraction.
    low, median, high = quantiles(image, [0, 0.5, 1], 1, all_valid(image)).values()[0]
    assert [low, high] == [ordered[0], ordered[-1]]
    if flat.size % 2:
        assert median == ordered[flat.size // 2]
        assert median == np.partition(flat, flat.size // 2)[flat.size // 2]
    else:
        below, above = ordered[flat.size // 2 - 1 : flat.size // 2 + 1]
        assert median == below + 0.5 * (above - below)


@given(
    flat=values,
    wanted=probabilities,
    missing=st.sampled_from([0.0, 0.3, 1.0]),
    guess=st.sampled_from(["none", "exact", "near", "far", "nan", "some nan"]),
    bins=st.integers(-BINS, BINS),
    seed=st.integers(0, 99),
)
@example(np.zeros(5, np.float32), [0.5], 0.0, "far", 0, 0)
def test_both_neighbours_are_exact_whatever_the_guess(flat, wanted, missing, guess, bins, seed):
    rng = np.random.default_rng(seed)
    samples = np.where(rng.random(flat.size) < missing, [0, np.nan][seed % 2], 1)
    used = flat[samples == 1]
    wanted = np.array(wanted)
    if used.size:
        expected = neighbours(used, wanted)[np.newaxis]
    else:
        expected = np.full((1, wanted.size, 2), np.nan)
    finite = key_of(np.array([-3.4028235e38, 3.4028235e38])).astype(np.int64)
    guesses = {
        "none": None,
        "exact": expected[..., 0],
        "near": value_of(np.clip(key_of(expected[..., 0]).astype(np.int64) + bins, *finite)),
        "far": np.full((1, wanted.size), -1e30),
        "nan": np.full((1, wanted.size), np.nan),
        "some nan": np.where(rng.random(wanted.size) < 0.5, np.nan, expected[..., 1]),
    }
    found = quantiles(row(flat), wanted, 1, row(samples), at(guesses[guess]))
    if used.size:
        assert same_bits(around(found), expected)
    else:
        assert np.isnan(found.values()).all()
    assert found.total(VALID) == used.size
    assert found.total(NEGATIVE) == np.count_nonzero(used < 0)
    assert found.total(ABOVE_1) == np.count_nonzero(used > 1)


@pytest.mark.parametrize(
    "make",
    {
        "normal": lambda rng, n: rng.normal(0.1, 0.01, n),
        "below zero": lambda rng, n: -rng.random(n),
        "both sides": lambda rng, n: rng.normal(0, 1e-5, n),
        "constant": lambda rng, n: np.full(n, 0.3),
        "two values": lambda rng, n: rng.choice([0.1, 0.7], n),
        "two neighbours": lambda rng, n: rng.choice(
            [np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(1))], n
        ),
        "huge range": lambda rng, n: rng.choice([-1, 1], n) * 10.0 ** rng.uniform(-45, 38, n),
        "denormal": lambda rng, n: rng.integers(-1000, 1000, n) * 1e-45,
        "zeros of both signs": lambda rng, n: rng.choice([0.0, -0.0], n),
        "16 bits": lambda rng, n: rng.integers(0, 65536, n) / 65535,
    }.items(),
    ids=lambda named: named[0],
)
@pytest.mark.parametrize("threads", [1, 3])
def test_many_samples_of_every_kind(rng, kernels, make, threads, monkeypatch):
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 5000)
    planes = np.stack([make[1](rng, 30_000) for _ in range(3)]).astype(np.float32)
    planes = planes.reshape(3, 200, 150)
    used = rng.random(planes.shape) < 0.8
    samples = np.where(used, 1, 0)
    wanted = [0, 0.03, 0.25, 0.5, 0.77, 0.95, 1]
    image, beside = plane_image(*planes), plane_image(*samples)
    expected = np.stack(
        [neighbours(plane[own], wanted) for plane, own in zip(planes, used, strict=True)]
    )
    assert same_bits(around(quantiles(image, wanted, threads, beside, kernels=kernels)), expected)
    for guess in (expected[..., 0], expected[::-1, ::-1, 1]):
        found = quantiles(image, wanted, threads, beside, at(guess), kernels=kernels)
        assert same_bits(around(found), expected)


def test_samples_that_do_not_count_are_ignored(kernels):
    plain = plane_image([[np.nan, 3, 1, np.inf, 2, 0, -0.0]])
    found = quantiles(plain, [0, 0.5, 1], 1, kernels=kernels)
    assert found.values().tolist() == [[1, 2, 3]]
    assert found.total(VALID) == 3
    # A value counts unless its sample is missing in the other image.
    other = plane_image([[1e-9, np.nan, 0, 1, 1, -1, -0.0]])
    finite = plane_image([[7, 8, 9, -4, 5, 0, 6]])
    found = quantiles(finite, [0, 0.5, 1], 1, samples=other, kernels=kernels)
    assert found.values().tolist() == [[-4, 2.5, 7]]


def test_no_sample_no_quantile(kernels):
    nothing = quantiles(plane_image(np.zeros((4, 5))), [0, 0.5, 1], 1, kernels=kernels)
    assert np.isnan(nothing.values()).all()
    assert (nothing.total(VALID), nothing.total(NEGATIVE), nothing.total(ABOVE_1)) == (0, 0, 0)
    partly = quantiles(
        plane_image(np.zeros((2, 2)), np.ones((2, 2)), np.eye(2) * 3), [0.5, 1], 1, kernels=kernels
    )
    np.testing.assert_array_equal(partly.values(), [[np.nan] * 2, [1, 1], [3, 3]])
    assert partly.total(VALID) == 6
    assert partly.total(ABOVE_1) == 2


def test_an_exact_hit_is_that_value():
    # Interpolation would give something else: 1e30 - 1 has no room for the 1.
    found = quantiles(plane_image([[1, -3e38, 3e38]]), [0, 0.5, 1], 1)
    assert found.values().tolist() == [[np.float32(-3e38), 1, np.float32(3e38)]]


def test_infinite_values_do_not_spoil_the_finite_ones(kernels):
    image = plane_image([[np.inf, 2, 1, 3, -np.inf]])
    found = around(quantiles(image, [0, 0.25, 0.5, 0.75, 1], 1, all_valid(image), kernels=kernels))
    assert found[0, :, 0].tolist() == [-np.inf, 1, 2, 3, np.inf]


def test_channels_are_counted_apart_and_added_up(rng):
    planes = rng.normal(0.5, 1, (3, 20, 30)).astype(np.float32)
    found = quantiles(plane_image(*planes), [0.1, 0.9], 1)
    expected = np.stack([neighbours(plane.ravel(), [0.1, 0.9]) for plane in planes])
    assert same_bits(around(found), expected)
    assert found.total(VALID) == planes.size
    assert found.total(NEGATIVE) == np.count_nonzero(planes < 0)
    assert found.total(ABOVE_1) == np.count_nonzero(planes > 1)


@given(values)
def test_a_negative_zero_is_not_negative_and_one_is_not_above_it(flat):
    flat = np.concatenate([flat, np.array([-0.0, 0.0, 1, np.nextafter(1, 2)], np.float32)])
    image = row(flat)
    found = quantiles(image, [0], 1, all_valid(image))
    assert found.total(NEGATIVE) == np.count_nonzero(flat < 0)
    assert found.total(ABOVE_1) == np.count_nonzero(flat > 1)


def test_a_monotone_map_of_the_order_statistics_is_one_of_the_values(rng):
    plane = rng.random((31, 33)).astype(np.float32)
    wanted = [0, 0.3, 0.5, 0.95, 1]
    found = quantiles(plane_image(plane), wanted, 1).values(np.exp)[0]
    assert found == pytest.approx(np.quantile(np.exp(plane.astype(np.float64)), wanted), rel=1e-12)


# Windows that searches make: over everything, and of single keys, as far as the infinities.
windows = st.lists(
    st.just(EVERYTHING)
    | st.tuples(st.integers(0, 0xFF800000 - BINS), st.just(0), st.integers(1, BINS)),
    max_size=4,
)


@needs_c
@given(values, windows, st.integers(0, 99), st.booleans())
def test_c_counts_as_numpy_does(flat, chosen, seed, near):
    rng = np.random.default_rng(seed)
    samples = rng.choice(np.array([0.5, 0, -1e-8, 1e-9, np.nan, np.inf, -np.inf], "f4"), flat.size)
    if near:
        first = np.clip(key_of(flat[:2]).astype(np.int64) - BINS // 2, 0, 0xFF800000 - BINS)
        chosen = [*chosen, *((key, 0, BINS) for key in first.tolist())]
    array = np.array(chosen, np.uint32).reshape(-1, 3)
    expected, found = Counts.of(array), Counts.of(array)
    # Twice, to see that counts are added to.
    for part in (flat, flat[::-1].copy()):
        expected.add(NUMPY, part, samples)
        found.add(FASTEST, part, samples)
    assert found.tally.tolist() == expected.tally.tolist()
    assert found.below.tolist() == expected.below.tolist()
    for (first, shift, _), own, other in zip(
        array.tolist(), found.counts, expected.counts, strict=True
    ):
        # Bins above infinity hold no value; C may put there what does not count.
        finite = slice(0, ((0xFF800000 - first) >> shift) + 1)
        assert np.array_equal(own[finite], other[finite])


@needs_c
def test_c_counts_many_samples_with_any_number_of_threads(rng):
    planes = rng.normal(0.1, 0.01, (1, 500, 700)).astype(np.float32)
    samples = np.where(rng.random(planes.shape) < 0.9, planes, np.nan)
    image, beside = plane_image(*planes), plane_image(*samples)
    wanted = [0.0, 0.25, 0.5, 0.95, 1.0]
    expected = neighbours(planes[~np.isnan(samples)], wanted)[np.newaxis]
    for threads in (1, 2, 5):
        found = quantiles(image, wanted, threads, beside)
        assert found.total(VALID) == np.count_nonzero(~np.isnan(samples))
        assert same_bits(around(found), expected)


@pytest.mark.parametrize("pixels", [1, 100, 1000, 10**9])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_bands_and_threads_do_not_show(rng, monkeypatch, pixels, threads):
    planes = rng.normal(0.1, 0.3, (3, 61, 50)).astype(np.float32)
    planes[:, ::7] = 0
    wanted = [0, 0.2, 0.5, 0.95, 1]
    whole = quantiles(plane_image(*planes), wanted, 1)
    monkeypatch.setattr(bands_module, "BAND_PIXELS", pixels)
    image = plane_image(*planes)
    beside = plane_image(*np.where(planes == 0, 0, 1 - planes))
    for own, samples in ((image, None), (filling(image), None), (filling(image), filling(beside))):
        found = quantiles(own, wanted, threads, samples)
        assert same_bits(around(found), around(whole))
        for field in (VALID, NEGATIVE, ABOVE_1):
            assert found.total(field) == whole.total(field)


def passes(reads: list[slice], height: int) -> float:
    """How often the rows were read, on average."""
    return sum(rows.stop - rows.start for rows in reads) / height


@pytest.mark.parametrize("threads", [1, 3])
def test_a_good_guess_takes_one_pass_and_a_bad_one_three(rng, kernels, monkeypatch, threads):
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 1000)
    planes = rng.normal(0.1, 0.01, (3, 64, 50)).astype(np.float32)
    wanted = [0, 0.5, 0.95, 1]
    expected = np.stack([neighbours(plane.ravel(), wanted) for plane in planes])
    good = expected.mean(axis=2)
    cases = {
        "good": (good, 1),
        "without": (None, 2),
        "not a number": (np.full_like(good, np.nan), 2),
        "bad in one channel": (np.where(np.arange(3)[:, None] == 1, -7, good), 3),
        "bad": (-good, 3),
        # The smallest and the largest need no window.
        "bad at the ends": (np.array([-7, 1, 1, 9]) * good, 1),
    }
    for name, (guess, number) in cases.items():
        image, reads = recorded(plane_image(*planes))
        found = quantiles(image, wanted, threads, guess=at(guess, 1e-4), kernels=kernels)
        assert same_bits(around(found), expected), name
        assert passes(reads, 64) == number, name


@pytest.mark.parametrize("beyond", [side * (LEAST_MARGIN + n) for side in (-1, 1) for n in (0, 1)])
def test_the_edges_of_a_window(kernels, beyond):
    flat = np.linspace(0.3, 0.4, 101).astype(np.float32)
    guess = value_of(key_of(flat[50:51]).astype(np.int64) - beyond)
    image, reads = recorded(row(flat))
    found = quantiles(image, [0.5], 1, guess=at(guess[np.newaxis]), kernels=kernels)
    assert around(found).tolist() == [[[flat[50]] * 2]]
    assert len(reads) == (1 if abs(beyond) <= LEAST_MARGIN else 3)


@pytest.mark.parametrize(
    ("low", "high", "window"),
    [
        (1 << 20, 1 << 20, ((1 << 20) - LEAST_MARGIN, 0, 2 * LEAST_MARGIN + 1)),
        (1 << 20, (1 << 20) + 9999, ((1 << 20) - 10001, 0, 30000)),
        (1 << 20, (1 << 20) + BINS - 2, ((1 << 20) - 1, 0, BINS)),
        (1 << 20, (1 << 20) + 3 * BINS, ((1 << 20) - BINS // 2, 2, BINS)),
        (1 << 20, (1 << 20) + 2 * BINS - 1, ((1 << 20) + BINS // 2 - 1, 0, BINS)),
        (3, 5, (0, 0, 2 * LEAST_MARGIN + 3)),
    ],
)
def test_a_window_reaches_as_far_beyond_a_guess_as_the_guess_is_wide(low, high, window):
    assert _window(low, high) == window


def test_neighbours_in_different_windows_are_both_found(kernels):
    flat = np.repeat(np.array([0.1, 0.9], np.float32), 50)
    for guess in (None, 0.1, 0.9, 0.5):
        own = None if guess is None else np.array([[guess]])
        found = quantiles(row(flat), [0.5], 1, guess=at(own), kernels=kernels)
        assert around(found).tolist() == [[[np.float32(0.1), np.float32(0.9)]]]
        assert found.values()[0, 0] == pytest.approx(0.5)


def test_smallest_and_largest_take_one_pass_with_any_guess(kernels, rng):
    flat = rng.normal(size=300).astype(np.float32)
    image, reads = recorded(row(flat))
    guess = at(np.array([[-3.0, 3.0, 0.0]]))
    # They need no window.
    assert len(Quantiles(1, [0, 1, 0.5], guess, kernels=kernels).start_counting()[0].windows) == 1
    found = quantiles(image, [0, 1], 1, guess=guess[:, :2], kernels=kernels)
    assert found.values().tolist() == [[flat.min(), flat.max()]]
    assert len(reads) == 1


def test_guesses_at_the_ends_of_the_range(kernels):
    largest = np.finfo(np.float32).max
    flat = np.array([-largest, -largest, -1, 1, largest, largest], np.float32)
    for guess in (-largest, largest, 0.0):
        found = quantiles(
            row(flat), [0.2, 0.5, 0.8], 1, guess=at(np.full((1, 3), guess)), kernels=kernels
        )
        assert same_bits(around(found), neighbours(flat, [0.2, 0.5, 0.8])[np.newaxis])


@pytest.fixture
def large(monkeypatch, rng):
    """An image that counts as large, as its planes."""
    monkeypatch.setattr(bands_module, "SAMPLED_PIXELS", 1000)
    monkeypatch.setattr(bands_module, "BAND_PIXELS", 2000)
    planes = rng.normal(0.1, 5e-5, (3, 200, 60)).astype(np.float32)
    planes[0, :3] = np.nan
    return planes


def rows_of_the_sample() -> list[int]:
    """The rows of `large` that are sampled."""
    return [band.start for band in bands_module.sampled_bands((200, 60), 1)]


@pytest.mark.parametrize("threads", [1, 3])
def test_large_images_are_sampled_first(kernels, large, threads):
    wanted = [0, 0.5, 0.95, 1]
    image, reads = recorded(plane_image(*large))
    found = quantiles(image, wanted, threads, kernels=kernels)
    expected = [neighbours(plane[np.isfinite(plane)], wanted) for plane in large]
    assert same_bits(around(found), np.stack(expected))
    # One pass over the sampled eighth, which is then in memory, and one over the whole image; here,
    # where the sample is so small that it leaves more open than windows of single floats hold,
    # another one.
    sampled = sum(rows.stop - rows.start for rows in bands_module.sampled_bands((200, 60), 1))
    assert round(passes(reads, 200) * 200) in (sampled + 200, sampled + 400)


def test_the_guess_lies_around_the_quantile_of_the_sampled_rows(large):
    sample = large[:, rows_of_the_sample()]
    guess = guess_quantiles(plane_image(*large), [0.25, 0.5], 2)
    for plane, found in zip(sample, guess, strict=True):
        flat = plane[np.isfinite(plane)].astype(np.float64)
        expected = []
        for p in (0.25, 0.5):
            margin = 3 * (p * (1 - p) / sample[0].size) ** 0.5
            low = np.quantile(flat, p - margin, method="lower")
            expected.append([low, np.quantile(flat, p + margin, method="higher")])
        assert np.array_equal(found, expected)
    assert guess_quantiles(plane_image(np.ones((10, 10))), [0.5], 1) is None
    # These are known after any first pass.
    assert guess_quantiles(plane_image(*large), [0, 1], 1) is None


@pytest.mark.parametrize("levels", [255, 512, 65535])
@pytest.mark.parametrize("share", [0.45, 0.5, 0.55])
def test_integers_take_one_pass_wherever_their_median_lies(
    kernels, rng, levels, share, monkeypatch
):
    """The guess may lie between two of them, which have any number of floats between them."""
    monkeypatch.setattr(bands_module, "SAMPLED_PIXELS", 1000)
    low, high = np.float32([31, 32]) / np.float32(levels)
    plane = np.where(rng.random((640, 100)) < share, low, high)
    image, reads = recorded(plane_image(plane))
    found = quantiles(image, [0.5], 1, all_valid(image), kernels=kernels)
    assert same_bits(around(found), neighbours(plane.ravel(), [0.5])[np.newaxis])
    assert passes(reads, 640) == 1 + 1 / 8


def test_a_sky_at_zero_takes_two_passes(kernels, rng, monkeypatch):
    # Floats lie so dense there that no window of single ones holds what a sample leaves open.
    monkeypatch.setattr(bands_module, "SAMPLED_PIXELS", 1000)
    planes = rng.normal(0, 1e-3, (1, 640, 100)).astype(np.float32)
    image, reads = recorded(plane_image(*planes))
    found = quantiles(image, [0.5], 1, all_valid(image), kernels=kernels)
    assert same_bits(around(found), neighbours(planes.ravel(), [0.5])[np.newaxis])
    assert passes(reads, 640) == 2 + 1 / 8


def test_an_image_that_changes_all_the_time_is_refused(kernels):
    reads = []

    def read(rows, out):
        reads.append(rows)
        out[:] = (0.1, 0.9)[len(reads) % 2]
        return out[:, : rows.stop - rows.start]

    with pytest.raises(InputError, match="has changed while it was read") as e:
        quantiles(Image(1, (3, 100), read), [0.3], 1, kernels=kernels)
    assert "\n" not in str(e.value)


def test_a_sample_of_nothing_but_missing_rows_does_no_harm(large):
    large[:, rows_of_the_sample()] = 0
    found = quantiles(plane_image(*large), [0.5], 1)
    used = [plane[np.isfinite(plane) & (plane != 0)] for plane in large]
    assert same_bits(around(found), np.stack([neighbours(flat, [0.5]) for flat in used]))


def test_a_misleading_sample_does_no_harm(large):
    large[:, rows_of_the_sample()] = 7
    image, reads = recorded(plane_image(*large))
    found = quantiles(image, [0.5], 1)
    used = [plane[np.isfinite(plane)] for plane in large]
    assert same_bits(around(found), np.stack([neighbours(flat, [0.5]) for flat in used]))
    assert passes(reads, 200) > 3


def test_progress_goes_once_over_the_whole_image(large):
    ends = []
    quantiles(plane_image(*large), [0.5], 2, advance=ends.append)
    assert ends == [rows.stop for rows in bands_module.row_bands((200, 60))]
    assert ends[-1] == 200

    ends.clear()
    wrong = np.full((3, 1), -5.0)
    quantiles(plane_image(*large), [0.5], 2, guess=at(wrong), advance=ends.append)
    assert ends == [rows.stop for rows in bands_module.row_bands((200, 60))]


def test_counting_by_hand_and_then_searching(kernels, rng):
    # As the pipeline does it: the first pass is fused with other work.
    planes = rng.normal(0.1, 0.01, (1, 40, 30)).astype(np.float32)
    for guess, further in ((np.median(planes), 0), (-3.0, 2)):
        found = Quantiles(1, [0.5], at(np.full((1, 1), guess), 1e-4), kernels=kernels)
        assert not found.known
        parts = [found.start_counting() for _ in range(2)]
        for counts, half in zip(parts, np.split(planes, 2, axis=1), strict=True):
            counts[0].add(kernels, half[0], half[0])
        found.finish_pass(parts)
        assert found.known == (further == 0)
        image, reads = recorded(plane_image(*planes))
        search(found, image, [slice(0, 40)], 1)
        assert len(reads) == further
        assert same_bits(around(found), neighbours(planes.ravel(), [0.5])[np.newaxis])
        assert found.total(VALID) == planes.size


def test_the_tally_knows_the_smallest_and_the_largest_key(kernels, rng):
    flat = rng.normal(size=1000).astype(np.float32)
    counts = Counts.of(np.empty((0, 2), np.uint32))
    counts.add(kernels, flat, flat)
    assert value_of(counts.tally[[LOW, HIGH]]).tolist() == [flat.min(), flat.max()]
    assert counts.counts.shape[1] == BINS
