"""The published counts, and the one that is wrong."""

from __future__ import annotations

from hydra.utils import instantiate
from omegaconf import OmegaConf
from torch._subclasses.fake_tensor import FakeTensorMode

from tests.conftest import ROOT
from vtoncompress.metric.macs import count_call
from vtoncompress.model.cat_vton.counts import count, table
from vtoncompress.sampling.ddim import DDIM
from vtoncompress.sampling.dpm_solver import DPMSolver


def test_counts_are_the_published_ones_but_for_the_total() -> None:
    config = OmegaConf.create({"model": OmegaConf.load(ROOT / "conf/model/cat_vton.yaml")})
    counts = count(OmegaConf.to_container(config.model.network, resolve=True))  # type: ignore[arg-type]
    assert (counts.trainable, counts.cross_attention, counts.text_encoder) == (49_574_080, 43_962_560, 123_060_480)
    assert (counts.total, counts.removed) == (899_226_667, 167_023_040)
    assert round(counts.without_group_norms / 1e6, 2) == 899.06
    assert round(100 * counts.trainable_share, 2) == 5.51
    docs = (ROOT / "docs/cat_vton.md").read_text()
    assert table(counts) in docs


def test_the_docs_say_what_an_image_costs() -> None:
    """The published size, counted on tensors without content."""
    config = OmegaConf.create({"model": OmegaConf.load(ROOT / "conf/model/cat_vton.yaml")})
    docs = (ROOT / "docs/cat_vton.md").read_text()
    fast = DPMSolver(steps=8, reuse=2, guidance_window=[0, 0.5], merging=0.5)
    with FakeTensorMode(allow_non_fake_inputs=True):
        model = instantiate(config.model.network)
        for sampling, calls, share in ((DDIM(), "100", "1"), (fast, "6, and 6 of the outer layers", "0.081")):
            model.set_sampling(sampling)
            cost = count_call(model)
            assert f"| {calls} | {cost.total / 1e9:,.0f} | {share} |" in docs
        merged, outer = (cost.graphs[name] / 1e9 for name in ("unet", "unet_outer"))
        assert f"({merged:.1f} merged), of its outer layer 54.0 ({outer:.1f})" in docs
