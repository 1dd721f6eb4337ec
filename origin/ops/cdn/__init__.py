"""Purges that reach the CDN: a queue for each of its interfaces, and what each kind of CDN is told."""
