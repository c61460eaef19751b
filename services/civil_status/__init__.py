"""Civil status: the register behind the window."""
