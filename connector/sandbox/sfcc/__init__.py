"""A simulated Salesforce B2C Commerce instance: OCAPI Shop and Data, tokens, orders, notes, custom objects."""
