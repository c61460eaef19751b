"""Child processes that cannot outlive their launcher, run without root's rights, one per directory."""

import asyncio
import contextlib
import ctypes
import fcntl
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.engines.errors import EngineError

LOOPBACK: Final = "127.0.0.1"
SERVICE_ACCOUNT: Final = "jamaa"
_PR_SET_PDEATHSIG: Final = 1
_LOG_LIMIT: Final = 10 * 2**20
# Loaded at import: nothing may be imported or looked up between fork and exec.
_prctl = ctypes.CDLL(None, use_errno=True).prctl


@dataclass(frozen=True, slots=True)
class Account:
    """The unprivileged user that an engine runs as when the launcher is root."""

    uid: int
    gid: int
    name: str

    def can_enter(self, directory: Path) -> Path | None:
        """None when this user can reach ``directory``, else the outermost directory that stops it."""
        for place in (*reversed(directory.parents), directory):
            status = place.stat()
            if status.st_uid == self.uid:
                needed = 0o100
            elif status.st_gid == self.gid:
                needed = 0o010
            else:
                needed = 0o001
            if not status.st_mode & needed:
                return place
        return None


def unprivileged(owned: Path) -> Account | None:
    """The account to run an engine as: None for an ordinary user, who runs it as himself.

    For root it is the owner of the data in ``owned`` when there is any, else the system user ``jamaa``,
    created when missing, else ``postgres`` or ``nobody``. Raises :class:`EngineError` when there is none,
    or when the data belongs to somebody that the present user cannot become.
    """
    owner = owned.stat().st_uid if owned.exists() else 0
    if os.geteuid() != 0:
        if owned.exists() and owner != os.geteuid():
            raise EngineError(
                f"{owned} belongs to {_name(owner)}, not to {_name(os.geteuid())}: run as that user"
                " or as root, or set JAMAA_HOME to another directory"
            )
        return None
    if owner:
        return Account(owner, owned.stat().st_gid, _name(owner))
    if not _known(SERVICE_ACCOUNT) and (useradd := shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin")):
        subprocess.run(
            [
                useradd,
                "--system",
                "--user-group",
                "--no-create-home",
                "--home-dir",
                "/nonexistent",
                "--shell",
                "/usr/sbin/nologin",
                SERVICE_ACCOUNT,
            ],
            check=False,  # a read-only /etc is no reason to stop: the next names are tried
            capture_output=True,
        )
    for name in (SERVICE_ACCOUNT, "postgres", "nobody"):
        if entry := _known(name):
            return Account(entry.pw_uid, entry.pw_gid, name)
    raise EngineError(
        f"root may not run PostgreSQL and no user could be created: run as an ordinary user,"
        f" or 'useradd --system {SERVICE_ACCOUNT}' first"
    )


def _known(name: str) -> pwd.struct_passwd | None:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name)
    return None


