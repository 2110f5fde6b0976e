"""The plugin for Neovim in the real editors, both the old and the new one."""
