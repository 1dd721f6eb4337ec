"""The files that are made of an original when it is stored: a preset for each suffix of `derive`.

They are what the origin itself answers to a URL with that name (`preset_names`), byte for byte, for buckets
and folders that others serve.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace

from origin.delivery.settings import RenderSettings
from origin.errors import BadRequest
from origin.errors import Malformed
from origin.errors import Unsupported
from origin.formats import DESCRIPTION_NAMES
from origin.formats import Format
from origin.formats import sniff
from origin.ingest.checker import render_what_comes_in
from origin.render.pool import RenderPool
from origin.sources.object_metadata import Crop
from origin.urls.options import Options
from origin.urls.parsing import OptionDefaults
from origin.urls.parsing import parse_options
from origin.urls.presets import NamedPreset
from origin.urls.presets import derived_name
from origin.urls.presets import find_derived_suffix
from origin.urls.presets import stem_of


@dataclass(frozen=True, slots=True)
class DerivedFile:
    """A file made of an original. `digest` is equal for all that are made alike of the same."""

    key: str
    body: bytes
    mime: str
    digest: str


@dataclass(frozen=True, slots=True)
class _Plan:
    """A file that is to be made."""

    key: str
    preset: str
    format: str
    options: Options


class Deriver:
    """Makes the files of one handler.

    `presets` has the names of presets by suffix; no suffix ends in another. `settings` and `defaults` are
    those by which the handler renders; `accepted` are the formats of originals.
    """

    def __init__(
        self,
        handler: str,
        presets: Mapping[str, str],
        *,
        defaults: OptionDefaults,
        settings: RenderSettings,
        accepted: Iterable[str],
        pool: RenderPool,
    ) -> None:
        self._handler = handler
        self._presets = presets
        self._defaults = defaults
        self._settings = settings
        self._allowed = tuple(dict.fromkeys((*settings.allowed, *accepted)))
        self._pool = pool
        self._formats = {suffix: find_own_format(names, defaults) for suffix, names in presets.items()}

    def check_key(self, key: str) -> None:
        """Raises Malformed for a key that only a file made of an original may have."""
        suffix = find_derived_suffix(key, self._presets)
        if suffix is not None:
            raise Malformed(f"names that end in {suffix} are those of files that are made of others")

    def is_key(self, key: str) -> bool:
        """Whether it is the key of a file made of an original."""
        return find_derived_suffix(key, self._presets) is not None

    def keys(self, key: str) -> list[str]:
        """The keys of the files of an original."""
        return [derived_name(key, suffix, self._formats[suffix])[0] for suffix in self._presets]

    def siblings(self, key: str) -> list[str]:
        """The keys of other originals that would share a file with this one: that of `cat.svg` is that of
        `cat.jpg`, and with a preset that makes WebP all pictures of one name have one."""
        stem, own = stem_of(key), set(self.keys(key))
        others = [f"{stem}.{extension}" for extension in self._defaults.preset_names.extensions]
        return [other for other in (stem, *others) if other != key and not own.isdisjoint(self.keys(other))]

    def digests(self, key: str, body: bytes, crop: Crop | None) -> dict[str, str]:
        """What the digest of each file is, by its key, once it is made."""
        return {plan.key: self._digest(plan, body, crop) for plan in self._plans(key)}

    def describe(self) -> str:
        """Which files are made and how, in one word: another word where any of them would be another one."""
        how = [(plan.key, self._digest(plan, b"", None)) for plan in self._plans("x.jpg")]
        return f"{','.join(self._presets)}-{hashlib.sha256(json.dumps(how).encode()).hexdigest()[:16]}"

    def originals(self, key: str) -> tuple[str, ...]:
        """The keys of which a file with this key may have been made."""
        named = self._defaults.preset_names.read(key)
        suffix = find_derived_suffix(key, self._presets)
        if named is None or suffix is None:
            return ()
        return (*named.originals, key.rpartition(".")[0].removesuffix(suffix))

    async def make(self, key: str, body: bytes, crop: Crop | None) -> list[DerivedFile]:
        """All files of an original. Raises Unsupported and Overloaded."""
        return [await self._make(plan, body, crop) for plan in self._plans(key)]

    def _plans(self, key: str) -> list[_Plan]:
        plans = []
        for suffix, names in self._presets.items():
            file, format = derived_name(key, suffix, self._formats[suffix])
            options = parse_options([], self._defaults, NamedPreset(names, format, ()))
            plans.append(_Plan(file, names, options.format, options))
        return plans

    async def _make(self, plan: _Plan, body: bytes, crop: Crop | None) -> DerivedFile:
        digest, sent = self._digest(plan, body, crop), sniff(body)
        if plan.options.only is not None and sent is not None and sent.name not in plan.options.only:
            return DerivedFile(plan.key, body, sent.mime, digest)  # the preset is not for it
        job = replace(self._settings.job(plan.options, plan.format, crop), allowed=self._allowed)
        try:
            rendered = await render_what_comes_in(
                self._pool, body, job, self._settings.timeout, self._handler
            )
        except BadRequest as error:
            raise Unsupported(f"the preset {plan.preset} cannot be made of this picture") from error
        return DerivedFile(plan.key, rendered.body, rendered.format.mime, digest)

    def _digest(self, plan: _Plan, body: bytes, crop: Crop | None) -> str:
        how = [
            plan.options.canonical(),
            plan.format,
            str(crop),
            self._settings.digest(str(self._pool.hello.get("pipeline"))),
            self._settings.watermark_digest(plan.options),
        ]
        of = hashlib.sha256(body).hexdigest()
        return hashlib.sha256(json.dumps([of, *how]).encode()).hexdigest()[:32]


def find_own_format(names: str, defaults: OptionDefaults) -> str | None:
    """The format that presets name themselves; None where the original decides.

    Raises ValueError where they name no format of a picture.
    """
    free = replace(defaults, names=None, format="original", preset=None)
    format = parse_options([(b"p", names.encode())], free).format
    if format in DESCRIPTION_NAMES:
        raise ValueError(format)
    return None if format in ("original", "auto") else Format.named(format).name
