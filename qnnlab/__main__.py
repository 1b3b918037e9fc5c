"""`python -m qnnlab` is `qnnlab`."""

from qnnlab.cli import main

main()
