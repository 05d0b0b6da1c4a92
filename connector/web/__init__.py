"""The daemon's web pages: /healthz and /readyz."""
