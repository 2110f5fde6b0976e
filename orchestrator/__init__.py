"""The service that routes: the right node, in time, or an honest no."""
