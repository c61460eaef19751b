"""Apache Kafka's jars, from Maven Central by ``mvn``, once per version."""

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Final

from deploy.engines import EngineError

POM: Final = Path(__file__).with_name("pom.xml")
CACHE: Final = Path(__file__).parents[2] / ".kafka"
_POM_NAMESPACE: Final = {"m": "http://maven.apache.org/POM/4.0.0"}
_OLDEST_JAVA: Final = 17


def version() -> str:
    """The version of Kafka that the pom asks for."""
    found = ET.parse(POM).findtext("m:properties/m:kafka.version", None, _POM_NAMESPACE)  # noqa: S314 - our own file
    assert found, "deploy/kafka/pom.xml names no kafka.version"
    return found


def java() -> str:
    """The ``java`` to start; raises :class:`EngineError` when there is none or it is too old."""
    home = os.environ.get("JAVA_HOME")
    program = shutil.which("java", path=f"{home}/bin" if home else None)
    if program is None:
        where = f"in JAVA_HOME={home}" if home else "on the PATH"
        raise EngineError(
            f"Apache Kafka needs Java {_OLDEST_JAVA} and there is no 'java' {where}:"
            " apt-get install -y openjdk-17-jre-headless, or set KAFKA_BOOTSTRAP to a Kafka that runs"
        )
    said = subprocess.run([program, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise EngineError(
            f"Apache Kafka needs Java {_OLDEST_JAVA} or later and {program} is"
            f" {found[1] if found else 'unknown'}: apt-get install -y openjdk-17-jre-headless"
        )
    return program


def jars() -> Path:
    """The directory of the jars, fetched when missing, with a count of files on standard error.

    Raises :class:`EngineError` when ``mvn`` is missing or fails.
    """
    directory = CACHE / version()
    if directory.is_dir():
        return directory
    maven = shutil.which("mvn")
    if maven is None:
        raise EngineError(
            f"Apache Kafka {version()} is fetched by Maven and there is no 'mvn' on the PATH:"
            " apt-get install -y maven, or set KAFKA_BOOTSTRAP to a Kafka that runs"
        )
    draft = CACHE / f"{version()}.new-{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)
    try:
        _copy_dependencies(maven, draft)
        draft.replace(directory)
    except OSError as error:
        if not directory.is_dir():  # else another process was faster, which is as good
            raise EngineError(
                f"cannot write {CACHE}: {error.strerror}; make it writable or free space"
            ) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return directory


def _copy_dependencies(maven: str, target: Path) -> None:
    target.mkdir(parents=True)
    command = [maven, "-B", "-f", str(POM), "dependency:copy-dependencies"]
    command += [f"-DoutputDirectory={target}", "-DincludeScope=runtime"]
    tail: list[str] = []
    fetched = 0
    progress = f"Fetching Apache Kafka {version()} (about 45 MB, once)"
    print(f"{progress} …", file=sys.stderr, flush=True)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as run:
        assert run.stdout is not None
        for line in run.stdout:
            tail = [*tail[-40:], line.strip()]
            if "Downloaded from" in line and ".jar" in line:
                fetched += 1
                if sys.stderr.isatty():
                    print(f"\r{progress}: {fetched} files", end="", file=sys.stderr, flush=True)
        status = run.wait()
    if sys.stderr.isatty() and fetched:
        print(file=sys.stderr)
    if status:
        wrong = next((line for line in tail if line.startswith("[ERROR]")), tail[-1] if tail else "")
        raise EngineError(
            f"Maven could not fetch Apache Kafka {version()}: {wrong.removeprefix('[ERROR]').strip()};"
            " check the network and try again"
        )
