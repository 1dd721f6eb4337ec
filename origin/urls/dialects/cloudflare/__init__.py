"""Cloudflare's words: image transformations via URL (https://developers.cloudflare.com/images/url-format/)."""
