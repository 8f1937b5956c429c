"""One feature vector a picture, kept on disk: memory does not grow with the number of pictures."""

from __future__ import annotations

import tempfile
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray


class FeatureRows:
    """Rows in the order they came, in a file that vanishes with the object. float32, as the networks give them."""

    def __init__(self) -> None:
        self._file: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed and gone with this object)
        self._dimension = 0
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, features: NDArray[np.floating[Any]]) -> None:
        """(n, D), the same D each time."""
        if len(features):
            self._file.write(np.ascontiguousarray(features, np.float32).tobytes())
            self._count, self._dimension = self._count + len(features), features.shape[1]

    def read(self) -> NDArray[np.float32]:
        """(N, D), N at least 1, mapped from the file: only what is looked at is in memory."""
        assert self._count, "there are no rows"
        self._file.flush()
        return np.memmap(self._file, np.float32, "r", shape=(self._count, self._dimension))
