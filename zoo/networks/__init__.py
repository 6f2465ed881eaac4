"""PyTorch definitions of the zoo's networks, one file per family. Only `zoo/export.py` imports them."""
