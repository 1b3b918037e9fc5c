"""One file a kind of check; every function under `@check` is found by its name."""
