"""One call opens a pruned network, with nothing of what made it, equal to the bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import ROOT, Sweep
from vtoncompress import checkpoint
from vtoncompress.criterion.magnitude_l2 import MagnitudeL2
from vtoncompress.model.pf_afn import PFAFN
from vtoncompress.network import open_network
from vtoncompress.pruning.one_shot import OneShot
from vtoncompress.record import read_all
from vtoncompress.store import Store

# Torch has an unpickler of its own for weights.
FRESH = """
import pickle, sys

def refuse(*_, **__):
    raise AssertionError("something was unpickled")

class Unpickler(pickle.Unpickler):
    __init__ = refuse

pickle.Unpickler, pickle.load, pickle.loads = Unpickler, refuse, refuse
sys.modules["torch_pruning"] = None  # an import of it is an ImportError

import numpy, torch
import torch._weights_only_unpickler
from vtoncompress.network import open_network

torch._weights_only_unpickler.Unpickler.__init__ = refuse
torch.set_num_threads(int(sys.argv[2]))
with numpy.load(sys.argv[1] + "/inputs.npz") as inputs, torch.inference_mode():
    network = open_network(sys.argv[1])
    network.use_definitions()  # the compiled correlation is kept by numba, as pickles of its own
    outputs = network(*(torch.from_numpy(inputs[name]) for name in inputs))
numpy.savez(sys.argv[1] + "/outputs.npz", **{name: value.numpy() for name, value in outputs.items()})
for weights_only in (True, False):
    try:
        torch.load(sys.argv[1] + "/pickled.pt", weights_only=weights_only)
    except Exception as error:
        print(error)
"""


def _same(first: torch.nn.Module, second: torch.nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(value, other[key]) for key, value in one.items())


def test_a_fresh_process_without_torch_pruning_and_pickle_opens_it_to_the_bit(
    toy: PFAFN, tmp_path: Path, inputs: list[Tensor]
) -> None:
    OneShot(0.3, ratios={"warp.aflow_net": 0.6}).prune(toy, ["warp", "generator"], MagnitudeL2())
    checkpoint.save(toy, tmp_path)
    np.savez(tmp_path / "inputs.npz", *(tensor.numpy() for tensor in inputs))
    torch.save(torch.zeros(1), tmp_path / "pickled.pt")  # what is forbidden would be met
    command = [sys.executable, "-c", FRESH, str(tmp_path), str(torch.get_num_threads())]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout.count("something was unpickled") == 2
    toy.use_definitions()
    with torch.inference_mode():
        expected = toy(*inputs)
    with np.load(tmp_path / "outputs.npz") as found:
        assert set(found) == set(expected)
        for name, value in expected.items():
            assert np.array_equal(found[name], value.numpy()), name


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = "import vtoncompress, sys; assert not {'torch', 'numpy', 'hydra'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_stages_and_variants_open(sweep: Sweep) -> None:
    """Each row opens as the checkpoint of its last training stage."""
    store = Store(sweep.store)
    rows = [record for record in read_all(sweep.folder) if record.role == "variant"]
    widths = set()
    for row in rows:
        stages = dict(stage.split("/") for stage in row.stages if not stage.startswith("subject"))
        tuned = store.root / "finetuning" / stages["finetuning"]
        network = open_network(sweep.folder, row.variant, sweep.store)
        assert _same(network, checkpoint.load(tuned))
        assert _same(network, open_network(tuned))
        widths.add(open_network(store.root / "pruning" / stages["pruning"]).get_submodule("generator.model.model.0"))
    assert {layer.out_channels for layer in widths} == {3, 2}


def test_weights_of_the_package_open_by_name() -> None:
    assert open_network("pf_afn_small").arguments()["width"] == 0.25


def test_what_can_not_be_opened_is_told(sweep: Sweep, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"has no variant nothing: choose one of pf_afn_small-one_shot_0\.25"):
        open_network(sweep.folder, "nothing", sweep.store)
    with pytest.raises(ValueError, match="run its experiment first"):
        open_network(tmp_path, "nothing", sweep.store)
    name = next(record.variant for record in read_all(sweep.folder) if record.role == "variant")
    with pytest.raises(ValueError, match="is not in the store empty: run its experiment again"):
        open_network(sweep.folder, name, tmp_path / "empty")
    with pytest.raises(ValueError, match="there is no checkpoint nothing"):
        open_network("nothing")
    with pytest.raises(ValueError, match="is no checkpoint: structure.json is missing"):
        open_network(tmp_path)
