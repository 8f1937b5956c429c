"""Options of a training that change nothing of what comes out, so that they may change while it is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

PASSING = ("workers", "checkpoint_every", "tracker")


def split(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the result depends on, and the rest."""
    lasting = {name: value for name, value in options.items() if name not in PASSING}
    return lasting, {name: value for name, value in options.items() if name in PASSING}
