"""The jobs of a sweep: a grid of options, times a list of named rows."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser

VARIANT = "variant="


def jobs(
    parser: OverridesParser, params: Mapping[str, str], variants: Mapping[str, Sequence[str]], arguments: Sequence[str]
) -> list[list[str]]:
    """The overrides of each job.

    Args:
        parser: Hydra's.
        params: override -> comma-separated choices, a grid.
        variants: name -> overrides of one row, which keeps its own where ``params`` has the same option; may be empty.
        arguments: of the command line, which have the last word.

    Returns:
        The grid, or where there are ``variants`` each of them times the grid, named after both.
    """
    given = _keys(parser, arguments)
    if not variants:
        return _grid(parser, params, given, arguments)[0]
    expanded = []
    for name, overrides in variants.items():
        points, swept = _grid(parser, params, given | _keys(parser, overrides), arguments)
        expanded += [[f"{VARIANT}{_name(name, point, swept)}", *overrides, *point] for point in points]
    return expanded


def _keys(parser: OverridesParser, overrides: Sequence[str]) -> set[str]:
    return {override.get_key_element() for override in parser.parse_overrides([*overrides])}


def _grid(
    parser: OverridesParser, params: Mapping[str, str], given: set[str], arguments: Sequence[str]
) -> tuple[list[list[str]], list[str]]:
    """The points of ``params`` but for what is ``given`` elsewhere, times ``arguments``; and which options differ."""
    grid = [f"{key}={choices}" for key, choices in params.items() if key not in given]
    told = parser.parse_overrides([*grid, *arguments])
    axes: list[list[str]] = [
        [f"{override.get_key_element()}={choice}" for choice in override.sweep_string_iterator()]
        if override.is_sweep_override()
        else [f"{override.get_key_element()}={override.get_value_element_as_str()}"]
        for override in told
    ]
    swept = [override.get_key_element() for override in told if override.is_sweep_override()]
    return [[*point] for point in itertools.product(*axes)], swept


def _name(variant: str, point: Sequence[str], swept: Sequence[str]) -> str:
    """The row's name, and what of the grid it is, where there is one."""
    told = [re.sub(r"[^A-Za-z0-9.]+", "_", part) for part in point if part.partition("=")[0] in swept]
    return "-".join([variant, *told])
