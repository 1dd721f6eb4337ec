"""A fleet of origins on paper: what 2 to 50 of them render, fetch, ask the bucket and cost in a day.

    python -m benchmarks.fleet                  # the table of docs/scaling.md, and plots
    python -m benchmarks.fleet --views 1e9 --origins 50 --cdn 0.97

No server runs. Pictures are asked for after Zipf's law; of the CDN, the origins' disks and the bucket is told
how likely they hold a picture of each popularity. The first day begins with everything empty. On the second,
an origin dies and comes back empty, a tenth of all pictures is purged, and the CDN loses what it holds.

Costs in CPU are measured ones, of RESULTS.md; latencies of a network and prices are assumptions that stand
in `Costs`, for you to replace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEP = 60.0  # seconds
DAY = 86_400.0
CLASSES = 240  # of popularity, as many to each factor of ten
PURGED = 0.1  # of all pictures
LOSS, BACK, PURGE, CDN_EMPTY = 6 * 3600.0, 6 * 3600.0 + 600, 12 * 3600.0, 18 * 3600.0
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Costs:
    """CPU in seconds, measured on the machine of RESULTS.md; money in US dollars, list prices to replace."""

    hit: float = 30e-6  # in memory
    disk: float = 420e-6
    miss: float = 6.65e-3  # of the serving process
    render: float = 28e-3  # 500 px as WebP, of 6 megapixels
    bucket: float = 1.0e-3  # assumed: a GET of a result, and its digest
    core_hour: float = 0.04
    gets: float = 0.4e-6  # each
    puts: float = 5e-6
    month_of_gigabyte: float = 0.023


@dataclass(frozen=True)
class Fleet:
    """What is simulated. Bytes are those of one result."""

    origins: int = 10
    shared: bool = True
    views: float = 1e9  # a day, at the CDN
    cdn: float = 0.97  # share that it answers by itself, once it is warm
    results: float = 100e6  # different URLs
    variants: float = 4  # of one original
    exponent: float = 0.9
    size: float = 25e3
    disk: float = 500e9  # of one origin
    cores: float = 16  # of one origin
    by_url: bool = True  # the balancer sends a URL to the same origin each time
    costs: Costs = field(default_factory=Costs)


@dataclass(frozen=True)
class Day:
    """What came of it, step by step, each a second."""

    asked: Array  # requests that reached an origin
    renders: Array
    fetches: Array  # of originals
    gets: Array  # of the bucket of results
    puts: Array
    cores: Array  # busy, of all origins

    def total(self, name: str) -> float:
        per_second: Array = getattr(self, name)
        return float(per_second.sum() * STEP)


def popularity(fleet: Fleet) -> tuple[Array, Array]:
    """Classes of pictures: how many are in each, and how often each of them is asked for in a second."""
    edges = np.unique(np.floor(np.logspace(0, np.log10(fleet.results + 1), CLASSES + 1)))
    counts = np.diff(edges)
    middle = np.sqrt(edges[:-1] * (edges[1:] - 1))
    weights = middle**-fleet.exponent
    rate = fleet.views / DAY * weights / (weights * counts).sum()
    return counts, rate


def characteristic_time(counts: Array, rate: Array, share: float) -> float:
    """Seconds that a cache keeps what nobody asks for, so that it answers this share by itself.

    Che's approximation of LRU: it holds a picture with the probability 1 - exp(-rate * time).
    """
    low, high = 1e-3, 1e12
    for _ in range(200):
        middle = np.sqrt(low * high)
        held = 1 - np.exp(-rate * middle)
        low, high = (
            (middle, high) if (counts * rate * held).sum() / (counts * rate).sum() < share else (low, middle)
        )
    return float(np.sqrt(low * high))


@dataclass
class _State:
    """How likely a picture is held, by group and class of popularity.

    Groups are what an event tells apart: pictures that are purged, and those that origin 0 has by URL. What
    the CDN holds an origin has had, and what an origin has made is in the bucket: each is part of the next.
    `disks` has a row for all origins where URLs decide, else one for origin 0 and one for each of the others.
    """

    counts: Array  # pictures
    cdn: Array
    disks: Array
    originals: Array
    bucket: Array


def simulate(fleet: Fleet) -> tuple[Day, Day]:
    """The day that begins with everything empty, and the one after it, with its events."""
    counts, rate = popularity(fleet)
    warm = 1 - np.exp(-rate * characteristic_time(counts, rate, fleet.cdn))
    mine = 1 / fleet.origins
    weights = np.array([PURGED * mine, PURGED * (1 - mine), (1 - PURGED) * mine, (1 - PURGED) * (1 - mine)])
    shape, rows_of_disks = (4, len(rate)), 1 if fleet.by_url else 2
    state = _State(
        weights[:, None] * counts,
        np.zeros(shape),
        np.zeros((rows_of_disks, *shape)),
        np.zeros((rows_of_disks, *shape)),
        np.zeros(shape),
    )
    steps = 2 * int(DAY / STEP)
    series = {name: np.zeros(steps) for name in Day.__dataclass_fields__}
    comes = 1 - np.exp(-rate * STEP)  # how likely a picture is looked at in a step
    at_most = np.minimum(rate, comes / STEP)
    for step in range(steps):
        now = step * STEP - DAY  # of the second day
        _happen(fleet, state, now)
        asks = at_most * (1 - state.cdn)
        for name, value in _origins(fleet, state, asks, is_whole=not LOSS <= now < BACK).items():
            series[name][step] = value
        state.cdn += (warm - state.cdn) * comes
    half = steps // 2
    first = Day(**{name: values[:half] for name, values in series.items()})
    return first, Day(**{name: values[half:] for name, values in series.items()})


def _happen(fleet: Fleet, state: _State, now: float) -> None:
    """The events of the second day."""
    if now in (LOSS, BACK):
        own = (0, [0, 2]) if fleet.by_url else (0, slice(None))
        state.disks[own] = 0
        state.originals[own] = 0
    if now == PURGE:
        for held in (state.cdn, state.bucket):
            held[:2] = 0
        for held in (state.disks, state.originals):
            held[:, :2] = 0
    if now == CDN_EMPTY:
        state.cdn[:] = 0


def _origins(fleet: Fleet, state: _State, asks: Array, *, is_whole: bool) -> dict[str, float]:
    """One step of all origins: what each second costs. The disks and the bucket are filled.

    Of a picture that is asked for the CDN has nothing. So what it does not hold is all that is looked for
    elsewhere, and the part of it that a disk or the bucket lacks is theirs of everything, as much larger.
    """
    costs, counts = fleet.costs, state.counts
    absent = np.maximum(1 - state.cdn, 1e-12)
    asked = 1 - np.exp(-asks * STEP)  # how likely a picture is asked for in this step
    no_record = np.minimum(1, (1 - state.bucket) / absent)
    if fleet.by_url:
        turns, each = np.array([1.0]), asks
        lacking = np.minimum(1, (1 - state.disks) / absent)
        no_original = np.minimum(1, (1 - state.originals) / absent)
    else:
        alive = fleet.origins if is_whole else fleet.origins - 1
        turns = np.array([1, alive - 1]) / alive if is_whole else np.array([0.0, 1.0])
        each = asks / alive
        lacking, no_original = 1 - state.disks, 1 - state.originals
    wanted = _by_turns(turns, lacking) * asked  # from elsewhere than a disk
    made = np.minimum(wanted, no_record * asked) if fleet.shared else wanted
    fetched = np.minimum(made, _by_turns(turns, no_original) * made)
    for held, missing, times in ((state.disks, lacking, 1.0), (state.originals, no_original, fleet.variants)):
        comes = (1 - np.exp(each * (-times * STEP))) * missing
        if not turns.all():
            comes[turns == 0] = 0
        held += np.minimum(1 - held, comes)
        _bound(held, counts, fleet)
    state.bucket += np.minimum(1 - state.bucket, made)
    # `vdot` is the sum of the products, in a third of the time.
    renders, gets = float(np.vdot(made, counts)), float(np.vdot(wanted, counts)) * fleet.shared
    requests = float(np.vdot(asks, counts))
    busy = requests * costs.disk + (renders * (costs.render + costs.miss) + gets * costs.bucket) / STEP
    fetches = float(np.vdot(fetched, counts))
    return {
        "asked": requests,
        "renders": renders / STEP,
        "fetches": fetches / STEP,
        "gets": gets / STEP,
        "puts": (renders + fetches) * fleet.shared / STEP,  # with the version of each original that comes
        "cores": busy,
    }


def _by_turns(turns: Array, rows: Array) -> Array:
    """The mean of the rows, each of which counts as often as it has its turn."""
    mean: Array = turns[0] * rows[0]
    for turn, row in zip(turns[1:], rows[1:], strict=True):
        mean = mean + turn * row
    return mean


def _bound(held: Array, counts: Array, fleet: Fleet) -> None:
    """What does not fit goes, from the pictures that are asked for least."""
    room = fleet.disk / 2 / fleet.size * (fleet.origins if fleet.by_url else 1)  # half of it is for originals
    filled = (held * counts).sum(axis=1).cumsum(axis=1)
    if filled[:, -1].max() > room:
        held *= (filled <= room)[:, None, :]


def money(fleet: Fleet, day: Day) -> dict[str, float]:
    """Dollars of a day: machines as they stand there, requests to the buckets, what is kept."""
    costs = fleet.costs
    kept = day.total("renders") * fleet.size / 1e9 * costs.month_of_gigabyte  # for a month
    looks = fleet.origins * DAY * (costs.gets + costs.puts / 30)  # at the marks; a LIST costs what a PUT does
    results = day.total("gets") * costs.gets + day.total("puts") * costs.puts + kept + looks
    return {
        "machines": fleet.origins * fleet.cores * 24 * costs.core_hour,
        "originals": day.total("fetches") * costs.gets,
        "results": results if fleet.shared else 0.0,
    }


def gives_in(fleet: Fleet, day: Day) -> dict[str, float]:
    """How much of each part is in use when most is: 1 is where it gives in.

    S3 takes 5,500 GETs and 3,500 PUTs a second for each prefix (S3 user guide, "Optimizing performance"), and
    all may stand below one: results are named after the keys of their originals. One Valkey takes 100,000
    commands a second; a render costs 4.
    """
    return {
        "cores": float(day.cores.max()) / (fleet.origins * fleet.cores),
        "GETs of results": float(day.gets.max()) / 5500,
        "PUTs of results": float(day.puts.max()) / 3500,
        "GETs of originals": float(day.fetches.max()) / 5500,
        "Valkey": 4 * float(day.renders.max()) / 100_000 if fleet.shared else 0.0,
    }


def rows(fleet: Fleet, sizes: Sequence[int], shares: Sequence[float]) -> list[list[str]]:
    """The table: one row for each size of fleet, share of the CDN, with and without the shared tier."""
    table = []
    for share in shares:
        for origins in sizes:
            for shared in (False, True):
                own = replace(fleet, origins=origins, cdn=share, shared=shared)
                cold, day = simulate(own)
                spent, used = money(own, day), gives_in(own, day)
                first = max(used, key=lambda name: used[name])
                table.append([
                    f"{share:.0%}", str(origins), "yes" if shared else "no",
                    f"{day.total('asked') / 1e6:.0f}", f"{day.total('renders') / 1e6:.1f}",
                    f"{day.total('fetches') / 1e6:.1f}", f"{day.total('gets') / 1e6:.1f}",
                    f"{np.median(day.cores):.0f}", f"{day.cores.max():.0f}", f"{cold.cores.max():.0f}",
                    f"{spent['machines']:.0f}", f"{spent['originals'] + spent['results']:.0f}",
                    f"{first} {used[first]:.0%}",
                ])  # fmt: skip
    return table


HEADINGS = (
    *("CDN", "origins", "shared", "asked, M", "renders, M", "fetches, M", "bucket GETs, M"),
    *("cores", "cores at most", "cores, all empty"),
    *("machines, $", "requests and storage, $", "what gives in first"),
)


def plot(fleet: Fleet, path: Path) -> None:
    """Renders over the day, and cores by the number of origins, with and without the shared tier."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (over_day, by_size, by_share) = pyplot.subplots(3, 1, figsize=(9, 11), constrained_layout=True)
    hours = np.arange(int(DAY / STEP)) * STEP / 3600
    for shared in (False, True):
        for by_url in (True, False):
            own = replace(fleet, shared=shared, by_url=by_url)
            name = f"{'shared' if shared else 'each for itself'}, {'by URL' if by_url else 'any origin'}"
            over_day.plot(hours, simulate(own)[1].renders, label=name, linewidth=1)
    for when, what in ((LOSS, "one dies"), (PURGE, "a tenth purged"), (CDN_EMPTY, "CDN empty")):
        over_day.axvline(when / 3600, color="grey", linewidth=0.5)
        over_day.annotate(what, (when / 3600 + 0.1, 0.9), xycoords=("data", "axes fraction"), fontsize=8)
    over_day.set(
        yscale="log",
        xlabel="hour",
        ylabel="renders a second",
        title=f"{fleet.origins} origins, CDN {fleet.cdn:.0%}",
    )
    over_day.legend(fontsize=8)
    sizes = (2, 5, 10, 20, 30, 40, 50)
    for shared in (False, True):
        for by_url in (True, False):
            days = [simulate(replace(fleet, origins=n, shared=shared, by_url=by_url))[1] for n in sizes]
            name = f"{'shared' if shared else 'each for itself'}, {'by URL' if by_url else 'any origin'}"
            by_size.plot(sizes, [day.total("renders") / 1e6 for day in days], marker=".", label=name)
    by_size.set(xlabel="origins", ylabel="million renders in the day", ylim=(0, None))
    by_size.legend(fontsize=8)
    shares = np.linspace(0.95, 0.99, 9)
    for shared in (False, True):
        days = [simulate(replace(fleet, cdn=share, shared=shared))[1] for share in shares]
        by_share.plot(
            100 * shares,
            [day.cores.max() for day in days],
            marker=".",
            label="shared" if shared else "each for itself",
        )
    by_share.set(xlabel="% that the CDN answers by itself", ylabel="cores at most", ylim=(0, None))
    by_share.legend(fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=100)
    pyplot.close(figure)


@click.command()
@click.option("--views", default=1e9, show_default=True, help="Pictures a day, at the CDN.")
@click.option("--origins", default=(2, 10, 50), multiple=True, show_default=True, help="Sizes of the fleet.")
@click.option("--cdn", default=(0.95, 0.99), multiple=True, show_default=True, help="Shares of the CDN.")
@click.option("--any-origin", is_flag=True, help="The balancer does not look at URLs.")
@click.option("--plot/--no-plot", "plots", default=True, help="Write benchmarks/results/fleet.png.")
def main(
    views: float, origins: tuple[int, ...], cdn: tuple[float, ...], any_origin: bool, plots: bool
) -> None:
    """A day of a fleet, on paper."""
    fleet = Fleet(views=views, by_url=not any_origin)
    print("| " + " | ".join(HEADINGS) + " |")
    print("|---" * len(HEADINGS) + "|")
    for row in rows(fleet, origins, cdn):
        print("| " + " | ".join(row) + " |")
    if plots:
        plot(fleet, RESULTS / "fleet.png")


if __name__ == "__main__":
    main()
