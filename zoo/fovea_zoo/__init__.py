"""The zoo's PyTorch side: networks, their export, import of public checkpoints, road scenes and training."""
