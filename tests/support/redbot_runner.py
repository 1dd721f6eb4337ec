"""Runs redbot over requests: a program of its own, since redbot's event loop is.

Reads a JSON list of `[url, method, headers]` from stdin and writes, in the same order, a list of the notes
on each: `[level, name, text]`.
"""

from __future__ import annotations

import json
import sys
from configparser import ConfigParser

import thor
from redbot.resource import HttpResource


def notes(resource: HttpResource) -> list[list[str]]:
    """The notes on the answer, and on those to redbot's questions about validators and ranges."""
    if resource.fetch_error is not None:
        return [["bad", "FETCH_ERROR", repr(resource.fetch_error)]]
    return [[note.level.value, type(note).__name__, note.summary] for note in resource.response.notes]


def main() -> None:
    settings = ConfigParser()
    settings.read_dict({"redbot": {"enable_local_access": "True"}})
    resources = []
    for url, method, headers in json.load(sys.stdin):
        resource = HttpResource(settings["redbot"])
        resource.set_request(url, method, list(headers.items()))
        resources.append(resource)
    waiting = list(resources)

    def one_is_done() -> None:
        waiting.pop()
        if not waiting:
            thor.stop()

    for resource in resources:
        resource.on("check_done", one_is_done)
        resource.check()
    thor.run()
    json.dump([notes(resource) for resource in resources], sys.stdout)


if __name__ == "__main__":
    main()
