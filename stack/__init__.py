"""Protocol machines without I/O: they take events and the time, and give outputs and their next deadline."""
