"""The caches of an origin, one for each folder that a handler names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from origin.cache.disk import DiskTier
from origin.cache.disk_store import DiskStore
from origin.cache.memory import MemoryTier
from origin.cache.results import ResultCache
from origin.cache.tier import Tier
from origin.config.handler import Handler as HandlerConfig
from origin.config.model import Config
from origin.parts.shared import Fleet


class Caches:
    """They stay when a configuration is replaced, and with them what they hold."""

    def __init__(self) -> None:
        self.by_folder: dict[Path, ResultCache] = {}
        self._open: set[Path] = set()

    def of(self, whole: Config, config: HandlerConfig, fleet: Fleet | None) -> ResultCache | None:
        """The cache of the folder that the handler names; handlers share it with its limits."""
        settings = whole.cache
        if not config.caches or not (settings.max_size or settings.memory or fleet):
            return None
        path = config.cache_path or settings.path
        if path not in self.by_folder:
            tiers: list[Tier] = []
            if settings.max_size:
                tiers.append(DiskTier(DiskStore(path, settings.max_size, shared=settings.shared)))
            bucket = None if fleet is None else fleet.tier
            self.by_folder[path] = ResultCache(MemoryTier(settings.memory), tiers, bucket)
            if fleet is not None:
                fleet.caches.append(self.by_folder[path])
        return self.by_folder[path]

    async def open(self) -> bool:
        """Open those that no configuration has used until now; whether there are any. Raises ConfigError."""
        new = self.by_folder.keys() - self._open
        for path, cache in self.by_folder.items():
            if path in new:
                await cache.open()
                self._open.add(path)
        return bool(new)

    async def close(self) -> None:
        for cache in self.by_folder.values():
            await cache.close()

    def numbers(self) -> Iterator[tuple[str, str, float]]:
        for cache in self.by_folder.values():
            for measure in cache.measures():
                yield measure.name, measure.help, measure.read()
