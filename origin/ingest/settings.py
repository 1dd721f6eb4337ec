"""What a handler that takes pictures in is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field

from origin.formats import Format
from origin.imaging.protocol import Job
from origin.imaging.protocol import Normalisation
from origin.ingest.reply import Reply
from origin.sources.base import ObjectSettings
from origin.urls.options import Options


@dataclass(frozen=True, slots=True)
class CheckLimits:
    """What checking one picture may take."""

    max_pixels: int = 100_000_000  # width x height x frames
    max_frames: int = 100
    timeout: float = 10.0  # seconds
    max_bytes: int = 50_000_000  # what is larger could not be read again


@dataclass(frozen=True, slots=True)
class WriteSettings:
    """How pictures come in."""

    accept: tuple[str, ...]  # names of formats
    max_bytes: int = 20_000_000  # of a request's body
    field_name: str = "file"
    data_uri: bool = False
    name: str = "{yyyy}/{mm}/{uuid}"
    extensions: Mapping[str, str] = field(default_factory=dict)  # by the format that was sent
    normalisation: Normalisation = field(default_factory=Normalisation)
    object: ObjectSettings = field(default_factory=ObjectSettings)
    reply: Reply = field(default_factory=Reply)
    statuses: Mapping[str, int] = field(default_factory=dict)  # of failures, by class
    limits: CheckLimits = field(default_factory=CheckLimits)

    def job(self, accept: tuple[str, ...]) -> Job:
        """The job that checks a picture in one of these formats and puts it in order."""
        limits = self.limits
        return Job(
            Options(),
            "original",
            {},
            accept,
            limits.max_pixels,
            limits.max_frames,
            normalisation=self.normalisation,
        )

    def extension(self, sent: Format, stored: Format) -> str:
        return self.extensions.get(sent.name, stored.name)
