"""A stage's key changes with what the stage depends on, and with nothing else; so variants share what they can."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf
from PIL import Image as Pillow

from vtoncompress.pipeline import Plan, Stage, plan, plan_reference
from vtoncompress.store import Artifact, Store
from vtoncompress.verification import find_faults

CONF = str(Path(__file__).parents[1] / "conf")
STORE = Store(Path("nowhere"))
METRICS = "metric=[cost,size,speed,ssim,garment]"
BEFORE_DEPLOYMENT = ("model", "pruning", "finetuning")
ALL = (*BEFORE_DEPLOYMENT, "deployment", "quality", "cost", "size", "speed")


def config(*overrides: str) -> dict[str, Any]:
    with initialize_config_dir(CONF, version_base="1.3"):
        cfg = compose("config", [METRICS, *overrides])
    resolved = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(resolved, dict)
    return resolved


def stages(*overrides: str) -> dict[str, Stage]:
    """By name; those of a subject by their metric's."""
    found = plan(config(*overrides)).stages
    return {next(iter(s.config["metric"])) if s.name == "subject" else s.name: s for s in found}


def keys(*overrides: str) -> dict[str, str]:
    return {name: stage.key for name, stage in stages(*overrides).items()}


@pytest.fixture(scope="module")
def base() -> dict[str, str]:
    return keys()


def test_the_stages_come_in_the_order_of_the_flow(base: dict[str, str]) -> None:
    assert tuple(base) == ALL
    assert len(set(base.values())) == len(ALL)
    assert keys() == base


@pytest.mark.parametrize(
    "overrides, same",
    [
        (["pruning=one_shot"], ["model"]),
        (["pruning.ratio=0.7", "scope=warp", "calibration.pairs=9"], ALL),  # nothing of it is used
        (["performance=throughput"], ALL[:-1]),
        (["finetuning=supervised"], ["model", "pruning"]),
        (["training_data.seed=1"], ["model", "pruning"]),
        (["quantization=nncf_ptq"], BEFORE_DEPLOYMENT),
        (["export=onnx"], BEFORE_DEPLOYMENT),
        (["data.pairs=4"], BEFORE_DEPLOYMENT),
        (["data.pairs=100"], [name for name in ALL if name != "quality"]),  # the others look at 16 at most
        (["metric=[cost,size,speed,ssim]"], [name for name in ALL if name != "quality"]),
        (["metric.speed.repetitions=31"], [name for name in ALL if name != "speed"]),
        (["seed=1"], []),
        (["model.checkpoint=null"], []),
        (["model.checkpoint=null", "model.network.width=0.5"], []),
    ],
)
def test_a_change_reaches_the_stages_after_it_and_none_before(
    base: dict[str, str], overrides: list[str], same: list[str]
) -> None:
    changed = keys(*overrides)
    assert [name for name in ALL if changed[name] == base[name]] == [name for name in ALL if name in same]


def test_what_prunes_and_what_calibrates_depends_on_its_options() -> None:
    both = ("pruning=one_shot", "quantization=nncf_ptq")
    pruned, scope, pairs = keys(*both), keys(*both, "scope=warp"), keys(*both, "calibration.pairs=9")
    assert [name for name in ALL if scope[name] == pruned[name]] == ["model"]
    assert [name for name in ALL if pairs[name] == pruned[name]] == [*BEFORE_DEPLOYMENT]


