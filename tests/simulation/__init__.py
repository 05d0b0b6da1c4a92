"""Deterministic simulation: the real engine and ledger between two systems in memory, under one seeded clock and scheduler.

`python -m tests.simulation --seeds 1..200` runs it; docs/reliability.md says what is checked.
"""
