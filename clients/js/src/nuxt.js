// Nuxt Image: a provider, named in `image.providers` of the configuration.

import { createWriter, dropEmpty } from "./adapters.js";

const RENAMED = { position: "g" }; // the others of Nuxt's names are ours too
const writers = new Map();

/** `{ modifiers, baseUrl | baseURL, prefix, grant }` to `{ url }`. */
export function getImage(src, { modifiers = {}, baseUrl, baseURL, prefix, grant }) {
  const settings = { baseUrl: baseUrl ?? baseURL ?? "", prefix: prefix ?? "", grant };
  const id = JSON.stringify(settings);
  if (!writers.has(id)) writers.set(id, createWriter("image-origin/nuxt", settings));
  const options = Object.entries(dropEmpty(modifiers)).map(([name, value]) => [RENAMED[name] ?? name, value]);
  return { url: writers.get(id)(src, Object.fromEntries(options)) };
}

const provider = { getImage };

/** Nuxt Image 2 asks for a function that gives the provider. */
export default () => provider;
