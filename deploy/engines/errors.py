"""What can go wrong with an engine, said in one line."""

import contextlib
import errno
import shutil
from collections.abc import Iterator
from pathlib import Path


class EngineError(Exception):
    """An engine cannot start or has failed. The message is one line: what, where, what to do."""


@contextlib.contextmanager
def explained(home: Path) -> Iterator[None]:
    """Turn what the file system refuses under ``home`` into an :class:`EngineError`."""
    try:
        yield
    except ConnectionError:
        raise  # a server's, not a file's
    except OSError as error:
        where = error.filename or home
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise disk_full(home) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise EngineError(
                f"cannot write {where}: {error.strerror}; give it to the user who runs this,"
                " or set JAMAA_HOME to another directory"
            ) from error
        raise EngineError(f"cannot use {where}: {error.strerror or error}") from error


def disk_full(home: Path) -> EngineError:
    """The one line for a full disk."""
    while not home.exists():
        home = home.parent
    free = shutil.disk_usage(home).free // 2**20
    return EngineError(
        f"the disk that holds {home} is full ({free} MiB free): free at least 500 MiB,"
        " or set JAMAA_HOME to a directory on another disk"
    )
