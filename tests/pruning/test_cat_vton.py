"""CatVTON gets smaller part by part, keeps its meaning, and opens again as it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.pruning.cat_vton import ATTENTION, FEED_FORWARD, UNET, Read, half_unread, on_meta, predicted, tiny
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l1 import MagnitudeL1
from vtoncompress.metric.macs import count_call
from vtoncompress.model.cat_vton import CatVTON
from vtoncompress.model.cat_vton.unet import self_attention
from vtoncompress.pruning.division import HEAD_WIDTHS, HEADS
from vtoncompress.pruning.iterative import Iterative
from vtoncompress.pruning.latency import LatencyAware
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.pruning.reached import compare, count


def _attention(model: CatVTON) -> list[tuple[int, int]]:
    """Heads and their width, layer by layer."""
    return [(layer.heads, layer.to_q.out_features // layer.heads) for layer in self_attention(model.unet).values()]


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("attention", [HEADS, HEAD_WIDTHS])
def test_what_nobody_reads_goes_without_a_trace(attention: str, steps: int) -> None:
    """Skips, norms over them, heads and gates: whatever is read afterwards is what was read before."""
    model = tiny()
    half_unread(model, attention)
    before, dense = predicted(model), count(model, UNET)
    Iterative(0.5, steps, attention=attention).prune(model, UNET, Read())
    assert torch.allclose(predicted(model), before, atol=1e-5)
    assert 0.49 < compare(dense, count(model, UNET))["unet"]["channels"]["removed"] < 0.51
    assert _attention(model) == [(1, 4) if attention == HEADS else (2, 2)] * 4


@pytest.mark.parametrize("scope", [ATTENTION, FEED_FORWARD, UNET])
@pytest.mark.parametrize("ranking", ["uniform", "global"])
def test_parameters_and_macs_fall_with_the_ratio_and_nothing_else_is_touched(scope: list[str], ranking: str) -> None:
    dense, costs, sizes = tiny(attention_head_dim=4), [], []
    for ratio in (None, 0.25, 0.5):
        model = tiny(attention_head_dim=4)
        if ratio is not None:
            OneShot(ratio, ranking=ranking).prune(model, scope, MagnitudeL1())
        costs.append(count_call(model))
        sizes.append(sum(parameter.numel() for parameter in model.parameters()))
    totals = [cost.total for cost in costs]
    assert totals == sorted(set(totals), reverse=True)
    assert sizes == sorted(set(sizes), reverse=True)
    products = [cost.operations["attention"] for cost in costs]
    assert products == (sorted(set(products), reverse=True) if scope != FEED_FORWARD else products[:1] * 3)
    for name, tensor in model.vae.state_dict().items():
        assert torch.equal(tensor, dense.vae.state_dict()[name])


def test_a_small_share_takes_heads_where_they_matter_least_until_all_layers_have_lost_it() -> None:
    model = tiny()
    weak = [*self_attention(model.unet).values()][2]
    for projection in (weak.to_q, weak.to_k, weak.to_v):
        nn.init.constant_(projection.weight, 1e-3)
        nn.init.constant_(projection.weight[4:], 1.0)
    OneShot(0.1).prune(model, ATTENTION, MagnitudeL1())
    assert _attention(model) == [(2, 4), (2, 4), (1, 4), (2, 4)]
    assert (weak.to_q.weight == 1).all()


def test_widths_of_heads_are_multiples_if_asked_for() -> None:
    model = tiny(block_out_channels=[32, 32], attention_head_dim=2)
    OneShot(0.3, attention=HEAD_WIDTHS, round_to=4).prune(model, ATTENTION, MagnitudeL1())
    assert _attention(model) == [(2, 12)] * 4


def test_norms_keep_their_groups() -> None:
    model = tiny(block_out_channels=[32, 16])
    OneShot(0.3).prune(model, UNET, MagnitudeL1())
    norms = [layer for layer in model.unet.modules() if isinstance(layer, nn.GroupNorm)]
    assert {layer.num_channels % layer.num_groups for layer in norms} == {0}
    assert {layer.num_groups for layer in norms} == {4}


@pytest.mark.parametrize("attention", [HEADS, HEAD_WIDTHS])
def test_it_opens_again_from_json_and_safetensors(attention: str, tmp_path: Path) -> None:
    model = tiny()
    OneShot(0.5, attention=attention).prune(model, UNET, MagnitudeL1())
    checkpoint.save(model, tmp_path)
    opened = checkpoint.load(tmp_path)
    assert isinstance(opened, CatVTON)
    assert torch.equal(predicted(opened), predicted(model))
    assert opened.form() == model.form()
    assert opened.arguments() == tiny().arguments()
    assert ("form" in json.loads((tmp_path / checkpoint.STRUCTURE).read_text())) == (attention == HEADS)
    OneShot(0.3, attention=HEAD_WIDTHS).prune(opened, ATTENTION, MagnitudeL1())  # and may lose more


@pytest.mark.parametrize(
    "form", [{"heads": {"unet.nowhere": 1}}, {"heads": {"unet.mid_block.attentions.0.transformer_blocks.0.attn1": 3}},
             {"heads": 1}, {"removed_blocks": ["unet.conv_in"]}, {"wings": 2}]
)  # fmt: skip
def test_a_form_that_can_not_be_is_told_in_one_line(form: object, tmp_path: Path) -> None:
    checkpoint.save(tiny(), tmp_path)
    file = tmp_path / checkpoint.STRUCTURE
    file.write_text(json.dumps({**json.loads(file.read_text()), "form": form}))
    with pytest.raises(ValueError, match="does not fit its own structure"):
        checkpoint.load(tmp_path)


def test_a_head_count_that_can_not_be_reached_is_refused_before_any_work() -> None:
    message = r"pruning\.ratio=0\.7 is 6 of 8 heads, but each of 4 attention layers keeps one .* 4 can go: use 0\.5 or"
    with pytest.raises(ValueError, match=message):
        OneShot(0.7).check(on_meta(), ATTENTION)
    with pytest.raises(ValueError, match=message):
        OneShot(0.7).prune(tiny(), ATTENTION, MagnitudeL1())
    OneShot(0.7, attention=HEAD_WIDTHS).check(on_meta(), ATTENTION)


def test_other_mistakes_are_told_in_one_line() -> None:
    with pytest.raises(ValueError, match=r"pruning\.attention=both: choose one of heads, head_widths"):
        OneShot(0.5, attention="both").check(on_meta(), ATTENTION)
    with pytest.raises(ValueError, match=r"scope names 'warp', which CatVTON lacks: it has vae, unet"):
        OneShot(0.5).check(on_meta(), ["warp"])
    with pytest.raises(ValueError, match="pruning=latency knows what convolutions take, and CatVTON has attention"):
        LatencyAware(0.5).check(on_meta(), UNET)


def test_what_was_reached_is_told_of_a_scope_of_patterns() -> None:
    model = tiny()
    dense = count(model, ATTENTION)
    assert dense["unet.*.attn1"]["channels"] == 4 * (3 * 8 + 8)
    OneShot(0.5).prune(model, ATTENTION, MagnitudeL1())
    found = compare(dense, count(model, ATTENTION))
    assert found["unet.*.attn1"]["heads"] == {"before": 8, "after": 4, "removed": 0.5}
    assert found["network"]["heads"]["after"] == 4 + 2  # and one of each half of the autoencoder
