"""The program, as `origin` and as `python -m origin`."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from origin.cli.main import main as run
    except ModuleNotFoundError as exc:
        # Signing alone is installed without the rest.
        sys.exit(f"origin: {exc.name} is not installed; install the package with its extra: '.[server]'")
    run(prog_name="origin")


if __name__ == "__main__":
    main()
