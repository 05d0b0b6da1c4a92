"""About time: when passes start, how the process stops. What is true is the store's."""
