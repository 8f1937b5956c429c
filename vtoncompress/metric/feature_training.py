"""Training of the shipped feature network: a classifier of what people wear, of which the first layers stay."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors.torch import save
from torch import Tensor, nn

from vtoncompress.metric.feature_data import CLASSES, COLOURS, Labelled, draw
from vtoncompress.metric.feature_network import CHANNELS, DIMENSION, FeatureNetwork, stage
from vtoncompress.progress import Progress


class Teacher(nn.Module):
    """What teaches the first layers: three more stages and a classifier on top of a :class:`FeatureNetwork`."""

    def __init__(self) -> None:
        super().__init__()
        self.features = FeatureNetwork()
        self.deeper = nn.Sequential(stage(CHANNELS[1], 48, 3, 2), stage(48, 96, 3, 2), stage(96, 128, 3, 2))
        reduced = nn.Sequential(nn.Conv2d(128, 48, 1), nn.ReLU(), nn.Flatten(), nn.Linear(48 * 48, 128), nn.ReLU())
        self.head = nn.Sequential(reduced, nn.Dropout(0.2), nn.Linear(128, sum(CLASSES.values()) + 3 * len(COLOURS)))

    def forward(self, pictures: Tensor) -> tuple[list[Tensor], Tensor]:
        """(N, 3, 128, 96) in 0..255 -> logits (N, classes) of each label, and (N, 6) colours."""
        output = self.head(self.deeper(self.features.activations(pictures)[-1]))
        *logits, colours = output.split([*CLASSES.values(), 3 * len(COLOURS)], 1)
        return logits, colours

    def loss(self, pictures: Tensor, classes: Tensor, colours: Tensor) -> Tensor:
        """Cross entropies of the labels and the squared error of the colours."""
        logits, found = self(pictures)
        entropy = sum(F.cross_entropy(one, classes[:, i]) for i, one in enumerate(logits))
        return entropy + 30 * F.mse_loss(found, colours)


def fit(teacher: Teacher, data: Labelled, epochs: int, batch_size: int, learning_rate: float, seed: int) -> None:
    """Train in place. Pictures are mirrored, shifted by up to 4 pixels and made noisy."""
    generator = torch.Generator().manual_seed(seed)
    batches = len(data.pictures) // batch_size
    optimizer = torch.optim.AdamW(teacher.parameters(), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=epochs * batches)
    teacher.train()
    with Progress("training the feature network", epochs * batches) as progress:
        for _ in range(epochs):
            order = torch.randperm(len(data.pictures), generator=generator)
            for chosen in order[: batches * batch_size].split(batch_size):
                pictures = _vary(data.pictures[chosen].float(), generator)
                loss = teacher.loss(pictures, data.classes[chosen], data.colours[chosen])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                progress.step({"loss": loss.item()})
    teacher.eval()


def _vary(pictures: Tensor, generator: torch.Generator) -> Tensor:
    if torch.rand((), generator=generator) < 0.5:
        pictures = pictures.flip(-1)
    down, right = torch.randint(-4, 5, (2,), generator=generator).tolist()
    noise = torch.randn(pictures.shape, generator=generator) * 4 * torch.rand((), generator=generator)
    return pictures.roll((down, right), (-2, -1)) + noise


@torch.no_grad()
def whiten(network: FeatureNetwork, pictures: Tensor) -> None:
    """Set centre and projection: standardised values turned to their first 64 principal axes, of variance 1 each."""
    pooled = _apply(network.pool, pictures).double()
    deviation = pooled.std(0)
    scale = 1 / (deviation + 1e-3 * deviation.max())
    variances, axes = torch.linalg.eigh(torch.cov((pooled - pooled.mean(0)).mul(scale).T))
    axes = axes.flip(1)[:, :DIMENSION] / variances.flip(0)[:DIMENSION].sqrt()
    network.centre.copy_(pooled.mean(0))
    network.projection.copy_(scale[:, None] * axes)


@torch.no_grad()
def accuracies(teacher: Teacher, known: Labelled, held_out: Labelled) -> dict[str, dict[str, float]]:
    """Shares of held-out pictures told right, by a linear readout of the 64 features, by the teacher, by a constant.

    The readout is least squares on the known pictures; the constant is their commonest class; colours have R^2.
    """
    logits, colours = zip(*(teacher(part.float()) for part in held_out.pictures.split(64)), strict=True)
    x, y = (_affine(_apply(teacher.features, data.pictures)) for data in (known, held_out))
    found = {}
    for index, (name, count) in enumerate(CLASSES.items()):
        truth = held_out.classes[:, index]
        readout = torch.linalg.lstsq(x, F.one_hot(known.classes[:, index], count).to(x.dtype)).solution
        found[name] = {
            "features": _share((y @ readout).argmax(1) == truth),
            "teacher": _share(torch.cat([part[index] for part in logits]).argmax(1) == truth),
            "commonest": _share(truth == known.classes[:, index].mode().values),
        }
    readout = torch.linalg.lstsq(x, known.colours.to(x.dtype)).solution
    for index, name in enumerate(COLOURS):
        part = slice(3 * index, 3 * index + 3)
        truth = held_out.colours[:, part]
        guesses = {"features": (y @ readout)[:, part], "teacher": torch.cat(colours)[:, part]}
        variance = (truth - known.colours[:, part].mean(0)).square().mean()
        found[f"colour_{name}"] = {
            who: round(1 - float((guess - truth).square().mean() / variance), 3) for who, guess in guesses.items()
        }
    return found


def _share(right: Tensor) -> float:
    return round(float(right.double().mean()), 3)


def _affine(x: Tensor) -> Tensor:
    return torch.cat([x.double(), torch.ones(len(x), 1, dtype=torch.float64)], 1)


def _apply(function: Any, pictures: Tensor) -> Tensor:
    return torch.cat([function(part.float()) for part in pictures.split(64)])


def train(config: Mapping[str, Any]) -> dict[str, Any]:
    """Draw, train, whiten, write ``config["out"]`` (weights) and ``config["report"]`` (JSON), and return the report.

    The weights depend on the config alone; how long it took is in the report only.
    """
    start = time.process_time()
    torch.set_num_threads(config["threads"])
    torch.manual_seed(config["seed"])
    known, held_out = draw("train", config["pictures"]), draw("test", config["held_out"])
    teacher = Teacher()
    fit(teacher, known, config["epochs"], config["batch_size"], config["learning_rate"], config["seed"])
    whiten(teacher.features, known.pictures)
    settings = {key: value for key, value in config.items() if key not in ("out", "report")}
    description = {"what": "vtoncompress feature network", "config": settings, "torch": torch.__version__}
    report = description | {
        "cpu_seconds": round(time.process_time() - start),
        "held_out": accuracies(teacher, known, held_out),
    }
    weights = save(
        {name: tensor.contiguous() for name, tensor in teacher.features.state_dict().items()},
        {"description": json.dumps(description, sort_keys=True)},
    )
    _write(Path(config["out"]), weights)
    _write(Path(config["report"]), (json.dumps(report, indent=2) + "\n").encode())
    return report


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    os.replace(unfinished, path)
