"""`python -m docs.site [FOLDER]`: build the site into a folder, `build/site` unless given."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from docs.site.build import ROOT
from docs.site.build import build


def main() -> None:
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "site"
    try:
        build(output)
    except subprocess.CalledProcessError as error:
        sys.exit(error.returncode)  # Sphinx has said why
    sys.stderr.write(f"Open {output / 'index.html'}\n")


if __name__ == "__main__":
    main()