def test_a_changed_photo_is_other_data(tmp_path: Path) -> None:
    """Pictures count by what they hold, not by where they lie."""
    (tmp_path / "test_pairs.txt").write_text("a.png a.png\n")
    for folder in ("test_img", "test_clothes"):
        (tmp_path / folder).mkdir()
        Pillow.new("RGB", (48, 64), (9, 9, 9)).save(tmp_path / folder / "a.png")
    overrides = ("data=viton", f"data.root={tmp_path}")
    before = [stage.key for stage in plan(config(*overrides)).stages]
    assert [stage.key for stage in plan(config(*overrides)).stages] == before
    Pillow.new("RGB", (48, 64), (9, 9, 90)).save(tmp_path / "test_img" / "a.png")
    after = [stage.key for stage in plan(config(*overrides)).stages]
    assert [old == new for old, new in zip(before, after, strict=True)] == [True] * 3 + [False] * 5
    reference = plan_reference(config(*overrides), "unchanged")
    Pillow.new("RGB", (48, 64), (9, 90, 90)).save(tmp_path / "test_img" / "a.png")
    assert reference is not None
    assert plan_reference(config(*overrides), "unchanged") != reference


def test_one_stage_s_options_are_another_s_key(base: dict[str, str]) -> None:
    ratios = [keys("pruning=one_shot", f"pruning.ratio={ratio}") for ratio in (0.2, 0.3)]
    assert ratios[0]["model"] == ratios[1]["model"] == base["model"]
    assert all(ratios[0][name] != ratios[1][name] for name in ALL[1:])


@pytest.mark.parametrize("place", ["name=other", "variant=other", "results=elsewhere", "store=elsewhere"])
def test_where_things_are_kept_changes_no_key(base: dict[str, str], place: str) -> None:
    assert keys(place) == base


def test_quantization_modes_share_the_pruned_and_tuned_network() -> None:
    options = ["pruning=one_shot", "finetuning=supervised"]
    float32, int8 = stages(*options), stages(*options, "quantization=nncf_ptq")
    for name in BEFORE_DEPLOYMENT:
        assert float32[name] == int8[name], name
    assert float32["deployment"].inputs == (float32["finetuning"],)
    assert int8["deployment"].inputs == (float32["finetuning"], int8["calibration"])


def test_distillation_reads_the_dense_network_and_nothing_else_does(tmp_path: Path) -> None:
    supervised = stages("pruning=one_shot", "finetuning=supervised")
    distilled = stages("pruning=one_shot", "finetuning=distillation")
    assert supervised["finetuning"].inputs == (supervised["pruning"],)
    assert distilled["finetuning"].inputs == (supervised["pruning"], supervised["model"])
    assert tuple(distilled) == ALL
    unused = ("finetuning.distillation.flow=9", "finetuning.teacher=pf_afn_small")
    assert keys("pruning=one_shot", "finetuning=supervised", *unused) == keys(
        "pruning=one_shot", "finetuning=supervised"
    )
    given = stages("pruning=one_shot", "finetuning=distillation", "finetuning.teacher=pf_afn_small")["finetuning"]
    assert given.inputs == (supervised["pruning"],)
    assert {path.name for path in given.files} >= {"weights.safetensors"}


def test_perceptual_weights_are_part_of_the_key_where_a_term_looks_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found(*overrides: str) -> str:
        return keys("finetuning=supervised", *overrides)["finetuning"]

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    truth, paper = found(), found("finetuning/loss=paper")
    cache = tmp_path / "hub" / "checkpoints"
    cache.mkdir(parents=True)
    for content in (b"one", b"two"):
        (cache / "vgg19-dcbb9e9d.pth").write_bytes(content)
        assert found() == truth
        assert found("finetuning/loss=paper", "finetuning.perceptual.features=shipped") != paper
        assert found("finetuning/loss=paper") != paper
        paper = found("finetuning/loss=paper")


