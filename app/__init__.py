"""Command line, application controller, scenario runner, reports: the only package that may import everything."""
