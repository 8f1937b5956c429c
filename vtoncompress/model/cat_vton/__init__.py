"""CatVTON: a latent diffusion model that inpaints a person beside the garment (docs/cat_vton.md)."""

from vtoncompress.model.cat_vton.cat_vton import CatVTON

__all__ = ["CatVTON"]
