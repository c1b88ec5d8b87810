"""Open an audit's page on this machine: a server that only it can reach, and the browser."""

from __future__ import annotations

import glob
import logging
import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from probablyexists.basis.errors import ImageError, InputError, MissingExtraError, ProbablyExistsError, option, required
from probablyexists.basis.progress import Progress, Silent
from probablyexists.basis.roles import Role
from probablyexists.basis.text import one_line, shown
from probablyexists.results.draw_again import drawn_for
from probablyexists.results.findings import Findings
from probablyexists.showing.opened import Opened, open_audit
from probablyexists.showing.small_pictures import Pictures, Read, folder_reader, source_reader
from probablyexists.sources.open_source import Source, open_source
from probablyexists.sources.packed import packed

_LONGEST = 500
"""Characters that are quoted of why pictures cannot be opened."""


def show(
    audit: str | Path,
    *,
    training: str | Path | None = None,
    unseen: str | Path | None = None,
    heldout: str | Path | None = None,
    generated: str | Path | Source | None = None,
    compare: str | Path | None = None,
    port: int = 0,
    browse: bool = True,
    said: Callable[[str], None] = print,
    progress: Progress | None = None,
) -> None:
    """Serve the page of an audit on 127.0.0.1 until it is stopped (Ctrl-C).

    Parameters
    ----------
    audit
        Folder of an audit.
    training, unseen, heldout, generated
        Where the pictures are, if not where the audit read them. A generator is not run: `draw` its samples
        into a folder, and give that.
    compare
        Folder of another audit of the same people, to compare with this one.
    port
        Of the server; 0 takes a free one.
    browse
        Open the address in the browser.
    said
        Is called with the address.

    Raises
    ------
    InputError
        One line: no audit, or a port that is taken.
    MissingExtraError
        Starlette or uvicorn is not installed.
    """
    uvicorn, *_ = (required(module, "show") for module in ("uvicorn", "starlette", "python_multipart"))
    from probablyexists.showing.asking import Asking, question
    from probablyexists.showing.compare_page import Comparing
    from probablyexists.showing.server import app
    from probablyexists.showing.ticket import Ticket

    given = {"training": training, "unseen": unseen, "heldout": heldout, "generated": generated}
    progress = progress or Silent()
    opened = opened_audit(Path(audit), given, progress)
    asking = Asking(opened.folder, question(opened.findings, given))
    comparing = None if compare is None else Comparing(opened.folder, Path(compare))
    with ExitStack() as after:
        for task in (asking, comparing):
            if task is not None:
                after.callback(task.close)
        # Where TCP is not named, asyncio leaves Nagle's wait on: 40 ms for each answer on a kept connection.
        listening = after.enter_context(socket.socket(proto=socket.IPPROTO_TCP))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise InputError(f"{option('port', port)}: cannot be used ({error}); give another, or none") from None
        listening.listen(2048)  # whoever reads the address may use it at once
        port, token = listening.getsockname()[1], secrets.token_urlsafe(24)
        quiet = {"log_level": "critical", "access_log": False, "server_header": False, "date_header": False}
        quiet["timeout_graceful_shutdown"] = 2  # seconds; a photo that is half sent must not hold up the end
        quiet |= {"http": "h11", "ws": "none"}  # whatever else is installed beside it
        ticket = Ticket(port)
        door = app(opened, token, port, asking, comparing, ticket)
        server = uvicorn.Server(uvicorn.Config(door, lifespan="on", **quiet))
        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a flood of connections must not flood the terminal
        after.enter_context(_stopping(server))
        address = f"http://127.0.0.1:{port}/{token}/"
        said(address)
        progress.say("the page is for this machine alone; Ctrl-C closes it")
        if browse and _has_screen():
            webbrowser.open(f"http://127.0.0.1:{port}/{ticket.address}/")
        server.run([listening])


@contextmanager
def _stopping(server: Any) -> Iterator[None]:
    """While the block runs, Ctrl-C and a polite kill end the server, and nothing else: so the page is closed."""
    if threading.current_thread() is not threading.main_thread():  # a signal is Python's main thread's alone
        yield
        return

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {one: signal.signal(one, stop) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _has_screen() -> bool:
    """Whether a browser would open in a window; one for terminals would take the terminal away."""
    return sys.platform in ("darwin", "win32") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def opened_audit(folder: Path, given: dict[str, str | Path | Source | None], progress: Progress) -> Opened:
    """The audit with the pictures of those sources that can be opened; what cannot is said, and shown without."""
    findings = Findings.read(folder)
    readers: dict[Role, Read] = {}
    for role in findings.data.roles:
        where = given.get(role.role)
        if role.role in given:
            reader = _reader(role.role, where, findings, progress)
            if reader is not None:
                readers[role.role] = reader
    opened = open_audit(folder, findings, Pictures(readers))
    if isinstance(given.get("generated"), str | Path) and "generated" in readers:
        _refuse_other_samples(opened, readers["generated"], str(given["generated"]))
    return opened


def _refuse_other_samples(opened: Opened, read: Read, place: str) -> None:
    """InputError if some of the audit's samples, tried by name, are not in the folder that was given."""
    n = opened.n_samples
    tried = [opened.sample_path(row) for row in sorted({0, n // 2, n - 1})] if n else []
    if tried and all(isinstance(read(path), ImageError) for path in tried):
        how = (
            f", or draw them: {drawn_for(opened.findings)}" if "generator" in opened.findings.signature.settings else ""
        )
        raise InputError(
            f"{option('generated', place)}: holds no sample of this audit, such as {shown(tried[0])}; give the folder "
            f"that was audited{how}"
        )


def _reader(role: Role, where: str | Path | Source | None, findings: Findings, progress: Progress) -> Read | None:
    if where is not None and not isinstance(where, str | Path):
        return source_reader(where)
    held = findings.signature.settings
    if where is None and role == "generated" and "generator" in held:
        progress.say(
            "samples: drawn from a generator, which is not run here; draw them into a folder, and give it with "
            f"--generated: {drawn_for(findings)}"
        )
        return None
    place = str(held.get(role) or "" if where is None else where)
    try:
        if not place:
            raise InputError("the audit does not say where they are")
        if where is None and _searches(place):
            raise InputError(f"{shown(place)}: a pattern over folders, for which no disk is searched unasked")
        if os.path.isdir(place) and not packed(Path(place), shown(place)):
            return folder_reader(Path(place))
        return source_reader(open_source(place, role=role))
    except (InputError, MissingExtraError, OSError) as error:
        own = isinstance(error, ProbablyExistsError)
        said = error if own else InputError(f"{shown(place)}: cannot be read ({one_line(error)})")
        if where is not None:
            raise said from None
        progress.say(f"{role} pictures: {str(said)[:_LONGEST]}; say where they are with --{role}")
        return None


def _searches(place: str) -> bool:
    """Whether this is a pattern for which many folders are looked through."""
    above, name = os.path.split(place)
    return not os.path.lexists(place) and (glob.has_magic(above) or "**" in name)
