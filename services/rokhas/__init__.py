"""Permits: urban planning and economic licences of a commune."""
