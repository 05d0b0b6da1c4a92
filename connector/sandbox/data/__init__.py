"""The sample shop's data: seeded, so that the same options always make the same shop."""
