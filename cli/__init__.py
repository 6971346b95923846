"""The command line of fastbg, installed as ``fastbg.cli``: it parses, calls and prints."""

if __name__ != "fastbg.cli":
    raise ImportError("import this package as fastbg.cli")


def main() -> None:
    """Run the command line of this process and exit."""
    import gc

    from .streams import open_missing

    gc.disable()  # until a command begins: what is loaded before stays
    open_missing()
    try:
        # Signals are handled only once this is imported, which takes long enough for a Ctrl-C.
        from .app import main as run

        run()
    except KeyboardInterrupt:
        import sys

        sys.stderr.write("fastbg: stopped; no unfinished file was left behind\n")
        sys.exit(130)
