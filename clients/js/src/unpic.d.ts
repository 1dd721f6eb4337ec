import type { AdapterSettings } from "./adapters.js";
import type { Options } from "./options.js";

/** unpic's `width`, `height`, `format` and `quality` are options of ours already. */
export interface Operations extends Omit<Options, "width" | "height" | "format" | "quality"> {
  width?: number | string | undefined;
  height?: number | string | undefined;
  format?: string | undefined;
  quality?: number | string | undefined;
}

/** `src` is the URL of a picture, or with `options` its key. */
export function transform(src: string | URL, operations?: Operations, options?: Partial<AdapterSettings>): string;
