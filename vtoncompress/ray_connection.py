"""A Hydra callback that joins a running Ray cluster before its launcher does."""

from __future__ import annotations

from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig


class RayConnection(Callback):
    """hydra-ray-launcher 1.2.2 asks for an object store of its own, which Ray refuses to whoever joins a cluster.

    Args:
        address: of the cluster, ``auto`` for the one that runs here; None lets the launcher start one.
    """

    def __init__(self, address: str | None) -> None:
        self.address = address

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Join. ValueError where no cluster answers."""
        if self.address is None:
            return
        import ray

        try:
            ray.init(address=self.address, log_to_driver=True)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise ValueError(f"launcher.address={self.address}: no Ray cluster answers there ({error})") from error
