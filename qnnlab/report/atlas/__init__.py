"""The review's own tables as exhibits: its map, its deployments, published benchmarks."""
