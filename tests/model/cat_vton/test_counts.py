"""The published counts, and the one that is wrong."""

from __future__ import annotations

from omegaconf import OmegaConf

from tests.conftest import ROOT
from vtoncompress.model.cat_vton.counts import count, table


def test_counts_are_the_published_ones_but_for_the_total() -> None:
    config = OmegaConf.create({"model": OmegaConf.load(ROOT / "conf/model/cat_vton.yaml")})
    counts = count(OmegaConf.to_container(config.model.network, resolve=True))  # type: ignore[arg-type]
    assert (counts.trainable, counts.cross_attention, counts.text_encoder) == (49_574_080, 43_962_560, 123_060_480)
    assert (counts.total, counts.removed) == (899_226_667, 167_023_040)
    assert round(counts.without_group_norms / 1e6, 2) == 899.06
    assert round(100 * counts.trainable_share, 2) == 5.51
    docs = (ROOT / "docs/cat_vton.md").read_text()
    assert table(counts) in docs
