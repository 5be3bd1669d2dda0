"""`python -m net4ai.app`: the command line."""

from net4ai.app.command_line import main

main()
