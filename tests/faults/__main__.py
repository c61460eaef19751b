"""`make faults`: see `--help`."""

from tests.faults.run import main

if __name__ == "__main__":
    main()
