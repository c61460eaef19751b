"""Paper registers: scanned, keyed twice, compared, sampled, entered."""
