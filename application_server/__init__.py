"""The process that hosts service functions, attached over T4; also the compute worker of UEs."""