def _name(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return str(uid)


def admit(home: Path, account: Account | None) -> None:
    """Create ``home``, and make it (only it, no directory above) enterable by the engine's account.

    Raises :class:`EngineError` when a directory above it is closed to that account.
    """
    home.mkdir(parents=True, exist_ok=True)
    if account is None:
        return
    if (blocked := account.can_enter(home)) == home:
        home.chmod(home.stat().st_mode | 0o011)
        blocked = account.can_enter(home)
    if blocked:
        raise EngineError(
            f"root may not run the engines, and the user {account.name} who runs them cannot enter {blocked},"
            f" which leads to {home}: set JAMAA_HOME=/var/lib/jamaa (or any place outside {blocked})"
        )


def reachable(package: Path, programs: Path, account: Account | None, shelf: Path) -> Path:
    """``package``, or a copy of it on ``shelf`` when ``account`` cannot enter its folder of programs
    (a checkout under /root, or one made with a closed umask).
    """
    if account is None or account.can_enter(programs) is None:
        return package
    copy = shelf / package.name
    if not copy.exists():
        shelf.mkdir(parents=True, exist_ok=True)
        for folder in (shelf.parent, shelf):
            folder.chmod(0o755)
        draft = shelf / f"{package.name}.new"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(package, draft, symlinks=True)
        for path in (draft, *draft.rglob("*")):
            path.chmod(path.stat().st_mode | (0o055 if path.stat().st_mode & 0o100 else 0o044))
        draft.rename(copy)
    return copy


class Claim:
    """One launcher at a time on one directory, and none before the last one's engine has ended.

    ``<name>.lock`` is held by the launcher; ``<name>.running`` is inherited by the engine and its
    children, so that it stays locked while any of them lives, whoever killed the launcher.
    """

    def __init__(self, home: Path, name: str) -> None:
        self._what = f"{name} in {home}"
        self._lock = home / f"{name}.lock"
        self._running = home / f"{name}.running"
        self._held: list[int] = []

    @property
    def inherited(self) -> int:
        """The descriptor that the engine must inherit."""
        return self._held[1]

    async def take(self, patience: float = 120) -> None:
        """Lock the directory; waits up to ``patience`` seconds for an engine that is still stopping."""
        if not self._try(self._lock):
            raise EngineError(
                f"{self._what} is already run by process {self._lock.read_text().strip() or '?'}:"
                " stop it first (Ctrl-C there), or set JAMAA_HOME to another directory"
            )
        os.ftruncate(self._held[0], 0)
        os.pwrite(self._held[0], f"{os.getpid()}\n".encode(), 0)
        deadline = asyncio.get_running_loop().time() + patience
        while not self._try(self._running):
            if asyncio.get_running_loop().time() > deadline:
                self.release()
                raise EngineError(
                    f"{self._what} is still being stopped after {patience:.0f} s by an earlier run:"
                    " look for its processes, end them, and start again"
                )
            await asyncio.sleep(0.02)

    def _try(self, path: Path) -> bool:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._held.append(descriptor)
        return True

    def release(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)
        self._held.clear()


class Child:
    """A running program. It gets ``death_signal`` from the kernel when this process ends in any way."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        log: Path,
        account: Account | None = None,
        death_signal: signal.Signals = signal.SIGKILL,
        environment: Mapping[str, str] | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        """Raises RuntimeError outside the main thread: the kernel sends the death signal when the
        *thread* that forked ends, not the process.
        """
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("an engine is started from the main thread only")
        launcher = os.getpid()

        def die_with_launcher() -> None:
            _prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
            if os.getppid() != launcher:  # it ended before the line above took effect
                os._exit(1)

        self.log = log
        log.parent.mkdir(exist_ok=True)
        if log.exists() and log.stat().st_size > _LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            self._log_start = output.tell()
            self._popen = subprocess.Popen(
                [str(part) for part in argv],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={"PATH": os.defpath, "LC_ALL": "C", **(environment or {})},
                pass_fds=inherit,
                start_new_session=True,  # Ctrl-C reaches the launcher alone, which ends things in order
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                # Called after setuid, which would clear it; it only calls what was looked up at import.
                preexec_fn=die_with_launcher,  # noqa: PLW1509 - see the line above
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        return self._popen.poll()

    def said(self) -> str:
        """What it has written to its log since it started."""
        with self.log.open("rb") as lines:
            lines.seek(self._log_start)
            return lines.read().decode(errors="replace")

    async def exited(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        if (status := self._popen.poll()) is not None:
            return status
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        descriptor = os.pidfd_open(self.pid)
        loop.add_reader(descriptor, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return self._popen.wait()

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal and wait its number of seconds; SIGKILL when none of them helped."""
        for number, patience in (*steps, (signal.SIGKILL, 30)):
            if self._popen.poll() is not None:
                return
            self._popen.send_signal(number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.exited(), patience)


def free_port() -> int:
    """A port of 127.0.0.1 on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, what: str, setting: str) -> None:
    """Raise :class:`EngineError` when somebody listens on ``port`` already."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise EngineError(
                f"{what} cannot listen on {LOOPBACK}:{port} ({error.strerror}):"
                f" stop the program that uses it, or set {setting} to another port"
            ) from error


def last_line(text: str) -> str:
    """The last line of a log that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
