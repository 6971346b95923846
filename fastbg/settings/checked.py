"""How each setting is checked, and the limits of its values."""

from __future__ import annotations

from .checks import (
    Check,
    border,
    memory,
    number,
    one_of,
    or_auto,
    pattern,
    pedestal,
    protect_at,
    scales,
    seams,
    share,
    whole,
    within,
)

BACKENDS = ("c", "cuda", "numpy")
"""The evaluators, in the order in which the backend "auto" prefers them."""

MOST_THREADS = 256

MOST_CONTROL_POINTS = 10_000
"""The start of a descent is solved for, in a time that grows with the cube of their number."""

MOST_FLEXIBLE = 10
"""The number of candidates of `fastbg.sky.selection`."""

MOST_STARTS, LARGEST_FACTOR, LARGEST_ALPHA = 10_000, 1 << 16, 1e30
LARGEST_WHITE = 1e30

CHECKS: dict[str, Check] = {
    "downscaling_factor": or_auto(whole("downscaling factor", 1, LARGEST_FACTOR), "auto"),
    "downscaling_func": one_of("downscaling function", "median", "mean"),
    "quantile": number("quantile", lambda value: 0 < value <= 1, "lie in (0, 1]"),
    "control_points": or_auto(whole("number of control points", 0, MOST_CONTROL_POINTS)),
    "order": one_of("order", 1, 2, 3, 4),
    "threshold_min": number("lower threshold"),
    "threshold_max": number("upper threshold"),
    "invert_mask": one_of("choice to invert the mask", False, True),
    "smoothing": or_auto(within("smoothing", 0, 1), "auto"),
    "feather": number("feathering", lambda value: value >= 0, "be at least 0 pixels"),
    "border": border,
    "catalogue": one_of("choice of the catalogue", False, True),
    "protect_at": protect_at,
    "white": or_auto(within("white", 0, LARGEST_WHITE)),
    "protect": one_of("protection", "auto", "always", "strong", "off"),
    "cfa": pattern,
    "flexibility": or_auto(whole("flexibility", 0, MOST_FLEXIBLE)),
    "seams": seams,
    "reference_scale": scales,
    "reference_degree": one_of("degree of the reference's own gradient", 0, 1, 2),
    "initializer": one_of("initializer", "random", "grid"),
    "optimizer": one_of("optimizer", "lbfgs", "adam"),
    "epochs": whole("number of epochs", 1),
    "alpha": within("alpha", 0, LARGEST_ALPHA),
    "stiffness": or_auto(within("stiffness", 0, LARGEST_ALPHA)),
    "second_opinion": one_of("choice of a second opinion", False, True),
    "starts": whole("number of starts", 1, MOST_STARTS),
    "learning_rate": number("learning rate", lambda value: value > 0, "be positive"),
    "seed": whole("seed", 0),
    "pedestal": pedestal,
    "mode": one_of("mode", "subtract", "divide"),
    "strength": share("strength"),
    "sample_format": one_of("sample_format", "float32", "same", "unit"),
    "strict": one_of("choice of strict", False, True),
    "backend": one_of("backend", "auto", *BACKENDS),
    "threads": or_auto(whole("number of threads", 0, MOST_THREADS)),
    "gpu_memory": or_auto(memory("memory of the GPU")),
}
"""How each setting is checked, by its name."""
