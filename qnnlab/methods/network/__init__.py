"""A trained network between Keras and integers: read, folded, simulated, exported."""
