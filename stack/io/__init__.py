"""The only place that opens sockets or owns an event loop."""
