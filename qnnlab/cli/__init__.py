"""The command line: thin; every command is a call that a notebook could make."""

from qnnlab.cli.main import main

__all__ = ["main"]
