"""The command line, the application controller, the scenario runner and the reports: the only package that may import everything."""
