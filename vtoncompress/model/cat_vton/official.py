"""CatVTON's published weights, and our own in the same layout: unet/, vae/, scheduler/ and attention/ in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from vtoncompress.model.cat_vton.cat_vton import CatVTON
from vtoncompress.model.cat_vton.layout import (
    ATTENTION,
    ATTENTION_WEIGHTS,
    CONFIG,
    SCHEDULER,
    SCHEDULER_CONFIG,
    UNET,
    VAE,
    WEIGHTS,
    State,
    find_weights,
    read_config,
    read_state,
)  # fmt: skip
from vtoncompress.model.cat_vton.unet import attention_state, load_attention_state
from vtoncompress.model.weight_file import read_shapes, read_weight_file

SHOWN = 3
CONFIGS = (CONFIG, SCHEDULER_CONFIG)
FREE = {"sample_size", "cross_attention_dim", "scaling_factor"}
"""Of a config, what changes no layer here: the size of the training's pictures, the text, and a factor that is read."""


def load_official(model: CatVTON, base: Path | str, vae: Path | str | None, attention: Path | str | None) -> list[str]:
    """Load published weights into ``model``, in place and only if all of them fit. No code in a file is run.

    Args:
        model: of the checkpoints' configs.
        base: folder with ``unet/`` and perhaps ``scheduler/``, or a file of the UNet's weights.
        vae: folder of the autoencoder, or a file of its weights; None for ``vae/`` in ``base``.
        attention: folder with ``attention/model.safetensors``, or such a file, whose layers replace the UNet's; None
            for that of ``base`` where it has one, otherwise for the UNet's own.

    Returns:
        The parts that were left: none.

    Raises:
        ValueError: a file that is missing, damaged, would run code, or belongs to another network.
    """
    states, scale = _fitting(model, base, vae, attention, read_weight_file)
    for part in (UNET, VAE):
        model.parts[part].load_state_dict(states[part])
    model.latent_scale.fill_(scale)
    if ATTENTION in states:
        load_attention_state(model.unet, states[ATTENTION])
    return []


def check_official(model: CatVTON, base: Path | str, vae: Path | str | None, attention: Path | str | None) -> None:
    """ValueError as :func:`load_official`, of which the weights themselves are not read; ``model`` may lack its own."""
    _fitting(model, base, vae, attention, read_shapes)


def _fitting(
    model: CatVTON,
    base: Path | str,
    vae: Path | str | None,
    attention: Path | str | None,
    read: Callable[[Path], object],
) -> tuple[dict[str, State], float]:
    """What the files hold, by part, and the latents' scale. Errors as :func:`load_official`."""
    files = official_files(base, vae, attention)
    settings = model.arguments()
    for part, path in ((part, path) for part, paths in files.items() for path in paths if path.name in CONFIGS):
        config = read_config(path) or {}
        _check_config(path, part, config, settings[part])
        settings[part] |= config
    weights = {part: paths[0] for part, paths in files.items() if part != SCHEDULER}
    states = {part: read_state(file, read) for part, file in weights.items()}
    for part, state in states.items():
        _check_fit(weights[part], *_layers(model, part), state)
    return states, float(settings[VAE].get("scaling_factor", 1.0))


def _layers(model: CatVTON, part: str) -> tuple[str, State]:
    """What a part is called in a message, and its tensors in the model."""
    if part == ATTENTION:
        return "UNet's self-attention", attention_state(model.unet)
    return part, model.parts[part].state_dict()


def load_attention(model: CatVTON, source: Path | str) -> None:
    """Replace the self-attention layers alone, by an attention checkpoint. ValueError as :func:`load_official`."""
    file = find_weights(Path(source), ATTENTION, ATTENTION_WEIGHTS)
    state = read_state(file)
    _check_fit(file, *_layers(model, ATTENTION), state)
    load_attention_state(model.unet, state)


