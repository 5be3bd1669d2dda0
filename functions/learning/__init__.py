"""Two-level learning: data source, local training, global training. torch lives only here."""
