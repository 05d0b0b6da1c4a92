"""The daemon's web pages: /healthz, /readyz and /metrics."""
