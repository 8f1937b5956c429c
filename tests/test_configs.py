"""Every choice of every group composes, alone and with the others, and what it names can be built."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from vtoncompress.criterion.base import Criterion
from vtoncompress.data.base import TryOnData
from vtoncompress.data.dataset_layout import LAYOUTS, write_dataset
from vtoncompress.data.synthetic import Synthetic
from vtoncompress.evaluation.protocol import Protocol
from vtoncompress.export.base import Exporter
from vtoncompress.finetuning.base import Finetuning
from vtoncompress.foreground.base import Foreground
from vtoncompress.four_stages import STAGES
from vtoncompress.masking.base import Masker
from vtoncompress.metric.base import PictureMetric, SubjectMetric
from vtoncompress.model.base import TryOnModel
from vtoncompress.model.pf_afn.loss import TERMS
from vtoncompress.options import GROUPS, used
from vtoncompress.pruning.base import Pruning
from vtoncompress.quantization.base import Quantization
from vtoncompress.quantization.layers import quantized_layers
from vtoncompress.sampling.base import Sampling
from vtoncompress.shipped import FOLDER as SHIPPED
from vtoncompress.training_stage.base import TrainingStage
from vtoncompress.variant_check import check
from vtoncompress.variant_config import plain

CONF = Path(__file__).parents[1] / "conf"
MISSING = "model.checkpoint=null"
"""In place of a network that a row's user is to train first."""
KINDS: dict[str, type] = {
    "criterion": Criterion,
    "data": TryOnData,
    "export": Exporter,
    "finetuning": Finetuning,
    "pruning": Pruning,
    "quantization": Quantization,
}
TOOLKITS = {
    "torchao_ptq": "torchao", "torchao_qat": "torchao", "inc_static": "neural_compressor",
    "inc_autotune": "neural_compressor",
}  # fmt: skip
METRIC_KINDS = {"pictures": PictureMetric, "network": SubjectMetric, "clock": SubjectMetric}


def choices(*groups: str) -> list[tuple[str, str]]:
    return [(group, file.stem) for group in groups for file in sorted((CONF / group).glob("*.yaml"))]


@pytest.fixture(autouse=True)
def conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three pairs in each layout of a real test set, one for each of DressCode's categories."""
    root = tmp_path_factory.mktemp("photos")
    for layout in LAYOUTS:
        write_dataset(Synthetic("test", 3, 128, 96), layout, root / layout)
    return root


def resolved(cfg: DictConfig) -> dict[str, Any]:
    found = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    assert isinstance(found, dict)
    return found


def test_every_group_is_looked_at() -> None:
    groups = {folder.name for folder in CONF.iterdir() if folder.is_dir()}
    others = {"model", "scope", "metric", "experiment", "launcher", "search", "training_stage", "protocol", "examples"}
    assert groups == {*KINDS, *others, "sampling", "masking", "foreground", "convention"}
    assert all(choices(group) for group in groups)


@pytest.mark.parametrize("group, choice", choices(*KINDS))
def test_a_choice_builds_what_its_group_promises(group: str, choice: str, photos: Path) -> None:
    if not _is_installed({group: choice}):
        pytest.skip("its toolkit or compiler is not installed")
    options = [f"data.root={photos / choice}"] if choice in LAYOUTS else []
    node = resolved(compose("config", [f"{group}={choice}", *options]))[group]
    built = instantiate(used(node) if group in GROUPS else node)
    assert isinstance(built, KINDS[group])
    assert type(built).__module__.split(".")[:3] == ["vtoncompress", group, choice]


@pytest.mark.parametrize("group, choice", choices("model"))
def test_a_model_is_the_size_it_says(group: str, choice: str) -> None:
    cfg = compose("config", [f"model={choice}"])
    with torch.device("meta"):
        model = instantiate(cfg.model.network)
    assert isinstance(model, TryOnModel)
    assert [*model.size] == cfg.model.size
    assert cfg.model.name == choice
    data = instantiate(cfg.data)
    assert (data.height, data.width) == model.size


@pytest.mark.parametrize("group, choice", choices("sampling"))
def test_a_sampler_is_a_choice_of_a_model_with_steps(group: str, choice: str) -> None:
    sampling = compose("config", ["model=cat_vton_small", f"sampling={choice}"]).model.get("sampling")
    if choice == "none":
        assert sampling is None
    else:
        assert type(built := instantiate(sampling)).__module__ == f"vtoncompress.sampling.{choice}"
        assert isinstance(built, Sampling)
        assert {*sampling} - {"_target_"} == built.arguments().keys()


