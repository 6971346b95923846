"""``python bench COMMAND [OPTIONS]`` runs one of the benchmarks that are programs."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "job": "the whole job on 24 Mpx, stage by stage, beside SEP",
    "gigapixel": "the whole job on mono images of up to a gigapixel: time and memory by size",
    "batch": "many frames: frames a second, beside another build and other programs",
    "many": "many large frames of one field together: time and memory",
    "skies": "the default settings on simulated skies with a known background",
    "sets": "references, frames of one field, mosaics: simulated sets with truth",
    "picture": "the search for the sky on the demo's sky, as a picture for docs/sky.md",
    "peers": "other programs on the same skies: error, time, memory",
    "inject": "a known gradient added to real images: how much of it is found?",
    "judgement": "what a model tells about itself, against the truth",
    "sweep": "what each constant of the search for the sky does to the errors",
    "factors": "the downscaling factor for each size of image, by the errors on simulated skies",
    "samples": "backgrounds through samples on simulated skies, beside the search",
    "descents": "ways to descend: loss, iterations, time, and the sky",
    "reference": "build the environment of the TensorFlow reference and check its loss",
    "compare": "fastbg and the TensorFlow reference on the same arrays, by size and settings",
    "gpu": "the CUDA backend: is it right, and how fast against the card and against C?",
    "first_light": "the figures that a GPU has to show one day, beside their limits",
    "releases": "the CUDA kernels with several releases of numba-cuda, without a GPU",
    "newest": "the tests with the newest release of every dependency, pre-releases included",
    "memory": "the estimated memory of jobs on files, beside what they take",
    "page": "the live page: how long one waits, and what its server takes",
    "structure": "modules, imports, circles, climbs, long files and functions, in numbers",
    "gate": "has this build become slower or larger than a stored one?",
}


def main(arguments: list[str]) -> int:
    """Pass the options to the module that is named like the command."""
    name = None
    if arguments[:1] == ["--save"]:
        name, arguments = arguments[1], arguments[2:]
    if not arguments or arguments[0] not in COMMANDS:
        print("usage: python bench [--save NAME] COMMAND [OPTIONS]\n")
        print("-h after a command lists its options; --save keeps what it prints: see results.py\n")
        for command, purpose in COMMANDS.items():
            print(f"  {command:11} {purpose}")
        return 0 if arguments in (["-h"], ["--help"]) else 2
    run = import_module(arguments[0]).main
    if name is None:
        return int(run(arguments[1:]))
    from results import saved

    with saved(name, arguments):
        return int(run(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