def test_the_weights_are_part_of_the_key(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    folder.mkdir()
    (folder / "weights.safetensors").write_bytes(b"one")
    first = keys(f"model.checkpoint={folder}")
    (folder / "weights.safetensors").write_bytes(b"two")
    assert all(first[name] != key for name, key in keys(f"model.checkpoint={folder}").items())


@pytest.mark.parametrize("option", ["lookup", "sensitivity"])
def test_measured_files_are_part_of_the_key_by_what_they_are(tmp_path: Path, option: str) -> None:
    file = tmp_path / "measured"
    found = []
    for text in ("1", "2", "1"):
        file.write_text(text)
        found.append(keys("pruning=latency", f"pruning.{option}={file}")["pruning"])
    assert found[0] == found[2] != found[1]


def test_without_a_file_latencies_are_measured_alone_and_once_for_all_ratios() -> None:
    one, other = (stages("pruning=latency", f"pruning.ratio={ratio}") for ratio in (0.3, 0.5))
    assert one["latency"].alone
    assert one["pruning"].inputs[1].key == one["latency"].key == other["latency"].key
    assert one["pruning"].key != other["pruning"].key
    assert stages("pruning=latency", "pruning.precision=f32")["latency"].key != one["latency"].key


def test_official_files_are_part_of_the_key(tmp_path: Path) -> None:
    file, option = tmp_path / "warp.pth", f"model.official.warp={tmp_path / 'warp.pth'}"
    found = []
    for content in (b"one", b"two"):
        file.write_bytes(content)
        found.append(keys("model=pf_afn", option)["model"])
    assert found[0] != found[1]
    assert keys("model=pf_afn")["model"] not in found


def test_every_class_a_config_names_counts_as_code() -> None:
    """So that a changed line of a criterion never reuses what the old line pruned."""
    found = stages("pruning=one_shot", "finetuning=supervised", "quantization=nncf_ptq", "export=onnx")
    assert found["pruning"].code == [
        "vtoncompress.criterion.magnitude_l2",
        "vtoncompress.pruning.one_shot",
        "vtoncompress.stage.pruning",
    ]
    assert "vtoncompress.finetuning.supervised" in found["finetuning"].code
    assert {"vtoncompress.quantization.nncf_ptq", "vtoncompress.export.onnx"} <= set(found["deployment"].code)
    assert "vtoncompress.metric.garment" in found["quality"].code


def test_measured_speed_belongs_to_its_machine() -> None:
    found = stages()
    assert {"cpu", "threads_available", "versions"} <= set(found["speed"].config["machine"])
    assert "machine" not in found["cost"].config


def test_rows_that_frame_the_table_depend_on_data_and_metrics_alone() -> None:
    def key(*overrides: str) -> str:
        stage = plan_reference(config(*overrides), "pasted")
        assert stage is not None
        return stage.key

    pasted = key()
    assert key("pruning=one_shot", "seed=1", "export=onnx", "metric.speed.warmup=1") == pasted
    assert key("data.pairs=9") != pasted
    assert key("metric=[ssim]") != pasted
    assert plan_reference(config("metric=[cost]"), "pasted") is None


def test_features_of_the_people_are_shared_by_all_that_is_compared_with_them() -> None:
    def known(*overrides: str) -> list[Stage]:
        return [*plan(config("metric=[fid,kid,ssim]", *overrides)).known]

    [people] = known()
    assert people.config["data"] == config()["data"]
    assert known("pruning=one_shot", "quantization=nncf_ptq", "seed=1", "metric.kid.subsets=9") == [people]
    assert plan(config("metric=[fid,kid,ssim]")).measurements[0].inputs[2:] == (people,)
    pasted = plan_reference(config("metric=[fid,kid,ssim]"), "pasted")
    assert pasted is not None
    assert pasted.inputs == (people,)
    assert known("data.pairs=9") != [people]
    assert known("metric.kid.features=shipped")[0] == people
    assert len(known("metric.kid.features=shipped")) == 2
    assert known("metric=[ssim]") == []


def test_a_plan_without_picture_metrics_looks_at_no_picture() -> None:
    assert "quality" not in stages("metric=[cost,size]")


def test_a_stage_gets_its_inputs_folders_and_is_built_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through a module of the package whose functions are replaced: what counts is who is called with what."""
    calls: list[tuple[Any, ...]] = []

    def make(cfg: Any, *folders: Path) -> None:
        calls.append((cfg["step"], *folders))
        (folders[cfg["inputs"]] / "file").write_text(cfg["step"])

    monkeypatch.setattr("vtoncompress.stage.seed.set_seed", make)
    function, store = "vtoncompress.stage.seed:set_seed", Store(tmp_path / "store")
    first = Stage("model", function, {"step": "first", "inputs": 0})
    second = Stage("pruning", function, {"step": "second", "inputs": 1}, (first,), resumable=True)
    artifact, seconds = second.build(store)
    assert 0 < seconds < 60
    assert [call[0] for call in calls] == ["first", "second"]
    _, given, _, work = calls[1]
    assert given == store.root / "model" / first.key
    assert work == store.root / "work" / "pruning" / second.key
    assert (artifact.path / "file").read_text() == "second"
    assert second.build(store) == (artifact, 0.0)
    assert second.find(store) == artifact
    assert len(calls) == 2


class Built(NamedTuple):
    store: Store
    first: Stage
    artifact: Artifact
    second: Stage
    calls: list[str]


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Built:
    """A stage that was built once, whose file a disk has damaged, and one to be built from it."""
    calls: list[str] = []

    def make(cfg: Any, *folders: Path) -> None:
        calls.append(cfg["step"])
        (folders[-1] / "file").write_text(cfg["step"])

    monkeypatch.setattr("vtoncompress.stage.seed.set_seed", make)
    function, store = "vtoncompress.stage.seed:set_seed", Store(tmp_path / "store")
    first = Stage("model", function, {"step": "first"})
    artifact, _ = first.build(store)
    (artifact.path / "file").write_text("worst")  # as many bytes
    return Built(store, first, artifact, Stage("pruning", function, {"step": "second"}, (first,)), calls)


def test_an_input_that_the_disk_damaged_is_built_again(built: Built) -> None:
    built.second.build(built.store)
    assert built.calls == ["first", "first", "second"]
    assert (built.artifact.path / "file").read_text() == "first"


def test_a_damaged_input_that_another_process_has_built_again_stays(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    def found_by_both(*arguments: Any) -> list[str]:
        faults = find_faults(*arguments)
        if faults and len(built.calls) == 1:  # the other one is faster from here on
            other = Store(built.store.root)
            other.discard_damaged(built.artifact, lambda: True)
            built.first.build(other)
        return faults

    monkeypatch.setattr("vtoncompress.stage.definition.find_faults", found_by_both)
    built.second.build(built.store)
    assert built.calls == ["first", "first", "second"]
    assert (built.artifact.path / "file").read_text() == "first"


def test_planning_needs_no_torch() -> None:
    """Keys are found by reading files, so that a sweep that is finished ends at once."""
    code = (
        "import sys, vtoncompress.pipeline, vtoncompress.row; print({'torch', 'openvino', 'nncf'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(CONF).parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "set()"


def test_a_plan_lists_every_stage_once() -> None:
    found: Plan = plan(config())
    assert found.stages[:4] == (found.model, *found.tuned.inputs, found.tuned, found.deployment)
    assert len(found.stages) == len({stage.key for stage in found.stages})


def test_how_a_training_is_carried_out_is_no_part_of_its_key(base: dict[str, str]) -> None:
    trained = keys("finetuning=supervised")
    assert keys("finetuning=supervised", "finetuning.workers=0", "finetuning.checkpoint_every=7") == trained
    stage = stages("finetuning=supervised", "finetuning.checkpoint_every=7")["finetuning"]
    assert stage.passing["finetuning"]["checkpoint_every"] == 7


def test_the_number_of_threads_is_part_of_a_training_s_key_and_of_no_other(base: dict[str, str]) -> None:
    assert keys("threads=1") == keys("threads=2")
    one, two = (keys("finetuning=supervised", f"threads={threads}") for threads in (1, 2))
    assert {name for name in ALL if one[name] == two[name]} == {"model", "pruning"}
    pruned = [keys("pruning=one_shot", "criterion=taylor", f"threads={threads}")["pruning"] for threads in (1, 2)]
    assert pruned[0] != pruned[1]


def test_what_passes_reaches_the_function_beside_what_is_hashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    monkeypatch.setattr("vtoncompress.stage.seed.set_seed", lambda config, out: told.append(config))
    for workers in (1, 2):
        passing = {"training": {"workers": workers}}
        stage = Stage("toy", "vtoncompress.stage.seed:set_seed", {"training": {"rate": 3}}, passing=passing)
        stage.build(Store(tmp_path))
    assert told == [{"training": {"rate": 3, "workers": 1}}]


def test_code_that_changed_after_a_variant_had_begun_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vtoncompress.stage.seed.set_seed", lambda *_: pytest.fail("work has begun"))
    monkeypatch.setattr("vtoncompress.fingerprint.changed", lambda code: [code[0]])
    stage = Stage("toy", "vtoncompress.stage.seed:set_seed", {})
    with pytest.raises(ValueError, match="vtoncompress.stage.seed changed after this variant had begun: run the same"):
        stage.build(Store(tmp_path))
    assert stage.find(Store(tmp_path)) is None


MODES = sorted(path.stem for path in Path(CONF, "quantization").glob("*.yaml"))


@pytest.mark.parametrize("mode", MODES)
def test_every_stage_can_build_what_its_config_names(mode: str) -> None:
    """What a stage is told, the options that its key leaves out included, is enough to make its objects."""
    for stage in plan(config(f"quantization={mode}")).stages[1:]:  # published weights are a function of a model
        told = {**stage.config, **{key: {**stage.config[key], **more} for key, more in stage.passing.items()}}
        for node in told.values():
            if isinstance(node, dict) and "_target_" in node:
                _build(node)


def _build(node: dict[str, Any]) -> None:
    """Or be told which toolkit is to be installed."""
    try:
        instantiate(node)
    except InstantiationException as error:
        if "pip install" not in str(error.__cause__):
            raise


@pytest.mark.parametrize("mode", ["nncf_qat", "nncf_accuracy"])
def test_a_mode_depends_on_the_pairs_that_it_looks_at(mode: str) -> None:
    before, after = keys(f"quantization={mode}"), keys(f"quantization={mode}", "calibration.seed=1")
    changed = {name for name in before if before[name] != after[name]}
    assert {"calibration", "deployment"} <= changed
    assert not changed & {"model", "pruning", "finetuning"}


def test_validation_pairs_count_where_there_is_a_budget_only() -> None:
    more = ("validation_pairs=65",)
    assert keys("quantization=nncf_accuracy")["deployment"] != keys("quantization=nncf_accuracy", *more)["deployment"]
    assert keys("quantization=nncf_ptq") == keys("quantization=nncf_ptq", *more)


def test_modes_that_only_store_smaller_look_at_no_pairs() -> None:
    found = keys("quantization=weight_int8")
    assert "calibration" not in found
    assert found == keys("quantization=weight_int8", "calibration.pairs=9")


def test_how_wide_the_gate_opens_trains_nothing_again() -> None:
    before, after = keys("quantization=nncf_qat"), keys("quantization=nncf_qat", "quantization.tolerance=4")
    assert next(name for name in before if before[name] != after[name]) == "deployment"


def test_downloaded_features_rebuild_only_what_looks_through_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {mode: keys(f"quantization={mode}")["deployment"] for mode in ("nncf_ptq", "nncf_qat", "nncf_accuracy")}
    (tmp_path / "pt_inception-0.pth").write_bytes(b"weights")
    monkeypatch.setattr("vtoncompress.stage.files.hub_checkpoints", lambda: tmp_path)
    after = {mode: keys(f"quantization={mode}")["deployment"] for mode in before}
    assert {mode for mode in before if before[mode] != after[mode]} == {"nncf_accuracy"}
