// unpic: a transformer for `<Image transformer={transform}>` of @unpic/* (their `base` components) and @unpic/core.

import { createWriter, dropEmpty } from "./adapters.js";
import { canonicalize, escape } from "./urls.js";

const ABSOLUTE = /^([a-z][a-z0-9+.-]*:\/\/[^/?#]*)?\/?([^?#]*)(?:\?([^#]*))?/i;
const writers = new Map();

/**
 * The URL of `src` with these operations: `width`, `height`, `format`, `quality` and every option of ours.
 * `src` is the URL of a picture, or with `options` of `{ baseUrl, prefix, grant }` its key. Options that the URL
 * has already stay, unless the operations name them.
 */
export function transform(src, operations = {}, options = {}) {
  const { baseUrl, prefix, ...rest } = options ?? {};
  if (baseUrl !== undefined) {
    return writer({ baseUrl, prefix: prefix ?? "", ...rest })(String(src), dropEmpty(operations));
  }
  const { grant, ...unknown } = rest;
  const [, base, path, query = ""] = ABSOLUTE.exec(String(src));
  const { t, token, e, expires, ...given } = Object.fromEntries(new URLSearchParams(query));
  const signature = grant ?? t ?? token;
  if (signature && !signature.includes(".")) {
    throw new TypeError("a signed URL is for one picture alone and cannot be changed: give transform a grant");
  }
  const wanted = { ...canonicalize(given), ...canonicalize(dropEmpty(operations)) };
  const url = writer({ baseUrl: base ?? "", ...unknown })(decodeURIComponent(path), wanted);
  // Which part of the path is the prefix is not known here, and so the grant is not looked into.
  return signature ? `${url}${url.includes("?") ? "&" : "?"}t=${escape(signature)}` : url;
}

function writer(settings) {
  const id = JSON.stringify(settings);
  if (!writers.has(id)) writers.set(id, createWriter("image-origin/unpic", settings));
  return writers.get(id);
}

