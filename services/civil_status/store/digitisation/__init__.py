"""Volumes, their acts in work, who holds them, and how far the country is."""
