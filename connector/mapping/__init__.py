"""Mappings: YAML compiled to a pure function from one record to the lines that it asks for."""

from connector.mapping.spec import LineSpec, Lookup, Mapped, Wanted, WritePolicy

__all__ = ["LineSpec", "Lookup", "Mapped", "Wanted", "WritePolicy"]
