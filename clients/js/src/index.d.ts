import type { Options, OutputFormat } from "./options.js";

export type { Options, OutputFormat };

/** Which handler, and how its URLs are signed. */
export interface Settings {
  /** Where the origin, or the CDN before it, answers: `https://img.example.com`. Empty: URLs begin with the path. */
  baseUrl: string;
  /** The handler's prefix: `photos`. */
  prefix: string;
  /** Signing keys, oldest first; the newest signs. They belong on a server, never in a page. */
  keys?: readonly string[] | undefined;
  /** A grant, as `grant()` makes it: it goes into every URL, and is no secret of the server. */
  grant?: string | undefined;
  /** Expiries are rounded up to a multiple of so many seconds; 3600 unless given. */
  bucket?: number | undefined;
}

/** A promise where there are keys: Web Crypto answers later. Where there may be keys, `await` takes either. */
export type Reply<S> = S extends { keys: readonly string[] }
  ? Promise<string>
  : S extends { prefix: string; keys?: undefined }
    ? string
    : string | Promise<string>;

/** When a signed URL ends. */
export interface Ends {
  /** Seconds from now. */
  expiresIn?: number | undefined;
  /** A Unix second. */
  expiresAt?: number | undefined;
  /** The Unix second that counts as now; for tests. */
  now?: number | undefined;
}

/** A `srcset` over widths, in device pixels, or over densities. */
export interface Candidates {
  /** Each becomes a URL with `300w`. `w` and `h` beside it are the shape that all of them keep. */
  widths?: readonly number[] | undefined;
  /** Each becomes a URL with `2x`. `w` or `h` beside it is the size at 1x. */
  densities?: readonly number[] | undefined;
}

/** The `sizes` of a `srcset` over widths: up to so many pixels of the window, or under a media condition in
 *  brackets, the picture is so large; a number is of pixels. */
export type Sizes = string | { [window: string]: string | number; else: string | number };

/** What `f=json` answers; more may be there. */
export interface Info {
  width: number;
  height: number;
  frames?: number | undefined;
  alpha?: boolean | undefined;
  dominant?: string | null | undefined;
  lqip?: string | null | undefined;
  [more: string]: unknown;
}

/** A tag: options of the picture, and what HTML says of it. */
export interface Tag extends Options, Candidates {
  /** What the picture shows; `""` where it only decorates. */
  alt: string;
  /** Of `widths`; `100vw` unless given. */
  sizes?: Sizes | undefined;
  /** Gives exact width and height, and a placeholder. */
  info?: Info | null | undefined;
  /** What is seen until the picture is: a blurred one, its colour, or nothing. Needs `info`. */
  placeholder?: "lqip" | "dominant" | null | undefined;
  /** `"lazy"` unless given; `"eager"` for what is seen first. */
  loading?: "lazy" | "eager" | null | undefined;
  /** More attributes of the `<img>`. */
  attrs?: Record<string, string | number | boolean | null | undefined> | undefined;
  id?: string | undefined;
  class?: string | undefined;
  style?: string | undefined;
  title?: string | undefined;
  decoding?: "sync" | "async" | "auto" | undefined;
  fetchpriority?: "high" | "low" | "auto" | undefined;
  crossorigin?: "anonymous" | "use-credentials" | "" | undefined;
  referrerpolicy?: string | undefined;
}

export interface PictureTag extends Tag {
  /** Best first; `["avif", "webp"]` unless given. The last resort is in the format `f`, the original's unless given. */
  formats?: readonly OutputFormat[] | undefined;
}

type Value<T> = T extends null | undefined ? never : T;
type Bound<T> = T | readonly T[] | (Extract<T, number> extends never ? never : { min?: number; max?: number });

/** Bounds of a grant: a range, a list, or one value. A URL has to hold each option named here, and no other. */
export type Bounds = { [Name in keyof Options]?: Bound<Value<Options[Name]>> };

export interface UploadOptions extends Ends {
  /** Largest body of a request, in bytes. */
  maxBytes?: number | undefined;
  /** Names such as `jpg`. */
  formats?: readonly string[] | undefined;
  /** Whether it may replace a picture. */
  mayReplace?: boolean | undefined;
}

/** Writes the URLs and tags of one handler's pictures. Mistakes throw before a URL is made; with keys they reject. */
export class ImageOrigin<const S extends Settings = Settings> {
  constructor(settings: S);
  /** The URL of a picture. */
  url(key: string, options?: Options, ends?: Ends): Reply<S>;
  /** The text of a `srcset` attribute. */
  srcset(key: string, options: Options & Candidates, ends?: Ends): Reply<S>;
  /** The text of a `sizes` attribute: `{ 640: "100vw", else: 600 }` is `(max-width: 640px) 100vw, 600px`. */
  sizes(ladder: Sizes): Reply<S>;
  /** An `<img>`, as HTML. */
  img(key: string, tag: Tag, ends?: Ends): Reply<S>;
  /** A `<picture>`, as HTML. */
  picture(key: string, tag: PictureTag, ends?: Ends): Reply<S>;
  /** A signed URL that may end. Needs keys. */
  sign(key: string, options?: Options, ends?: Ends): Promise<string>;
  /** One token for every URL within these bounds, of a key or of all below a prefix that ends in `/*`. Needs keys. */
  grant(key: string, bounds?: Bounds, ends?: Ends): Promise<string>;
  /** The URL to which a browser may send pictures: PUT for a key, POST for a prefix that ends in `/*`. Needs keys. */
  upload(key: string, options: UploadOptions): Promise<string>;
}
