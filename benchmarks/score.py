"""SSIMULACRA2 scores, run by the Python of `.peers/score`, which has the metric: pairs of paths come in
as JSON lines, numbers go out. 90 is taken for lossless by eye, 70 for high quality, 50 for medium."""

from __future__ import annotations

import json
import sys


def main() -> None:
    from ssimulacra2 import compute_ssimulacra2  # type: ignore[import-not-found]

    for line in sys.stdin:
        reference, candidate = json.loads(line)
        print(float(compute_ssimulacra2(reference, candidate)), flush=True)


if __name__ == "__main__":
    main()
