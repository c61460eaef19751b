"""Alembic's entry point, the same for the kernel and for every service: one connection, one transaction."""

from alembic import context

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    version_table="alembic_version",
    version_table_schema=context.config.attributes["version_schema"],
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
