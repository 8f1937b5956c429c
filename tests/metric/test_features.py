"""What the shipped features must be good for: telling pictures apart, and ranking damage as the exact truth does."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as Pillow
from safetensors import safe_open
from scipy.ndimage import gaussian_filter
from scipy.stats import spearmanr

from vtoncompress.data.base import Image, Pair
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.metric.distance import frechet_distance, kernel_distance
from vtoncompress.metric.extractor import CHUNK, Features
from vtoncompress.metric.feature_data import CLASSES, draw
from vtoncompress.metric.feature_network import SHA256, WEIGHTS
from vtoncompress.metric.feature_training import train
from vtoncompress.metric.features import Shipped
from vtoncompress.record import read_all
from vtoncompress.reference import pasted, sample

ROOT = Path(__file__).parents[2]
COUNT = 96
Damage = Callable[[Pair, float], np.ndarray]


def truth(pair: Pair) -> np.ndarray:
    assert pair.truth is not None
    return pair.truth.astype(float)


def region(pair: Pair) -> np.ndarray:
    assert pair.region is not None
    return pair.region[..., None] / 255


def in_garment(pair: Pair, inside: np.ndarray) -> np.ndarray:
    return truth(pair) * (1 - region(pair)) + inside * region(pair)


def blur(pair: Pair, sigma: float) -> np.ndarray:
    return gaussian_filter(truth(pair), (sigma, sigma, 0))


def noise(pair: Pair, sigma: float) -> np.ndarray:
    return truth(pair) + np.random.default_rng(0).normal(0, sigma, pair.person.shape)


def misplaced(pair: Pair, pixels: float) -> np.ndarray:
    """The garment where its region is, fetched from the wrong place."""
    random = np.random.default_rng(int(pair.name[-3:]))
    wrong = gaussian_filter(random.standard_normal((128, 96, 2)), (8, 8, 0))
    assert pair.flow is not None
    return in_garment(pair, sample(pair.garment, (pair.flow + wrong / wrong.std() * pixels).astype(np.float32)))


def wrong_colour(pair: Pair, shift: float) -> np.ndarray:
    """The garment with more red and blue and less green, in 1/255."""
    return in_garment(pair, truth(pair) + np.array([1, -1, 0.5]) * shift)


def jpeg(pair: Pair, quality: float) -> np.ndarray:
    file = io.BytesIO()
    Pillow.fromarray(to_picture(truth(pair))).save(file, "JPEG", quality=int(quality))
    return np.asarray(Pillow.open(file)).astype(float)


# No remains of the old garment: they are a step towards the unchanged person, which this distance likes best.
DAMAGES: dict[Damage, tuple[float, ...]] = {
    blur: (0.7, 1.5, 3),
    noise: (5, 10, 20),
    misplaced: (2, 5, 10),
    wrong_colour: (15, 30, 60),
}

COLUMNS = ("fid_shipped", "kid_shipped", "ssim_garment")


def to_picture(array: np.ndarray) -> Image:
    return np.clip(np.rint(array), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def pairs() -> list[Pair]:
    return Synthetic("test", 2 * COUNT, 128, 96)[:]


@pytest.fixture(scope="module")
def extract() -> Callable[[list[Image]], Features]:
    extractor = Shipped()
    return lambda pictures: np.concatenate([extractor(pictures[i : i + CHUNK]) for i in range(0, len(pictures), CHUNK)])


def test_two_halves_are_close_and_damage_grows_the_distance(
    pairs: list[Pair], extract: Callable[[list[Image]], Features]
) -> None:
    first, second = extract([p.person for p in pairs[:COUNT]]), extract([p.person for p in pairs[COUNT:]])
    halves, undamaged = kernel_distance(first, second, 64, 30, 0)[0], [to_picture(truth(p)) for p in pairs[:COUNT]]
    reference, clean = first, extract(undamaged)
    assert abs(halves) < 0.03
    for damage, levels in DAMAGES.items():
        sets = [extract([to_picture(damage(p, level)) for p in pairs[:COUNT]]) for level in levels]
        fids = [frechet_distance(x, reference) for x in (clean, *sets)]
        kids = [kernel_distance(x, reference, 64, 30, 0)[0] for x in (clean, *sets)]
        assert fids == sorted(fids), damage.__name__
        assert kids == sorted(kids), damage.__name__
        assert kids[-1] > 0.05 > 2 * abs(halves), damage.__name__


def test_jpeg_and_mode_collapse_grow_the_distance(
    pairs: list[Pair], extract: Callable[[list[Image]], Features]
) -> None:
    """JPEG against the same pictures before: photos of other garments are so far away that only its worst shows."""
    clean = extract([to_picture(truth(p)) for p in pairs[:COUNT]])
    squeezed = [extract([to_picture(jpeg(p, quality)) for p in pairs[:COUNT]]) for quality in (80, 40, 15, 5)]
    fids = [frechet_distance(x, clean) for x in squeezed]
    kids = [kernel_distance(x, clean, 64, 30, 0)[0] for x in squeezed]
    assert fids == sorted(fids)
    assert fids[-1] > 3 * fids[0] > 3
    # KID is flat down to quality 15, as docs/metrics.md says; below 0, for the same pictures stand on both sides.
    assert kids[-1] > 0.05 > 0 > max(kids[:-1])
    people = extract([p.person for p in pairs[:COUNT]])
    collapsed = [clean, *(clean[np.arange(COUNT) % distinct] for distinct in (48, 24, 12, 6))]
    for distances in (
        [frechet_distance(x, people) for x in collapsed],
        [kernel_distance(x, people, 64, 30, 0)[0] for x in collapsed],
    ):
        assert distances == sorted(distances)


@pytest.mark.parametrize(
    "experiments, quantizations, kid_floor",
    [
        (
            ("cloth_warp_module_pruning", "image_generation_module_pruning", "best_pruning", "quantization"),
            {"none", "nncf_ptq"},
            0.85,
        ),
        (("quickstart", "one_shot", "quickstart_search"), {"none", "nncf_ptq"}, 0.9),
        (("quantization_modes",), {"none", "nncf_ptq", "nncf_qat", "ort_static", "torchao_ptq", "weight_int4"}, 0.75),
        (("distillation",), {"none"}, 0.7),
    ],
)
def test_compressed_networks_are_ranked_as_the_garment_itself_ranks_them(
    experiments: tuple[str, ...], quantizations: set[str], kid_floor: float
) -> None:
    """What was measured of pruned, fine-tuned and quantized networks on the same pairs; nobody's unchanged person.

    The 0.8 that docs/metrics.md promises is FID's; KID keeps to it in most of these tables and not in all.
    """
    records = [one for name in experiments for one in read_all(ROOT / "results" / name) if one.role == "variant"]
    measured = [one for one in records if {*COLUMNS} <= one.values.keys()]
    assert {one.trust["metrics"]["fid"]["fid_weights"] for one in measured} == {SHA256}
    assert len({(one.pairs, one.trust["pair_list_hash"]) for one in measured}) == 1
    # The dense network stands in several tables, and on several runtimes with the same pictures.
    figures = {tuple(round(one.values[column], 6) for column in COLUMNS) for one in measured}
    assert len(figures) >= 12
    fids, kids, garments = zip(*sorted(figures), strict=True)
    assert spearmanr(fids, garments).statistic < -0.8
    assert spearmanr(kids, garments).statistic < -kid_floor
    assert any(one.pruning_ratio for one in measured)
    assert any(one.finetuning != "none" for one in measured)
    assert {one.quantization for one in measured} >= quantizations


def test_a_pasted_garment_is_further_than_a_worn_one(
    pairs: list[Pair], extract: Callable[[list[Image]], Features]
) -> None:
    people = extract([p.person for p in pairs])
    worn, stuck = extract([to_picture(truth(p)) for p in pairs]), extract([pasted(p).image for p in pairs])
    assert frechet_distance(stuck, people) > 1.3 * frechet_distance(worn, people)


def test_bad_networks_are_ranked_as_the_exact_truth_ranks_them(
    pairs: list[Pair], extract: Callable[[list[Image]], Features]
) -> None:
    """Networks of falling strength do several things wrong at once: displace, blur, miscolour, each more or less."""
    people, random = extract([p.person for p in pairs[:COUNT]]), np.random.default_rng(0)
    error, distance = [], []
    for strength in np.linspace(0.1, 1, 12):
        displaced, blurred, shifted = strength * np.array([5, 1.2, 25]) * random.uniform(0.6, 1.4, 3)
        pictures = []
        for pair in pairs[:COUNT]:
            picture = misplaced(pair, displaced) + wrong_colour(pair, shifted) - truth(pair)
            pictures.append(to_picture(gaussian_filter(picture, (blurred, blurred, 0))))
        distance.append(frechet_distance(extract(pictures), people))
        error.append(np.mean([np.square(x - truth(p)).mean() for x, p in zip(pictures, pairs, strict=False)]))
    assert spearmanr(error, distance).statistic > 0.8


def test_features_tell_garments_apart() -> None:
    """A readout fitted to 500 people guesses well what 200 others wear."""
    known, others = draw("train", 500), draw("test", 200)
    extractor = Shipped()
    x, y = (
        np.concatenate([extractor(list(part.permute(0, 2, 3, 1).numpy())) for part in data.pictures.split(CHUNK)])
        for data in (known, others)
    )
    x, y = (np.c_[part, np.ones(len(part))] for part in (x, y))
    chance = {}
    for index, (name, count) in enumerate(CLASSES.items()):
        readout = np.linalg.lstsq(x, np.eye(count)[known.classes[:, index]], rcond=None)[0]
        right = ((y @ readout).argmax(1) == others.classes[:, index].numpy()).mean()
        chance[name] = (right, np.bincount(others.classes[:, index]).max() / len(y))
    assert chance["pattern"][0] > 0.4 > 2 * chance["pattern"][1]
    assert chance["sleeve"][0] > 0.65 > 1.5 * chance["sleeve"][1]
    assert chance["neckline"][0] > chance["neckline"][1] + 0.04
    colours = np.linalg.lstsq(x, known.colours.numpy(), rcond=None)[0]
    error = np.square(y @ colours - others.colours.numpy()).mean(0)
    assert (error / others.colours.numpy().var(0))[:3].mean() < 0.4


def test_the_report_is_of_the_shipped_weights() -> None:
    report = json.loads((ROOT / "results" / "features" / "report.json").read_text())
    with safe_open(WEIGHTS, "pt") as file:
        description = json.loads(file.metadata()["description"])
    assert WEIGHTS.stat().st_size < 2 * 2**20
    assert description == {key: report[key] for key in description}
    told = report["held_out"]
    assert told["pattern"]["features"] > 0.6
    assert told["sleeve"]["features"] > 0.75
    assert told["neckline"]["features"] > told["neckline"]["commonest"] + 0.1
    assert told["colour_garment"]["features"] > 0.7


def test_other_sizes_are_resized(extract: Callable[[list[Image]], Features]) -> None:
    small, large = (Synthetic("test", 3, *size)[:] for size in ((128, 96), (256, 192)))
    found = extract([p.person for p in large])
    assert found.shape == (3, 64)
    assert np.abs(found - extract([p.person for p in small])).mean() < 0.6


def test_the_command_gives_the_same_weights_twice(tmp_path: Path) -> None:
    config = {
        "seed": 3, "threads": torch.get_num_threads(), "pictures": 32, "held_out": 16, "epochs": 1, "batch_size": 8,
        "learning_rate": 1e-3, "report": str(tmp_path / "report.json"),
    }  # fmt: skip
    files = [tmp_path / "first" / "features.safetensors", tmp_path / "second" / "features.safetensors"]
    for file in files:
        train(config | {"out": str(file)})
    assert files[0].read_bytes() == files[1].read_bytes()
    assert json.loads((tmp_path / "report.json").read_text())["config"]["pictures"] == 32
