"""The command line of fastbg, installed as ``fastbg.cli``: it only parses, calls and prints."""

if __name__ != "fastbg.cli":
    raise ImportError("import this package as fastbg.cli")


def main() -> None:
    """Run the command line of this process and exit."""
    try:
        # Takes longer than some need to think better of it, and only then are signals answered.
        from .app import main as run

        run()
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("fastbg: stopped; no unfinished file was left behind\n")
        sys.exit(130)
