// next/image: a loader for `images.loaderFile`, or for one `<Image loader={…}>`.

import { createWriter } from "./adapters.js";

/** `{ baseUrl, prefix, grant, options }`: `options` go into every URL, such as `{ f: "auto" }`. */
export function createLoader({ options = {}, ...settings }) {
  const write = createWriter("createLoader", settings);
  return function loader({ src, width, quality }) {
    return write(src, { ...options, w: width, ...(quality ? { q: quality } : {}) });
  };
}
