"""The editor daemon: captures context, asks the pool, shows what is worth showing."""

__version__ = "0.1.0"
