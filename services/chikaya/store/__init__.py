"""Reports, notes, codes and administrations in PostgreSQL."""
