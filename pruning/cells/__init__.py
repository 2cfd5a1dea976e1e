"""Recurrent cells: how a state follows from the one before, and what pruning asks of that step.

`cell.Cell` is the interface, one module a cell. Selection, refits and bounds work against the
interface, so that they hold for every cell.
"""
