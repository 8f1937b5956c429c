"""The server: on this machine alone unless told otherwise, with limits, and with nothing left when it ends."""

from __future__ import annotations

import importlib.util
import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vtoncompress.demo.example import write_examples
from vtoncompress.demo.fitting import FittingRoom
from vtoncompress.demo.forget import KEPT_SECONDS, forgetful
from vtoncompress.demo.prepare import prepare, shipped
from vtoncompress.demo.recipe import Recipe, from_results, open_recipe
from vtoncompress.demo.upload import Limits
from vtoncompress.masking.base import Masker
from vtoncompress.store import Store

NO_GRADIO = "the demo needs Gradio: make install EXTRAS=dev,demo"
SENT = "sent"
"""Of Gradio alone: it copies into it what a visit makes, whose own files go before."""
EXAMPLES = f"{SENT}/examples"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PORTS = range(1, 2**16)


def check(host: str, port: Any) -> None:
    """ValueError where Gradio is not installed or the port can't be used, before anything is deployed."""
    if importlib.util.find_spec("gradio") is None:
        raise ValueError(NO_GRADIO)
    if port is None:
        return
    if type(port) is not int or port not in PORTS:
        raise ValueError(f"port={port}: use a whole number from {PORTS[0]} to {PORTS[-1]}, or null for a free one")
    try:
        with socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET):
            pass
    except OSError as error:
        raise ValueError(f"port={port} on host={host} can't be used: choose another ({error})") from error


def offered(config: Mapping[str, Any]) -> list[Recipe]:
    """The recipes that the config names: exported folders and rows of results.

    Where it names none, or none is found, the shipped networks of models that are not among them as well. Recipes that
    paint in steps, which take longest, come last.

    Raises:
        ValueError: a folder that can't be opened, or an experiment without records.
    """
    store = Store(Path(config["store"]))
    exported = [open_recipe(name, folder) for name, folder in _named(_listed(config["deployments"])).items()]
    rows = from_results(Path(config["results"]), store, _listed(config["experiments"]))
    found = [*exported, *rows]
    named = found and (config["deployments"] or config["experiments"] is not None)
    known = set() if config["shipped"] else {*shipped()} if named else {recipe.model for recipe in found}
    if missing := [name for name in shipped() if name not in known]:
        print(f"deploying what is shipped of {', '.join(missing)}, unless the store has it: ", end="", flush=True)
        for recipe in prepare(store.root, missing):
            print(recipe.name, end="; ", flush=True)
            found.append(recipe)
        print("done", flush=True)
    return sorted(found, key=lambda recipe: recipe.sampling is not None)


def _listed(names: Any) -> Any:
    """A name alone is a list of one."""
    return [names] if isinstance(names, str) else names


def _named(folders: Sequence[str]) -> dict[str, Path]:
    """Folders by as many of their paths' last parts as tell them apart."""
    given = {Path(folder).resolve(): Path(folder) for folder in folders}

    def name(path: Path) -> str:
        ends = (path.parts[-count:] for count in range(1, len(path.parts) + 1))
        return "/".join(next(end for end in ends if sum(one.parts[-len(end) :] == end for one in given) == 1))

    return {name(path): folder for path, folder in given.items()}


@contextmanager
def serving(
    recipes: Sequence[Recipe], limits: Limits, masker: Masker, host: str, port: int | None, threads: int | None
) -> Iterator[str]:
    """Serve within the ``with``; gives the page's address. All that visitors sent is removed at its end.

    Args:
        recipes: what is offered.
        limits: of uploads and visits.
        masker: finds where a person is painted anew, for networks that need to know and visitors who paint no mask.
        host: address to listen on.
        port: None for a free one.
        threads: CPU threads of a call; None for the runtime's own choice.

    Raises:
        ValueError: the port is taken, or Gradio is not installed.
    """
    with forgetful(KEPT_SECONDS, EXAMPLES) as folder:
        # Read when Gradio is imported: where uploads go, and that nobody is told that it runs.
        os.environ |= {"GRADIO_TEMP_DIR": str(folder / SENT)}
        os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
        try:
            import gradio as gr
            from gradio import processing_utils, routes
        except ModuleNotFoundError as error:
            raise ValueError(NO_GRADIO) from error
        from vtoncompress.demo.layout import CSS, SCRIPT, build
        from vtoncompress.demo.visit import fetch_nothing, pass_nothing_on

        processing_utils.async_ssrf_protected_download = fetch_nothing
        routes.secure_url_stream_response = pass_nothing_on
        examples = folder / EXAMPLES
        examples.mkdir(parents=True)
        page = build(FittingRoom(recipes, threads), limits, masker, write_examples(examples))
        # Closed: calls past the queue would be past its limits too.
        page.queue(max_size=limits.queue, default_concurrency_limit=limits.concurrency, api_open=False)
        # The default theme would ask for fonts elsewhere, and its orange is too light for white letters.
        theme = gr.themes.Default(primary_hue="indigo", font=["system-ui", "sans-serif"], font_mono=["monospace"])
        theme.set(button_primary_background_fill="*primary_700", button_primary_background_fill_hover="*primary_800")
        try:
            _, address, _ = page.launch(
                server_name=host, server_port=port, max_file_size=int(limits.upload_mb * 1e6), share=False, quiet=True,
                prevent_thread_lock=True, footer_links=[], ssr_mode=False, enable_monitoring=False, theme=theme,
                css=CSS, js=SCRIPT, allowed_paths=[str(examples)], run_history=False,
            )  # fmt: skip
        except OSError as error:
            raise ValueError(f"port={port} on host={host} can't be used: choose another ({error})") from error
        try:
            yield address
        finally:
            page.close(verbose=False)


def warn(host: str) -> str | None:
    """What to know where others can reach the page."""
    if host in LOOPBACK:
        return None
    return f"host={host}: whoever reaches this machine reaches the page; it asks for no password and is not encrypted"
