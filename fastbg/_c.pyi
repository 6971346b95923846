from typing import Any

import numpy as np

VERSION: str

def open_problem(
    data: np.ndarray,
    weight: np.ndarray,
    y: np.ndarray,
    x: np.ndarray,
    channels: int,
    order: int,
    alpha: float,
    method: str,
) -> Any: ...
def method_name(problem: Any) -> str: ...
def loss_and_gradient(
    problem: Any, parameters: np.ndarray, gradient: np.ndarray, below_zero: bool, threads: int
) -> tuple[float, bool]: ...
def make_plan(
    parameters: np.ndarray, channels: int, order: int, y: np.ndarray, x: np.ndarray, method: str
) -> Any: ...
def render_rows(plan: Any, first_row: int, out: np.ndarray, threads: int) -> None: ...
def count(
    values: np.ndarray,
    samples: np.ndarray,
    windows: np.ndarray,
    tally: np.ndarray,
    below: np.ndarray,
    counts: np.ndarray,
) -> None: ...
def block_medians(
    samples: np.ndarray,
    columns: int,
    side: int,
    least: float,
    grouped: bool,
    low: np.ndarray,
    high: np.ndarray,
) -> None: ...
def block_means(
    samples: np.ndarray,
    columns: int,
    side: int,
    pedestal: float,
    scale: float,
    midtones: float,
    target: float,
    means: np.ndarray,
) -> None: ...
def unstretch(
    values: np.ndarray, pedestal: float, scale: float, midtones: float, target: float
) -> int: ...
def subtract(
    samples: np.ndarray, background: np.ndarray, level: float, out: np.ndarray
) -> None: ...
def superpixels(
    mosaic: np.ndarray,
    columns: int,
    colours: tuple[int, ...],
    one_green: bool,
    out: np.ndarray,
) -> None: ...
def scale(values: np.ndarray, low: float, span: float, out: np.ndarray) -> None: ...
def unscale(
    values: np.ndarray, low: float, span: float, swapped: bool, out: np.ndarray
) -> None: ...
def restore(
    stored: np.ndarray,
    samples: np.ndarray,
    corrected: np.ndarray,
    span: float,
    swapped: bool,
    out: np.ndarray,
) -> None: ...
def fit_surface(
    values: np.ndarray,
    usable: np.ndarray,
    known: np.ndarray,
    noise: np.ndarray,
    columns: int,
    parity: np.ndarray,
    matrix: np.ndarray,
    means: np.ndarray,
    quarters: int,
    place: np.ndarray,
    block: np.ndarray,
    part: np.ndarray,
    used: tuple[int, int, float],
    factors: np.ndarray,
    taps: np.ndarray,
    protection: tuple[float, float, float, float, float, float, float],
    weight: np.ndarray,
    coordinates: np.ndarray,
    surface: np.ndarray,
) -> None: ...
def lz4_decode(
    state: np.ndarray, packed: np.ndarray, out: np.ndarray, filled: int
) -> tuple[int, int]: ...
def instruction_set() -> str: ...
def instruction_sets() -> list[str]: ...
def trim() -> None: ...
