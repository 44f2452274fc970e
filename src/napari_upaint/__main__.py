"""The program ``upaint``: little is loaded before Ctrl-C can end it with a sentence instead of a traceback."""

import sys


def main() -> int:
    """Run the command of the process and return its exit code."""
    try:
        from napari_upaint import cli

        return cli.main()
    except KeyboardInterrupt:  # before a command was running that could say so
        print("upaint: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
