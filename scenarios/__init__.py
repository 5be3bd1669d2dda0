"""Scenarios and service descriptions shipped with the product."""
