"""What a model that makes its pictures in steps can't be combined with, told before any work."""

from __future__ import annotations

from typing import Any

from vtoncompress.model.base import StepwiseModel, TryOnModel
from vtoncompress.options import Config, built, used
from vtoncompress.sampling.base import Sampling

RUNTIMES = ("torch", "onnxruntime", "openvino")


def check_steps(config: Config, network: TryOnModel) -> None:
    """ValueError for a sampler that is out of range, or a choice that knows models of one graph only.

    Args:
        config: of a variant, resolved.
        network: the model, on the meta device.
    """
    name, dynamic = config["model"]["name"], config["export"].get("dynamic")
    sampling = config["model"].get("sampling")
    if not isinstance(network, StepwiseModel):
        if sampling:
            raise ValueError(f"sampling={_choice(sampling)} is for models that work in steps: leave it out for {name}")
        if dynamic:
            raise ValueError(f"export.dynamic=true is for models that work in steps: {name} has one size, leave it out")
        return
    if dynamic and any(side % network.multiple for side in network.size):
        raise ValueError(
            f"export.dynamic=true: sizes are multiples of {network.multiple} then, and so must be "
            f"model.size={[*network.size]}"
        )
    if "agnostic_mask" in network.inputs:
        for group in ("data", "training_data"):
            _check_masked(name, group, config[group])
    if not sampling:
        raise ValueError(f"sampling=none, but {name} works in steps: choose ddim, dpm_solver or unipc")
    _check_sampling(network, chosen := built(sampling))
    built(config["finetuning"]).check_sampling(chosen)
    if dynamic and chosen.merging:
        raise ValueError("export.dynamic=true leaves open which tokens sampling.merging merges: use one of the two")
    mode, runtime = config["quantization"], _runtime(config["export"])
    if runtime not in RUNTIMES:
        raise ValueError(f"{name} can't run on {runtime}: it runs on {', '.join(RUNTIMES)} (set export=...)")
    if runtime not in (known := built(used(mode)).step_runtimes):
        where = f"it takes them on {', '.join(sorted(known))} (set export=...)" if known else "use nncf_ptq or hybrid"
        raise ValueError(
            f"quantization={_choice(mode)} does not take models of several graphs, such as {name}: {where}"
        )


def _check_masked(name: str, group: str, data: Config) -> None:
    """ValueError where the pairs of ``data`` show nobody where to paint."""
    if not built(data).masked:
        raise ValueError(
            f"{group}={data['_target_'].rpartition('.')[2]} has no masks of persons, and {name} paints inside one: set "
            f"{group}.masked=true for photos, or choose another data set"
        )


def _check_sampling(network: StepwiseModel, sampling: Sampling) -> None:
    """ValueError where the network can't make its pictures so. It is left as it was: a sweep's variants share it.

    Merging is built into its attention: a variant without any would prune another network than it has.
    """
    before = network.sampling
    try:
        network.set_sampling(sampling)
    finally:
        network.set_sampling(before)


def _choice(node: Config) -> str:
    return str(node["_target_"].split(".")[-2])


def _runtime(node: Config) -> Any:
    return built(node).runtime
