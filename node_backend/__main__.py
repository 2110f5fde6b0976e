from node_backend.cli import main

main()
