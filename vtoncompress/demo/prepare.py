"""Shipped networks, deployed dense and in INT8: ``python -m vtoncompress.demo.prepare STORE MODEL ...``.

In a process of its own, so that the one that serves stays free of torch. Prints a line a recipe: name, ``dense`` or
``compressed``, and folder, with tabs between.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from vtoncompress.demo.recipe import Recipe, open_recipe
from vtoncompress.deployment import FILES
from vtoncompress.record import ROOT
from vtoncompress.shipped import FOLDER as WEIGHTS
from vtoncompress.store import Store

CONF = ROOT / "conf"
PRECISIONS = {"float32": "none", "INT8": "nncf_ptq"}
DENSE = "float32"
ORIGIN = "shipped"


def shipped() -> list[str]:
    """Model configs whose weights come with the package."""
    names = sorted(path.stem for path in (CONF / "model").glob("*.yaml"))
    checkpoints = (
        (name, OmegaConf.select(OmegaConf.load(CONF / "model" / f"{name}.yaml"), "checkpoint")) for name in names
    )
    return [name for name, checkpoint in checkpoints if checkpoint and (WEIGHTS / checkpoint).is_dir()]


def prepare(store: Path, models: Sequence[str]) -> Iterator[Recipe]:
    """The recipes of these ``shipped`` models, each as soon as it is there; built where the store lacks it.

    Raises:
        ValueError: they can't be built.
    """
    command = [sys.executable, "-m", "vtoncompress.demo.prepare", str(store), *models]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.count("\t") == 2:
                name, kind, folder = line.rstrip("\n").split("\t")
                yield open_recipe(name, Path(folder), kind == "dense", origin=ORIGIN)
    if process.returncode:
        raise ValueError("the shipped networks can't be deployed, for the reason above")


def main(store: Path, models: Sequence[str]) -> None:
    """Build what is missing and print where all of it is; what is compressed and refused is told on stderr instead."""
    from hydra import initialize_config_dir

    from vtoncompress.pipeline import plan

    with initialize_config_dir(str(CONF), version_base="1.3"):
        for name, precision, config in configs(store, models):
            try:
                artifact, _ = plan(config).deployment.build(Store(store))
            except ValueError as error:  # the parity gate's too
                if precision == DENSE:
                    raise
                print(f"{name}, {precision} is left out: {error}", file=sys.stderr)
                continue
            kind = "dense" if precision == DENSE else "compressed"
            print(f"{name}, {precision}", kind, artifact.path / FILES, sep="\t", flush=True)


def configs(store: Path, models: Sequence[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(model, precision, complete config) of each of the models, in the precisions that it can have.

    Within Hydra's ``initialize``.
    """
    from hydra import compose

    from vtoncompress.variant_check import check
    from vtoncompress.variant_config import complete

    for name in models:
        for precision, mode in PRECISIONS.items():
            options = [f"model={name}", f"store={store}", "name=demo", "variant=demo", f"quantization={mode}"]
            cfg = compose("config", options, return_hydra_config=True)
            try:
                check(cfg)
            except ValueError:
                if precision == DENSE:
                    raise
                continue  # a precision that this network can't have
            yield name, precision, complete(cfg, cfg.hydra.runtime.choices, 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
