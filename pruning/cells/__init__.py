"""Recurrent cells: how a state follows from the one before, and what pruning asks of that step.

`cell.Cell` is the interface, one module a cell; `secants` is what bounds ask of a pair of runs.
"""
