"""Progress on stderr: the current stage, its rate and the time left."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import IO, Any, Protocol, cast


class Progress(Protocol):
    """Reports what is being done."""

    def say(self, text: str) -> None:
        """Print a line that stays."""

    def stage(self, title: str, total: int | None) -> Stage:
        """Start a bar of `total` steps (None: unknown)."""


class Stage(Protocol):
    """A progress bar, as a context manager that ends it."""

    def __enter__(self) -> Stage: ...

    def __exit__(self, *exc: object) -> None: ...

    def advance(self, steps: int = 1) -> None:
        """Report that `steps` more steps are done."""


class Silent:
    """Prints nothing: the default in Python, and for `--quiet`."""

    def say(self, text: str) -> None:
        pass

    def stage(self, title: str, total: int | None) -> Stage:
        return self

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass


class _Lossy:
    """A stream that drops what cannot be written: a log on a full disk must not end an audit."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Console:
    """Bars with rate and time left, by `rich`, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console as RichConsole

        file = None if sys.stderr is None else cast(IO[str], _Lossy(sys.stderr))
        self._console = RichConsole(file=file, stderr=True, highlight=False)

    def say(self, text: str) -> None:
        from rich.text import Text

        self._console.print(Text(text))

    def stage(self, title: str, total: int | None) -> Stage:
        return _ConsoleStage(self._console, title, total)


class _ConsoleStage:
    def __init__(self, console: object, title: str, total: int | None) -> None:
        from rich import progress

        class Rate(progress.ProgressColumn):
            def render(self, task: progress.Task) -> str:
                speed = task.finished_speed or task.speed
                return "" if speed is None else f"{speed:,.0f}/s"

        self._bars = progress.Progress(
            progress.TextColumn("{task.description:<34}"),
            progress.BarColumn(bar_width=28),
            progress.MofNCompleteColumn(),
            Rate(),
            progress.TimeRemainingColumn(elapsed_when_finished=True),
            console=console,  # type: ignore[arg-type]
        )
        self._task = self._bars.add_task(title, total=total)

    def __enter__(self) -> Stage:
        self._bars.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bars.stop()

    def advance(self, steps: int = 1) -> None:
        self._bars.advance(self._task, steps)
