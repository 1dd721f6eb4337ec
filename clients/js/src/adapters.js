// What the loaders of frameworks have in common.

import { ImageOrigin } from "./index.js";
import { Address } from "./urls.js";

/**
 * A function that gives the URL of a `src` as a page writes it. A framework asks it for each URL and cannot wait,
 * so a signed picture needs a grant. URLs of other servers, and `/_next/` and `data:`, are given back as they are.
 */
export function createWriter(name, { baseUrl, prefix = "", grant, keys, ...rest }) {
  if (keys !== undefined) {
    throw new TypeError(`${name} cannot wait for a signature: make a grant on the server, with keys, and give it the grant`);
  }
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw new TypeError(`${name}: ${unknown} is unknown; it takes baseUrl, prefix, grant, options`);
  const images = new ImageOrigin({ baseUrl, prefix, ...(grant ? { grant } : {}) });
  const address = new Address(baseUrl, prefix);
  return (src, options) => {
    const key = src.startsWith("/_next/") ? null : address.readKey(src);
    return key === null ? src : images.url(key, options);
  };
}

/** Without what a framework leaves empty. */
export function dropEmpty(options) {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined && value !== null && value !== ""));
}
