"""What a model that makes its pictures in steps can't be combined with, told before any work."""

from __future__ import annotations

from typing import Any

from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.options import Config, built

RUNTIMES = ("torch", "onnxruntime", "openvino")


def check_steps(config: Config, network: TryOnModel) -> None:
    """ValueError for a sampler that is out of range, or a choice that knows models of one graph only.

    Args:
        config: of a variant, resolved.
        network: the model, on the meta device.
    """
    if not isinstance(network, StepwiseModel):
        return
    name = config["model"]["name"]
    network.set_sampling(built(config["model"]["sampling"]))
    quantization, runtime = _choice(config["quantization"]), _runtime(config["export"])
    if quantization != "none":
        raise ValueError(
            f"quantization={quantization} does not know models of several networks, such as {name}: use "
            "quantization=none"
        )
    if runtime not in RUNTIMES:
        raise ValueError(f"{name} can't run on {runtime}: it runs on {', '.join(RUNTIMES)} (set export=...)")


def _choice(node: Config) -> str:
    return str(node["_target_"].split(".")[-2])


def _runtime(node: Config) -> Any:
    return built(node).runtime
