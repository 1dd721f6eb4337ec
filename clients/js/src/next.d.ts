import type { AdapterSettings } from "./adapters.js";
import type { Options } from "./options.js";

export interface LoaderSettings extends AdapterSettings {
  /** Options of every URL, such as `{ f: "auto" }`. */
  options?: Options | undefined;
}

export type Loader = (asked: { src: string; width: number; quality?: number }) => string;

/** A loader for `images.loaderFile` of next.config, or for one `<Image loader={…}>`. */
export function createLoader(settings: LoaderSettings): Loader;