@pytest.mark.parametrize("group, choice", choices("masking"))
def test_a_masker_builds_or_says_what_it_needs(group: str, choice: str) -> None:
    masking = compose("try_on", [f"masking={choice}", "person=a", "garment=b", "out=c"]).masking
    if choice == "parsing":
        with pytest.raises(InstantiationException, match="needs a human parser of yours"):
            instantiate(masking)
    else:
        assert isinstance(instantiate(masking), Masker)


@pytest.mark.parametrize("group, choice", choices("foreground"))
def test_a_foreground_builds_or_says_what_to_install(group: str, choice: str) -> None:
    node = compose("try_on", [f"foreground={choice}", "person=a", "garment=b", "out=c"]).foreground
    missing = choice == "rembg" and importlib.util.find_spec("rembg") is None
    with pytest.raises(InstantiationException, match="EXTRAS=dev,rembg") if missing else nullcontext():
        assert isinstance(instantiate(node), Foreground)


@pytest.mark.parametrize("group, choice", choices("convention"))
def test_a_convention_is_that_of_its_protocols(group: str, choice: str) -> None:
    """Of each metric that both have, every option but where the weights lie."""
    run = resolved(compose("config", [f"+convention={choice}"]))["metric"]
    for name in (file.stem for file in (CONF / "protocol").glob(f"{choice}_*.yaml")):
        told = resolved(compose("evaluate", [f"protocol={name}", "prediction=some", "reference=other"]))
        for metric, options in told["protocol"]["metric"].items():
            assert run[metric] == options, (name, metric)


@pytest.mark.parametrize("group, choice", choices("scope"))
def test_a_scope_names_modules_that_hold_layers(group: str, choice: str) -> None:
    cfg = compose("config", [f"scope={choice}"])
    assert cfg.scope.name == choice
    known = "cat_vton_small" if cfg.scope.modules[0].split(".")[0] in ("unet", "vae") else "pf_afn_small"
    with torch.device("meta"):
        model = instantiate(compose("config", [f"model={known}"]).model.network)
    for name in cfg.scope.modules:
        assert quantized_layers(model, [name]), name


@pytest.mark.parametrize("group, choice", choices("protocol"))
def test_a_protocol_is_called_as_its_file_and_measures_pictures(group: str, choice: str) -> None:
    cfg = resolved(compose("evaluate", [f"protocol={choice}", "prediction=some", "reference=other"]))
    protocol = instantiate(cfg["protocol"], _recursive_=False)
    assert isinstance(protocol, Protocol)
    assert protocol.name == choice
    for metric in protocol.metric.values():
        assert metric["kind"] == "pictures"
        instantiate({key: value for key, value in metric.items() if key != "kind"})


@pytest.mark.parametrize("group, choice", choices("metric"))
def test_a_metric_is_of_the_kind_it_says_and_names_its_columns(group: str, choice: str) -> None:
    metric = resolved(compose("config", [f"metric=[{choice}]"]))["metric"]
    assert [*metric] == [choice]
    kind = metric[choice].pop("kind")
    found = get_class(metric[choice]["_target_"])
    assert issubclass(found, METRIC_KINDS[kind])
    assert found.columns
    instantiate(metric[choice])


def test_an_experiments_options_of_a_metric_go_with_the_metric() -> None:
    assert [*plain(compose("config", ["experiment=speed", "metric=[cost]"]))["metric"]] == ["cost"]
    assert plain(compose("config", ["experiment=speed"]))["metric"]["speed"]["people"] == 16


@pytest.mark.parametrize("group", ["data", "pruning", "finetuning", "quantization", "export", "criterion", "scope"])
def test_every_option_exists_in_every_choice_of_its_group(group: str) -> None:
    """So that a sweep over the choices may set it: ``pruning=none,one_shot pruning.ratio=0.2``."""
    overrides = {choice: ["data.root=somewhere"] for choice in LAYOUTS}
    options = {
        choice: set(compose("config", [f"{group}={choice}", *overrides.get(choice, [])])[group])
        for _, choice in choices(group)
    }
    if group == "data":  # a folder of photos has no seed, generated pairs have no folder
        assert set.intersection(*options.values()) >= {"pairs", "height", "width"}
    else:
        assert len({frozenset(names) for names in options.values()}) == 1, options


def _rows(cfg: DictConfig) -> dict[str, Sequence[str]]:
    return cfg.hydra.sweeper.get("variants") or {"single": []}


