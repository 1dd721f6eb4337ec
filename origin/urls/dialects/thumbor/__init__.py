"""thumbor's words: its URLs (https://thumbor.readthedocs.io/en/latest/usage.html), and its signatures."""
