"""Waits for the harness to end, however it ends; then nothing of it is left.

Run as a program of its own with the directory and the harness's process number. Every process whose command
line or environment names the directory is ended, what is mounted in it is unmounted, and it is removed.
"""

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path


def companions(home: str) -> list[int]:
    found = []
    for process in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdecimal() and int(process.name) != os.getpid():
                told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
                if home.encode() in told:
                    found.append(int(process.name))
    return found


def sweep(home: str) -> None:
    for _ in range(20):
        left = companions(home)
        for pid in left:
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        if not left:
            break
        time.sleep(0.1)
    mounted = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    for place in mounted:
        if place.startswith(f"{home}/"):
            subprocess.run(["umount", "-l", place], check=False)
    shutil.rmtree(home, ignore_errors=True)


def main() -> None:
    home, harness = sys.argv[1], int(sys.argv[2])
    watched = os.pidfd_open(harness)
    woken, wake = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(wake, b"x"))
    select.select([watched, woken], [], [])
    sweep(home)


if __name__ == "__main__":
    main()
