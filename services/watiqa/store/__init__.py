"""Tables and queries of the window."""
