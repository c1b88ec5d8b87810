"""The number of threads: one setting for our pools and for those of the libraries."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_WITH_POOLS = ("scipy.linalg", "sklearn", "faiss")
"""Libraries with their own threads. They are loaded before limiting, because a limit misses libraries loaded later."""


class InOrder(Protocol):
    """`map`: results in the order of the items."""

    def __call__(self, work: Callable[[Item], Result], items: Iterable[Item], /) -> Iterable[Result]: ...


@contextmanager
def mapper(threads: int | None) -> Iterator[InOrder]:
    """`map` on a pool of threads (None: one for each core); with 1, in the calling thread without a pool."""
    n = threads or os.cpu_count() or 1
    if n == 1:
        yield map
        return
    with ThreadPoolExecutor(n) as pool:
        yield pool.map


@contextmanager
def limited_threads(threads: int | None) -> Iterator[None]:
    """Limit the libraries' own pools (BLAS, OpenMP, Arrow, torch) to `threads` threads; None: unchanged."""
    if threads is None:
        yield
        return
    import pyarrow as pa
    from threadpoolctl import threadpool_limits

    for name in _WITH_POOLS:
        importlib.import_module(name)
    with ExitStack() as undo:
        undo.callback(pa.set_cpu_count, pa.cpu_count())
        undo.callback(pa.set_io_thread_count, pa.io_thread_count())
        pa.set_cpu_count(threads)
        pa.set_io_thread_count(threads)
        openmp = os.environ.get("OMP_NUM_THREADS")
        if openmp is None:
            undo.callback(os.environ.pop, "OMP_NUM_THREADS")
        else:
            undo.callback(os.environ.update, OMP_NUM_THREADS=openmp)
        # Libraries loaded inside the context, such as torch, read this when they are loaded.
        os.environ["OMP_NUM_THREADS"] = str(threads)
        undo.enter_context(threadpool_limits(threads))
        torch: Any = sys.modules.get("torch")
        if torch is not None:
            undo.callback(torch.set_num_threads, torch.get_num_threads())
            torch.set_num_threads(threads)
        yield
