"""Progress on stderr: what is being done, how fast, how long it will take."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """What a long stage tells while it runs."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def stage(self, title: str, total: int | None) -> Stage:
        """A new bar of `total` steps (None: unknown)."""


class Stage(Protocol):
    """A bar; a context manager, so that it ends when its work does."""

    def __enter__(self) -> Stage: ...

    def __exit__(self, *exc: object) -> None: ...

    def advance(self, steps: int = 1) -> None:
        """So many more steps are done."""


class Silent:
    """Says nothing: the default in Python and for `--quiet`."""

    def say(self, text: str) -> None:
        pass

    def stage(self, title: str, total: int | None) -> Stage:
        return _SilentStage()


class _SilentStage:
    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def advance(self, steps: int = 1) -> None:
        pass


class Console:
    """Bars with rate and time left, by `rich`, on stderr."""

    def __init__(self) -> None:
        from rich.console import Console as RichConsole

        self._console = RichConsole(stderr=True, highlight=False)

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
