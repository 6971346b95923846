"""The option of each setting; its default is the library's."""

from __future__ import annotations

from typing import Any

from .completion import values_of
from .options import (
    DESCENT,
    INPUT,
    MASK,
    OUTPUT,
    REFERENCE,
    RUNNING,
    STRETCH,
    flag,
    number,
    option,
    parsed,
    size,
    whole,
)
from .spelling import LONG_QUANTILE


def _count_or_auto(text: str) -> int:
    return 0 if text == "auto" else int(text)


def _whole_or_auto(text: str) -> int | str:
    return text if text == "auto" else int(text)


def _number_or_auto(text: str) -> float | str:
    return text if text == "auto" else float(text)


def _level_or_policy(text: str) -> str | float:
    try:
        return float(text)
    except ValueError:
        return text


SETTING_OPTIONS: dict[str, Any] = {
    "white": number(
        INPUT,
        "--white",
        metavar="VALUE",
        show_default="as the file declares, or its samples suggest",
        help="Sample value of the input that is white: 1, 65535 or another. It corresponds to 1 in "
        "XISF, in thresholds and in levels.",
    ),
    "seams": option(
        INPUT,
        "--seams",
        metavar="WHERE",
        help="Seams of a mosaic, each panel of which gets a surface of its own: auto (found in the "
        "image), off, or lines through the whole frame like 'x=1500 y=1000', in pixels.",
    ),
    "cfa": option(
        INPUT,
        "--cfa",
        autocompletion=values_of("cfa"),
        metavar="PATTERN",
        help="Bayer pattern, by which an image that is not debayered is fitted colour by colour: "
        "auto (the one that the file declares), off (the image is mono), or RGGB, BGGR, GRBG or "
        "GBRG.",
    ),
    "pedestal": option(
        OUTPUT,
        "--pedestal",
        autocompletion=values_of("pedestal"),
        metavar="LEVEL",
        parser=_level_or_policy,
        help="Level of the sky in the corrected image: model-median (its level and colour do not "
        "change), neutral (the same level in all channels), none (zero), bgoptimizer (the rule of "
        "bgoptimizer), or a number in linear units.",
    ),
    "mode": option(
        OUTPUT,
        "--mode",
        autocompletion=values_of("mode"),
        metavar="MODE",
        help="How the background is removed: subtract, or divide, which corrects vignetting.",
    ),
    "strength": option(
        OUTPUT,
        "--strength",
        metavar="0..1",
        parser=_level_or_policy,
        help="How much of the background is taken out: 1 is all of it, 80% a part, and 0 leaves "
        "the image as it is.",
    ),
    "sample_format": option(
        OUTPUT,
        "--sample-format",
        autocompletion=values_of("sample_format"),
        metavar="FORMAT",
        help="Sample format of the corrected image: float32, same for that of the input, or unit, "
        "which is float32 in 0..1 where float32 would keep counts.",
    ),
    "strict": flag(
        OUTPUT,
        "--strict",
        help="Write nothing and exit with 3 where a warning says that the background may be wrong.",
    ),
    "no_strict": flag(
        OUTPUT, "--no-strict", help="Write doubtful results, even if the preset is strict."
    ),
    "downscaling_factor": option(
        STRETCH,
        "-dx",
        "--downscaling-factor",
        metavar="PIXELS",
        parser=parsed(_whole_or_auto, "a whole number or auto"),
        help="The fit works on a smaller image, each pixel of which is a square block of the "
        "input. This is the side of the blocks; auto is 8, less for small images and more for very "
        "large ones.",
    ),
    "downscaling_func": option(
        STRETCH,
        "-df",
        "--downscaling-func",
        autocompletion=values_of("downscaling_func"),
        metavar="NAME",
        help="The value of a block: median or mean of its pixels.",
    ),
    "quantile": number(
        STRETCH,
        "-dq",
        "--quantile",
        metavar="0..1",
        help="The stretch maps this quantile of the linear image to 1. A lower quantile stretches "
        f"more. {LONG_QUANTILE} is another name.",
    ),
    "threshold_min": number(
        MASK,
        "-tm",
        "--threshold-min",
        metavar="VALUE",
        help="Ignore pixels below this value of the stretched image, which is in 0..1.",
    ),
    "threshold_max": number(
        MASK,
        "-tM",
        "--threshold-max",
        metavar="VALUE",
        help="Ignore pixels above this value of the stretched image.",
    ),
    "invert_mask": flag(
        MASK, "--invert-mask", help="In the mask, black is sky and white is ignored."
    ),
    # Two options, since --help has a column of its own for the second name of a switch.
    "no_invert_mask": flag(
        MASK, "--no-invert-mask", help="White is sky, even if the preset inverts the mask."
    ),
    "protect": option(
        MASK,
        "--protect",
        autocompletion=values_of("protect"),
        metavar="WHEN",
        help="Find objects in the image and ignore them: auto (only with -N auto; with a mask, "
        "which is obeyed, only stars), always (beside a mask and with any -N, too), strong "
        "(likewise, and more of them), or off (never).",
    ),
    "smoothing": option(
        MASK,
        "--smoothing",
        metavar="0..1|auto",
        parser=parsed(_number_or_auto, "a number or auto"),
        help="How smooth the background through samples is: 0 goes through every sample, 1 is a "
        "plane, and auto lets the samples decide. Without --samples it has no effect.",
    ),
    "catalogue": flag(
        MASK,
        "--catalogue",
        help="Protect the extended objects of the OpenNGC catalogue, such as galaxies and nebulae, "
        "in an image that has a coordinate system. fastbg catalogue lists them.",
    ),
    "no_catalogue": flag(
        MASK, "--no-catalogue", help="Leave the catalogue out, even if the preset asks for it."
    ),
    "protect_at": option(
        MASK,
        "--protect-at",
        metavar="PLACES",
        help="Protect what is there, a comet or a planet: 'x y radius' in pixels, or 'RA Dec "
        "radius' like '5:35:17 -5:23:28 10m', the radius in d, m or s of arc. Several places are "
        "separated by semicolons.",
    ),
    "feather": number(
        MASK,
        "--feather",
        metavar="PIXELS",
        help="Distance from ignored pixels over which the weight of the others rises to 1.",
    ),
    "border": option(
        MASK,
        "--border",
        metavar="PIXELS",
        parser=lambda text: text,
        help="Pixels at each side of the image that are no sky: not fitted, but corrected. Four "
        "numbers are LEFT,TOP,RIGHT,BOTTOM, as the image is looked at.",
    ),
    "flexibility": option(
        MASK,
        "--flexibility",
        autocompletion=values_of("flexibility"),
        metavar="1..10|auto",
        parser=parsed(_count_or_auto, "a whole number or auto"),
        show_default="auto",
        help="How far the sky that is searched for may bend, from 1 (a plane) to 10. auto: the "
        "image decides.",
    ),
    "reference_scale": option(
        REFERENCE,
        "--reference-scale",
        metavar="FACTOR|auto",
        help="How much of the light of the reference is in the image: one number, or three for the "
        "channels, like 1.2,1.1,0.9. auto: stars and structure of both decide.",
    ),
    "reference_degree": whole(
        REFERENCE,
        "--reference-degree",
        autocompletion=values_of("reference_degree"),
        metavar="0..2",
        help="What gradient of its own the reference may have: none (0), a plane (1) or a "
        "polynomial of degree 2. It is taken out where the image itself shows enough sky.",
    ),
    "control_points": option(
        DESCENT,
        "-N",
        "--control-points",
        autocompletion=values_of("control_points"),
        metavar="COUNT|auto",
        parser=parsed(_count_or_auto, "a whole number or auto"),
        show_default="auto",
        help="Number of control points of a descent; a grid takes the nearest square number. auto: "
        "a search finds the sky without a descent, and the other options of this group have no "
        "effect, but for --second-opinion.",
    ),
    "order": whole(
        DESCENT,
        "-O",
        "--order",
        autocompletion=values_of("order"),
        metavar="1..4",
        help="Order of the polyharmonic spline; 2 is the thin-plate spline.",
    ),
    "initializer": option(
        DESCENT,
        "-i",
        "--initializer",
        autocompletion=values_of("initializer"),
        metavar="NAME",
        help="Where the control points start: random or grid.",
    ),
    "seed": whole(
        DESCENT,
        "--seed",
        metavar="NUMBER",
        help="Seed of the random numbers; the same seed gives the same result.",
    ),
    "optimizer": option(
        DESCENT,
        "--optimizer",
        autocompletion=values_of("optimizer"),
        metavar="NAME",
        help="Minimiser of the loss: lbfgs, or adam, which bgoptimizer uses and which is often "
        "several times slower.",
    ),
    "epochs": whole(
        DESCENT,
        "-e",
        "--epochs",
        metavar="COUNT",
        help="Largest number of iterations of a descent.",
    ),
    "alpha": number(
        DESCENT,
        "-a",
        "--alpha",
        metavar="FACTOR",
        help="Weight of the penalties for a background above the data and for one below zero.",
    ),
    "stiffness": number(
        DESCENT,
        "--stiffness",
        metavar="FACTOR",
        help="Weight of the bending energy in the loss. With 0.1, the background follows neither "
        "nebulae nor steep gradients. 0: none, but with --protect always or strong, where the "
        "residuals decide what it costs to depart from the sky that was found.",
    ),
    "second_opinion": flag(
        DESCENT,
        "--second-opinion",
        help="With -N auto, descend on the weights of the sky that was found as well, with the "
        "options of this group, and tell where both differ by more than the uncertainty.",
    ),
    "no_second_opinion": flag(
        DESCENT, "--no-opinion", help="Ask for none, even if the preset does."
    ),
    "starts": whole(
        DESCENT,
        "-B",
        "--starts",
        metavar="COUNT",
        help="Number of independent descents; the one with the lowest loss is kept.",
    ),
    "learning_rate": number(
        DESCENT,
        "-lr",
        "--learning-rate",
        metavar="RATE",
        help="Initial learning rate of adam; lbfgs has none.",
    ),
    "backend": option(
        RUNNING,
        "--backend",
        autocompletion=values_of("backend"),
        metavar="NAME",
        help="What computes the background: c (the processor), cuda (an NVIDIA GPU), numpy (slow, "
        "for comparison), or auto, the first of them that works. fastbg doctor tells which do.",
    ),
    "threads": whole(
        RUNNING, "--threads", metavar="COUNT", help="Number of threads; 0 means all cores."
    ),
    "gpu_memory": size(
        RUNNING,
        "--gpu-memory",
        show_default="a quarter of what is free",
        help="Largest amount of GPU memory that the backend cuda takes, for example 2GB.",
    ),
}
"""By the name of the setting, in the order of ``--help``."""

SWITCHED_OFF = {
    "no_catalogue": "catalogue",
    "no_invert_mask": "invert_mask",
    "no_second_opinion": "second_opinion",
    "no_strict": "strict",
}
"""Options that are no setting themselves, and the setting that each of them switches off."""
