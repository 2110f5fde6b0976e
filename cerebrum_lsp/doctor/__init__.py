"""`cerebrum-lsp doctor`: probes gather facts, `core/checkup.py` judges them, a view shows them."""
