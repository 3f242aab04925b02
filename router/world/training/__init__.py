"""How the shipped yard is trained. PyTorch is needed here and nowhere else."""
