"""pyvips, copied: see the README.md beside this file. Nothing else in the program comes from elsewhere."""
