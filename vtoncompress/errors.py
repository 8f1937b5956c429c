"""How a command ends: a user's mistake gives one line and exit code 2, a bug of ours its traceback."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import gc
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from hydra._internal.utils import get_args_parser
from hydra.errors import HydraException, InstantiationException, MissingConfigException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    GrammarParseError,
    InterpolationResolutionError,
    MissingMandatoryValue,
    OmegaConfBaseException,
)
from yaml import YAMLError

USER_MISTAKE = 2
INTERRUPTED = 130
TRACEBACK = "VTONCOMPRESS_TRACEBACK"
# Lines that Hydra adds to its messages and that help nobody who did not write the configs.
COLLECTED_AFTER = (100_000, 10, 10)
"""Of :func:`gc.set_threshold`. Libraries and configs are objects by the hundred thousand that stay; with Python's own
700 looking through them again and again takes a sixth of the start of a sweep."""
NOISE = ("See https://", "Config search path", "provider=", "full_key:", "object_type=")


def run_main(main: Callable[[], None]) -> int:
    """Call ``main``, a function under ``@hydra.main``, and return the exit code: ``sys.exit(run_main(main))``.

    0 when it succeeded, 2 after ``error: ...`` on stderr for a user's mistake, 130 when interrupted, by SIGTERM or
    SIGHUP too. Anything else is a bug and is raised, and so is everything where ``VTONCOMPRESS_TRACEBACK=1`` is set.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # as nohup has it
        signal.signal(signal.SIGHUP, signal.default_int_handler)
    gc.set_threshold(*COLLECTED_AFTER)
    # A runner's own folder holds a tabulate.py, which must not stand for the library that others import by that name.
    runners = Path(sys.argv[0]).resolve().parent
    sys.path[:] = [entry for entry in sys.path if Path(entry).resolve() != runners]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # makes Hydra raise rather than print and exit
    try:
        _check_flags()
        with contextlib.redirect_stderr(_WithoutNotice(sys.stderr)):
            main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has seen enough; what is still buffered must not fail again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        line = explain(error)
        if line is None or os.environ.get(TRACEBACK) == "1":
            raise
        print(f"error: {line}", file=sys.stderr)
        return USER_MISTAKE
    return 0


def explain(error: BaseException) -> str | None:
    """A user's mistake in one line, with its remedy as far as known; None for what must be a bug."""
    match error:
        case InstantiationException():
            return _explain_instantiation(error)
        case MissingConfigException(missing_cfg_file=str(missing), options=[*options]):
            group, _, choice = missing.rpartition("/")
            return f"unknown {group}={choice}: choose one of {', '.join(options)}"
        case HydraException(__cause__=ConfigAttributeError() | ConfigKeyError() as cause):
            return _explain_unknown_key(cause)
        case HydraException(__cause__=OmegaConfBaseException() as cause):
            return _one_line(f"{error}\n{cause}")
        case MissingMandatoryValue():
            return f"{error.full_key} is missing: add {error.full_key}=VALUE to the command"
        case InterpolationResolutionError(full_key=str(key)):
            return f"{key}: {_one_line(str(error))}"
        case OSError(strerror=str(reason), filename=name) if name is not None:
            return f"{name}: {reason}"
        case HydraException() | GrammarParseError() | YAMLError() | argparse.ArgumentError() | OSError() | ValueError():
            return _one_line(str(error)) or None
    return None


def _explain_instantiation(error: InstantiationException) -> str | None:
    """The mistake in what was to be built, or in the arguments it was to be built with."""
    cause = error.__cause__
    if cause is None:
        return _one_line(str(error))
    if isinstance(cause, ImportError) or (isinstance(cause, TypeError) and _raised_by_hydra(cause)):
        where = str(error).rpartition("full_key: ")[2].strip()
        return f"{where}: {_one_line(str(cause))}"
    return explain(cause)


def _raised_by_hydra(error: BaseException) -> bool:
    """Whether Hydra's call itself failed, so that the arguments don't fit, and nothing within what it called."""
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_globals["__name__"].startswith("hydra.")


def _explain_unknown_key(error: ConfigAttributeError | ConfigKeyError) -> str:
    parent, _, key = str(error.full_key).rpartition(".")
    known = sorted(map(str, error.parent_node or ()))
    near = difflib.get_close_matches(key, known, n=3) or known
    remedy = f"{parent or 'this command'} has {', '.join(near)}" if near else "remove it"
    return f"unknown option {error.full_key}: {remedy}"


def _one_line(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return " ".join(line for line in lines if line and not line.startswith(NOISE))


def _check_flags() -> None:
    """ValueError for a flag that Hydra lacks; its own parser prints its usage first."""
    parser = get_args_parser()
    parser.exit_on_error = False
    _, unknown = parser.parse_known_args()
    if unknown and not unknown[0].startswith("-"):
        raise ValueError(f"{unknown[0]} stands apart from the other options: write flags such as -m before all of them")
    if unknown:
        option = unknown[0].lstrip("-").partition("=")[0].replace("-", "_")
        raise ValueError(f"unknown flag {unknown[0]}: options have no dashes, write {option}=VALUE")


class _WithoutNotice:
    """A stream that drops the line Hydra prints before it raises what a job raised."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return len(text) if text.startswith("Error executing job with overrides") else self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
