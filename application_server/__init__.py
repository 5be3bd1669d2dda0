"""The process that hosts service functions, attached to a forwarding function over T4; also the compute worker of UEs."""