def official_files(
    base: Path | str | None, vae: Path | str | None, attention: Path | str | None
) -> dict[str, list[Path]]:
    """Of each part the files that are read: its weights, which the scheduler lacks, and its config where it has one.

    ValueError where weights are missing.
    """
    if base is None:
        raise ValueError("model.official.base is not given: name the folder that has unet/ and scheduler/")
    unet, autoencoder = find_weights(Path(base), UNET), find_weights(Path(vae or base), VAE)
    files = {
        UNET: [unet, unet.parent / CONFIG],
        VAE: [autoencoder, autoencoder.parent / CONFIG],
        SCHEDULER: [Path(base) / SCHEDULER / SCHEDULER_CONFIG],
    }
    if attention is not None or (Path(base) / ATTENTION).is_dir():
        files[ATTENTION] = [find_weights(Path(attention or base), ATTENTION, ATTENTION_WEIGHTS)]
    there = {part: [path for path in paths if path.is_file()] for part, paths in files.items()}
    return {part: paths for part, paths in there.items() if paths}


def save_official(model: CatVTON, folder: Path) -> None:
    """Write ``model`` into ``folder`` in upstream's layout, so that :func:`load_official` needs nothing else.

    Without cross-attention: what is not used is not stored.

    Raises:
        ValueError: ``model`` is pruned.
    """
    check_whole(model)
    settings = model.arguments()
    settings[VAE]["scaling_factor"] = float(model.latent_scale)
    kinds = {UNET: "UNet2DConditionModel", VAE: "AutoencoderKL"}
    for part, kind in kinds.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        _write_json(folder / part / CONFIG, {"_class_name": kind, **settings[part]})
        save_file(_stored(model.parts[part].state_dict()), folder / part / WEIGHTS[0])
    (folder / SCHEDULER).mkdir(exist_ok=True)
    _write_json(folder / SCHEDULER / SCHEDULER_CONFIG, {"_class_name": "DDIMScheduler", **settings[SCHEDULER]})
    save_attention(model, folder)


def save_attention(model: CatVTON, folder: Path) -> None:
    """Write ``attention/model.safetensors`` into ``folder``: the self-attention layers, numbered as upstream does.

    Raises:
        ValueError: ``model`` is pruned.
    """
    check_whole(model)
    (folder / ATTENTION).mkdir(parents=True, exist_ok=True)
    save_file(_stored(attention_state(model.unet)), folder / ATTENTION / ATTENTION_WEIGHTS[0])


def check_whole(model: CatVTON) -> None:
    """ValueError where pruning took something: upstream's configs can't tell what, so that no reader would fit."""
    with torch.device("meta"):
        dense = CatVTON(**model.arguments()).state_dict()
    if model.form() or {n: t.shape for n, t in model.state_dict().items()} != {n: t.shape for n, t in dense.items()}:
        raise ValueError(
            "the network is pruned, for which upstream's layout has no place: give the dense one, or keep a checkpoint"
        )


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")


def _stored(state: Mapping[str, Tensor]) -> State:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}


def _check_config(path: Path, part: str, found: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """ValueError where the config beside the weights is of a network of another form than the model's."""
    counted = (expected.keys() & found.keys()) - FREE
    different = [name for name in expected if name in counted and _plain(found[name]) != _plain(expected[name])]
    if different:
        name = different[0]
        raise ValueError(
            f"{path} is of another network: {name} is {found[name]}, in the model {expected[name]}; set "
            f"model.network.{part}.{name}, or give the folder of this one"
        )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _check_fit(path: Path, part: str, expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> None:
    """ValueError that names keys and shapes unless ``state`` is of ``part``."""
    missing, unknown = [*(expected.keys() - state.keys())], [*(state.keys() - expected.keys())]
    shapes = [name for name in expected.keys() & state.keys() if expected[name].shape != state[name].shape]
    problems = []
    if missing:
        problems.append(f"{len(missing)} keys are missing ({_some(missing)})")
    if unknown:
        problems.append(f"{len(unknown)} are not the network's ({_some(unknown)})")
    if shapes:
        name = min(shapes)
        widths = f"{name} is {[*state[name].shape]}, not {[*expected[name].shape]}"
        problems.append(f"{len(shapes)} shapes differ, it is of another width ({widths})")
    if problems:
        raise ValueError(f"{path} does not fit the {part}: {'; '.join(problems)}; give the one of this model")


def _some(names: Iterable[str]) -> str:
    listed = sorted(names)
    return ", ".join(listed[:SHOWN]) + (", ..." if len(listed) > SHOWN else "")
