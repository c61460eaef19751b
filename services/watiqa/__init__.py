"""Watiqa: the window for administrative documents."""
