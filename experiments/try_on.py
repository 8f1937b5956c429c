"""Put a garment on a person: two photos in, a picture out. conf/try_on.yaml shows how."""

import sys
from typing import Any, cast

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress.errors import run_main
from vtoncompress.image import check_writable, read_image, read_mask, write_image
from vtoncompress.masking.agnostic import check_agnostic
from vtoncompress.opening import open_try_on, sampler_options
from vtoncompress.try_on import check_garment_mask


@hydra.main(version_base=None, config_path="../conf", config_name="try_on")
def main(cfg: DictConfig) -> None:
    """Read, open, call, write; what can fail cheaply comes first."""
    if cfg.threads is not None and (not isinstance(cfg.threads, int) or cfg.threads < 1):
        raise ValueError(f"threads={cfg.threads}: use 1 or more, or null for the runtime's own choice")
    sampler = sampler_options(cfg.steps, cfg.guidance, cfg.seed)
    check_writable(cfg.out)
    person, garment = read_image(cfg.person), read_image(cfg.garment)
    mask = None if cfg.mask is None else read_mask(cfg.mask)
    person_mask = None if cfg.person_mask is None else read_mask(cfg.person_mask)
    if mask is not None:
        check_garment_mask(mask, garment)
    if person_mask is not None:
        check_agnostic(person_mask, person)
    foreground, masker = instantiate(cfg.foreground), instantiate(cfg.masking)
    model = cast("dict[str, Any]", OmegaConf.to_container(cfg.model, resolve=True))
    size = None if cfg.size is None else list(cfg.size)
    overrides = list(HydraConfig.get().overrides.task)
    try_on = open_try_on(
        cfg.deployment, cfg.checkpoint, model, cfg.threads, cfg.cache, dict(cfg.devices), size, overrides
    )
    try_on.masker, try_on.foreground = masker, foreground
    write_image(cfg.out, try_on.with_sampler(sampler)(person, garment, mask, person_mask))
    print(cfg.out)


if __name__ == "__main__":
    sys.exit(run_main(main))
