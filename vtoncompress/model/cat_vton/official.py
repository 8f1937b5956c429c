"""CatVTON's published weights, and our own in the same layout: unet/, vae/, scheduler/ and attention/ in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

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

SHOWN = 3
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
    files = official_files(base, vae, attention)
    settings, beside = model.arguments(), {}
    for part, name in ((UNET, CONFIG), (VAE, CONFIG), (SCHEDULER, SCHEDULER_CONFIG)):
        path = (files[part].parent if part in files else Path(base) / part) / name
        beside[part] = read_config(path) or {}
        _check_config(path, part, beside[part], settings[part])
    states = {part: read_state(files[part]) for part in (UNET, VAE)}
    for part, state in states.items():
        _check_fit(files[part], part, model.parts[part].state_dict(), state)
    trained = read_state(files[ATTENTION]) if ATTENTION in files else None
    if trained is not None:
        _check_fit(files[ATTENTION], "UNet's self-attention", attention_state(model.unet), trained)
    for part, state in states.items():
        model.parts[part].load_state_dict(state)
    model.latent_scale.fill_(float({**settings[VAE], **beside[VAE]}.get("scaling_factor", 1.0)))
    if trained is not None:
        load_attention_state(model.unet, trained)
    return []


def load_attention(model: CatVTON, source: Path | str) -> None:
    """Replace the self-attention layers alone, by an attention checkpoint. ValueError as :func:`load_official`."""
    file = find_weights(Path(source), ATTENTION, ATTENTION_WEIGHTS)
    state = read_state(file)
    _check_fit(file, "UNet's self-attention", attention_state(model.unet), state)
    load_attention_state(model.unet, state)


def official_files(base: Path | str | None, vae: Path | str | None, attention: Path | str | None) -> dict[str, Path]:
    """The files of weights by part. ValueError where one is missing."""
    if base is None:
        raise ValueError("model.official.base is not given: name the folder that has unet/ and scheduler/")
    files = {UNET: find_weights(Path(base), UNET), VAE: find_weights(Path(vae or base), VAE)}
    if attention is not None or (Path(base) / ATTENTION).is_dir():
        files[ATTENTION] = find_weights(Path(attention or base), ATTENTION, ATTENTION_WEIGHTS)
    return files


def save_official(model: CatVTON, folder: Path) -> None:
    """Write ``model`` into ``folder`` in upstream's layout, so that :func:`load_official` needs nothing else.

    Without cross-attention: what is not used is not stored.
    """
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
    """Write ``attention/model.safetensors`` into ``folder``: the self-attention layers, numbered as upstream does."""
    (folder / ATTENTION).mkdir(parents=True, exist_ok=True)
    save_file(_stored(attention_state(model.unet)), folder / ATTENTION / ATTENTION_WEIGHTS[0])


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
