"""The documents as a site of static pages: `python -m docs.site`."""
