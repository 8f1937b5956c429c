"""The YAML files of a sweep's configs, each read once: Hydra reads all of them again for every job."""

from __future__ import annotations

import copy
from typing import Any

from hydra._internal.config_repository import ConfigRepository
from hydra.core.config_search_path import ConfigSearchPath
from hydra.plugins.config_source import ConfigResult


class OnceReadRepository(ConfigRepository):
    """Where Hydra's loader finds configs. Copies of it, which the loader makes for each job, share what was read.

    That saves 1.2 s of 7.2 of a finished sweep of thirty, and no job sees a file that changed during the sweep.

    Args:
        config_search_path: of the loader.
    """

    def __init__(self, config_search_path: ConfigSearchPath) -> None:
        super().__init__(config_search_path)
        self._read: dict[tuple[object, ...], ConfigResult | None] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> OnceReadRepository:
        other = copy.copy(self)
        other.sources = copy.deepcopy(self.sources, memo)
        return other

    def load_config(self, config_path: str) -> ConfigResult | None:
        """A copy of its own, as composing changes it; None where there is no such config."""
        key = (config_path, *((source.scheme(), source.path) for source in self.sources))
        if key not in self._read:
            self._read[key] = super().load_config(config_path)
        return copy.deepcopy(self._read[key])
