"""The messaging core, idempotency keys and the territory."""

from pathlib import Path

from shared.migrate import run_script
from shared.territory import DDL

revision = "kernel_0001"
down_revision = None

HERE = Path(__file__).parent.parent


def upgrade() -> None:
    for name in ("messaging.sql", "http.sql", "notify.sql"):
        run_script((HERE / name).read_text(encoding="utf-8"))
    run_script(DDL)
