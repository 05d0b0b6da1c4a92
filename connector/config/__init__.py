"""The configuration: YAML, `${ENV}` and `${file:…}` read into settings, every fault at once with its place."""

from connector.config.clock import SystemClock
from connector.config.load import Config, Connection, load_config
from connector.config.values import duration

__all__ = ["Config", "Connection", "SystemClock", "duration", "load_config"]
