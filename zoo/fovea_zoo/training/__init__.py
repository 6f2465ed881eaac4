"""Training of the zoo's small networks on generated road scenes."""
