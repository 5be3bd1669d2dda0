"""Wire formats: bytes to values and back, each message declared once. No sockets, no clocks, no asyncio, no torch."""
