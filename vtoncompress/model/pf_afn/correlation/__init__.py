"""Local correlation of two feature maps, the cost volume that an appearance flow is read from, in four forms.

loop       the definition; what every speedup is measured against
banded     matrix products and gathers: for exported graphs, for GPUs, for float64
compiled   a kernel for CPUs with its own backward, compiled by numba: for eager PyTorch
gpu_kernel the same for CUDA GPUs, compiled by Triton
layer      the module of the network, which chooses

All have the same value and the same gradient, up to the order in which sums are added.
"""

from vtoncompress.model.pf_afn.correlation.banded import banded_correlation
from vtoncompress.model.pf_afn.correlation.compiled import compiled_correlation
from vtoncompress.model.pf_afn.correlation.layer import Correlation
from vtoncompress.model.pf_afn.correlation.loop import DISPLACEMENT, correlation

__all__ = ["DISPLACEMENT", "Correlation", "banded_correlation", "compiled_correlation", "correlation"]
