"""The same instance over SCAPI, the Commerce API: clients and scopes of its own, camelCase, days instead of instants."""
