"""The shipped network, deployed dense and in INT8: ``python -m vtoncompress.demo.prepare STORE``.

In a process of its own, so that the one that serves stays free of torch. Prints a line a recipe: name, tab, folder.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from vtoncompress.demo.recipe import Recipe, open_recipe
from vtoncompress.deployment import FILES
from vtoncompress.record import ROOT
from vtoncompress.store import Store

SHIPPED = {"shipped, float32": [], "shipped, INT8": ["quantization=nncf_ptq"]}
DENSE = "shipped, float32"


def prepare(store: Path) -> list[Recipe]:
    """The recipes, built where the store lacks them: a minute or two once.

    Raises:
        ValueError: they can't be built.
    """
    command = [sys.executable, "-m", "vtoncompress.demo.prepare", str(store)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise ValueError("the shipped network can't be deployed, for the reason above")
    lines = (line.split("\t") for line in done.stdout.splitlines() if "\t" in line)
    return [open_recipe(name, Path(folder), name == DENSE) for name, folder in lines]


def main(store: Path) -> None:
    """Build what is missing and print where all of it is."""
    from hydra import compose, initialize_config_dir

    from vtoncompress.pipeline import plan
    from vtoncompress.sweep import complete

    with initialize_config_dir(str(ROOT / "conf"), version_base="1.3"):
        for name, overrides in SHIPPED.items():
            options = [f"store={store}", "name=demo", "variant=demo", *overrides]
            cfg = compose("config", options, return_hydra_config=True)
            config = complete(cfg, cfg.hydra.runtime.choices, 0)
            artifact, _ = plan(config).deployment.build(Store(store))
            print(name, artifact.path / FILES, sep="\t", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
