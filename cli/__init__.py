"""The command line of fastbg, installed as ``fastbg.cli``: it only parses, calls and prints."""

if __name__ != "fastbg.cli":
    raise ImportError("import this package as fastbg.cli")

from .app import main as main