@pytest.mark.parametrize("group, choice", choices("experiment"))
def test_every_variant_of_an_experiment_can_work(group: str, choice: str, tmp_path: Path) -> None:
    head = (CONF / "experiment" / f"{choice}.yaml").read_text().split("\nname:")[0]
    assert f"experiment={choice}" in head, "the command that runs it is missing"
    whole = compose("config", [f"experiment={choice}"], return_hydra_config=True)
    assert whole.name == choice
    # What its user is to train first is not there.
    trained = [] if (SHIPPED / str(whole.model.checkpoint)).is_dir() else [MISSING]
    for name, told in _rows(whole).items():
        overrides = [MISSING if one.startswith("model.checkpoint=") else one for one in told]
        cfg = compose(
            "config",
            [f"experiment={choice}", f"variant={name}", *trained, *overrides, f"results={tmp_path}"],
            return_hydra_config=True,
        )
        if not _is_installed(cfg.hydra.runtime.choices):
            continue
        HydraConfig.instance().set_config(cfg)
        check(cfg)
        assert cfg.variant == name


def _is_installed(chosen: Mapping[str, str]) -> bool:
    """Whether the toolkit of a quantization, and the compiler of an export, are there."""
    toolkit = TOOLKITS.get(chosen.get("quantization", ""))
    if chosen.get("export") == "torch_compile" and not shutil.which("g++"):
        return False
    return toolkit is None or importlib.util.find_spec(toolkit) is not None


def test_the_quickstart_has_the_rows_it_promises() -> None:
    """Dense, pruned 0.2 and 0.4 with fine-tuning, each in float32 and INT8 on OpenVINO; dense on the others too."""
    rows = {
        name: compose("config", ["experiment=quickstart", *overrides], return_hydra_config=True)
        for name, overrides in _rows(compose("config", ["experiment=quickstart"], return_hydra_config=True)).items()
    }

    def described(cfg: DictConfig) -> tuple[Any, ...]:
        chosen = cfg.hydra.runtime.choices
        ratio = cfg.pruning.ratio if chosen.pruning != "none" else 0
        return chosen.export, chosen.quantization, ratio, chosen.finetuning

    assert sorted(described(cfg) for cfg in rows.values()) == sorted(
        [
            ("torch", "none", 0, "none"),
            ("onnx", "none", 0, "none"),
            *(
                ("openvino", quantization, ratio, "supervised" if ratio else "none")
                for quantization in ("none", "nncf_ptq")
                for ratio in (0, 0.2, 0.4)
            ),
        ]
    )
    assert {cfg.data.pairs for cfg in rows.values()} == {256}


@pytest.mark.parametrize("choice", [choice for _, choice in choices("finetuning")])
def test_training_from_scratch_takes_every_choice(choice: str) -> None:
    cfg = compose("train", ["out=somewhere", f"finetuning={choice}"])
    assert isinstance(instantiate(cfg.finetuning), Finetuning)
    assert len(instantiate(cfg.training_data)) >= cfg.finetuning.samples


@pytest.mark.parametrize("choice", [choice for _, choice in choices("training_stage")])
def test_a_training_stage_builds(choice: str) -> None:
    cfg = compose("train_stages", ["out=somewhere"])
    assert {*cfg.stages} == {choice for _, choice in choices("training_stage")} == {*STAGES}
    assert {*cfg.stages[choice]} - {"loss"} == {*cfg.stages[STAGES[0]]} - {"loss"}
    stage = instantiate(cfg.stages[choice], _convert_="all")
    assert isinstance(stage, TrainingStage)
    assert {*stage.loss.weights} <= {*TERMS}


@pytest.mark.parametrize("group, choice", choices("finetuning/loss"))
@pytest.mark.parametrize("mode", [choice for _, choice in choices("finetuning")])
def test_every_mode_takes_every_loss(mode: str, group: str, choice: str) -> None:
    model = "cat_vton_small" if choice in ("noise", "autoencoder") else "pf_afn_small"
    for name in ("config", "train"):
        out = ["out=somewhere"] if name == "train" else []
        cfg = compose(name, [f"finetuning={mode}", f"{group}={choice}", f"model={model}", *out])
        refused = mode in ("guidance", "consistency") and model == "pf_afn_small"
        asked = pytest.raises(ValueError, match="use (finetuning=)?supervised") if refused else nullcontext()
        with torch.device("meta"), asked:
            instantiate(cfg.finetuning).check(instantiate(cfg.model.network))


def test_no_choice_of_the_command_line_writes_hydra_s_own_folders() -> None:
    names = (
        "config", "train", "try_on", "delivery", "sensitivity", "quantization_sensitivity", "train_stages",
        "write_viton", "write_weights",
    )  # fmt: skip
    for name in names:
        cfg = compose(name, return_hydra_config=True)
        assert cfg.hydra.output_subdir is None, name
        assert cfg.hydra.run.dir == ".", name
