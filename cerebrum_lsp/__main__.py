"""`python -m cerebrum_lsp`."""

from cerebrum_lsp.cli import main

main()
