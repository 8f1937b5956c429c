"""``${scope_modules:warp}`` in a config: the submodules that conf/scope/warp.yaml names.

Quantization has a scope of its own beside that of pruning, ``quantization.scope=warp``. Hydra looks through all modules
of this folder, which is how the resolver gets to whatever composes a config.
"""

from pathlib import Path

from omegaconf import OmegaConf

SCOPES = Path(__file__).resolve().parents[1] / "conf" / "scope"


def scope_modules(name: str) -> list[str]:
    """ValueError for a scope that has no file."""
    path = SCOPES / f"{name}.yaml"
    if not path.is_file():
        known = ", ".join(sorted(path.stem for path in SCOPES.glob("*.yaml")))
        raise ValueError(f"unknown quantization.scope={name}: choose one of {known}")
    return [str(module) for module in OmegaConf.load(path).modules]


OmegaConf.register_new_resolver("scope_modules", scope_modules, replace=True)
