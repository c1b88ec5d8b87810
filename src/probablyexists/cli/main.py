"""The command line: parse, call, print. One handler turns what goes wrong into one line and an exit code."""

from __future__ import annotations

import _thread
import errno
import os
import signal
import sys
from contextlib import suppress
from threading import Timer, main_thread
from types import FrameType
from typing import Any

_STOPS: dict[int, int] = {
    getattr(signal, name): code
    for name, code in (("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 143))
    if hasattr(signal, name)
}
"""Signals that stop a run -> exit code."""
_STOPPED = "stopped; what is done is kept, run the same command to continue"
_TEMPORARY = "a temporary file"
_MACHINE = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS", "EACCES", "EPERM", "EIO", "EMFILE", "ENFILE", "ENAMETOOLONG")
    if hasattr(errno, name)
)
"""Errors of the disk and its permissions, which no other place has given a better message for."""


def main() -> None:
    """Entry point of `probablyexists`.

    Exit code 0 done, 1 a leak with --fail-on-leak, 2 bad input or a disk that is full or only readable, 3 a failure of
    ours or of the machine, 130 stopped (143 by SIGTERM or SIGHUP).
    """
    stop = _Stop()
    try:
        from probablyexists.cli.app import app

        stop.softly = True
        code = app(prog_name="probablyexists", standalone_mode=False)
        if stop.code and code == _STOPS[signal.SIGINT]:  # what Typer makes of the interrupt, whatever signal it was
            raise KeyboardInterrupt
        if sys.stdout is not None:
            sys.stdout.flush()
    except BaseException as error:
        code = _ended_by(error, stop)
    _leave(int(code or 0))


class _Stop:
    """Handles signals: before anything is begun and at the second one the process ends at once, else as by Ctrl-C."""

    def __init__(self) -> None:
        self.softly, self.code, self._lost = False, 0, False
        usual = (signal.SIG_DFL, signal.default_int_handler)
        for number in _STOPS:
            if signal.getsignal(number) in usual:  # not where the caller has it ignored, as nohup does
                signal.signal(number, self._handle)

    def _handle(self, number: int, _: FrameType | None) -> None:
        again, self.code = self.code and not self._lost, _STOPS[number]
        self._lost = False
        if again or not self.softly:
            _say(_STOPPED)
            os._exit(self.code)
        sys.unraisablehook = self._swallowed
        raise KeyboardInterrupt

    def _swallowed(self, what: sys.UnraisableHookArgs) -> None:
        """Raised in a destructor, which may run at any moment, the interrupt arrives nowhere: it is raised again."""
        if what.exc_type is KeyboardInterrupt:
            self._lost = True
            Timer(0.01, _interrupt, [next(number for number, code in _STOPS.items() if code == self.code)]).start()


def _interrupt(number: int) -> None:
    """Send this signal to the main thread, also out of what it waits for."""
    if hasattr(signal, "pthread_kill"):
        signal.pthread_kill(main_thread().ident or 0, number)
    else:
        _thread.interrupt_main(signal.Signals(number))


def _ended_by(error: BaseException, stop: _Stop) -> int:
    """Say in one line what ended the run; its exit code."""
    if stop.code or isinstance(error, KeyboardInterrupt):
        _say(_STOPPED)
        return stop.code or 130
    if isinstance(error, SystemExit) and isinstance(error.__context__, BrokenPipeError):  # Typer makes it code 1
        error = error.__context__
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 3
    line = _foreseen(error)
    if line is None:
        import traceback

        traceback.print_exception(error)  # shown whole, with a code that is neither a leak nor bad input
        return 3
    _say(line)
    return 2


def _foreseen(error: BaseException) -> str | None:
    """The line for bad input and for disks that are full or only readable; None for anything else."""
    from probablyexists.basis.errors import ProbablyExistsError, WriteError

    if isinstance(error, ProbablyExistsError):
        return error.on_command_line
    if hasattr(error, "format_message"):
        return _misused(error)
    if isinstance(error, BrokenPipeError):
        return "standard output: its reader ended before the end (broken pipe); write to a file, or read all of it"
    if isinstance(error, OSError) and (error.errno in _MACHINE or "temporary directory" in str(error.strerror)):
        place = _place(error)
        instead = "set TMPDIR to another folder" if place == _TEMPORARY else "choose another place"
        return WriteError(place, error, instead).on_command_line
    return None


def _place(error: OSError) -> str:
    """What could not be written."""
    if isinstance(error.filename, str):
        return error.filename
    at, printing = error.__traceback__, False
    while at is not None:
        printing |= at.tb_frame.f_code.co_name in ("echo", "print")
        at = at.tb_next
    return "standard output" if printing else _TEMPORARY


def _misused(error: Any) -> str:
    """Typer's message for wrong options and arguments, in one line."""
    said = " ".join(error.format_message().split()).rstrip(".").replace("Value error, ", "")
    said = said or "give a command"  # the help is printed by then
    context, parameter = getattr(error, "ctx", None), getattr(error, "param", None)
    if context is not None and parameter is not None:
        from probablyexists.cli.options import in_file

        said += f" ({file})" if (file := in_file(context, parameter.name)) else ""
        if parameter.name == "reference" and said.startswith("Missing"):
            said += "; public people: probablyexists reference lfw --out R"
    command = context.command_path if context is not None else "probablyexists"
    return f"{said[:1].lower()}{said[1:]}; see {command} --help"


def _say(line: str) -> None:
    if sys.stderr is not None:  # where it is closed, another file may have its number
        with suppress(OSError):
            os.write(2, f"probablyexists: {line}\n".encode(errors="backslashreplace"))


def _leave(code: int) -> None:
    """Exit; output that cannot be written any more is let go of, as Python would report it with a code of its own."""
    for number in _STOPS:
        if callable(signal.getsignal(number)):
            signal.signal(number, signal.SIG_DFL)
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)
