"""One file a framework: its FRAMEWORKS are found by themselves."""
