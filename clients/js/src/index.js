// `ImageOrigin`: what writes the URLs and tags of one handler's pictures.

import { checkInside, keepAdmitted, readGrant } from "./grants.js";
import { writeTag } from "./html.js";
import { FORMATS } from "./options.js";
import { Signer, readExpiry, readFormat } from "./signing.js";
import { findSize } from "./size.js";
import { Address, canonicalize, checkKey, checkNames, checkSteps, listCandidates, readList, suggest, writeOptions } from "./urls.js";

const SETTINGS = ["baseUrl", "prefix", "keys", "grant", "bucket"];
const ATTRIBUTES = ["id", "class", "style", "title", "decoding", "fetchpriority", "crossorigin", "referrerpolicy"];
const TAG = ["alt", "widths", "densities", "sizes", "formats", "info", "placeholder", "loading", "attrs", ...ATTRIBUTES];
const BARE = /(?:^|[\s,)])([1-9][\d.]*)\s*(?:,|$)/; // a length without a unit: browsers ignore all of it
const PLACEHOLDERS = ["lqip", "dominant", null];
const OPENINGS = ["radius", "rotate", "pad"]; // through these a placeholder would show after loading
const COLOUR = /^#[0-9a-f]{6}$/;
const LQIP = /^data:image\/webp;base64,[A-Za-z0-9+/]+={0,2}$/;

export class ImageOrigin {
  #address;
  #signer;
  #grant;
  #read;
  #bucket;

  constructor(settings) {
    checkNames("ImageOrigin", settings, SETTINGS);
    const { baseUrl, prefix, keys, grant, bucket = 3600 } = settings;
    if (keys && grant) throw new TypeError("give keys or a grant: with keys every URL has a token of its own");
    if (!Number.isInteger(bucket) || bucket < 1) throw new RangeError("bucket: expected seconds, 1 or more");
    this.#address = new Address(baseUrl, prefix);
    this.#signer = keys ? new Signer(keys) : null;
    this.#grant = grant ?? null;
    this.#read = grant ? readGrant(grant) : null;
    this.#bucket = bucket;
  }

  url(key, options, ends) {
    return this.#reply(() => this.#url(key, options, ends));
  }

  srcset(key, options = {}, ends) {
    return this.#reply(() => {
      const { widths, densities, ...rest } = options;
      return this.#join(key, this.#list(rest, widths ?? [], densities ?? []), ends);
    });
  }

  sizes(ladder) {
    return this.#reply(() => writeSizes(ladder));
  }

  img(key, options, ends) {
    return this.#reply(() => {
      const asked = this.#ask(options);
      return this.#img(key, asked, ends);
    });
  }

  picture(key, options, ends) {
    return this.#reply(() => {
      const asked = this.#ask(options, { f: "original" });
      const parts = listFormats(asked.tag.formats, asked.tag.info).map((name) => this.#source(key, asked, name, ends));
      return all([...parts, this.#img(key, asked, ends)], (tags) => `<picture>${tags.join("")}</picture>`);
    });
  }

  async sign(key, options, ends) {
    this.#need("sign");
    return this.#url(key, options, ends);
  }

  async grant(key, bounds, ends) {
    return this.#need("grant").grant(key, bounds, readExpiry(ends, this.#bucket));
  }

  async upload(key, options = {}) {
    const signer = this.#need("upload");
    const { maxBytes, formats, mayReplace, expiresIn, expiresAt, now, ...rest } = options;
    const names = ["maxBytes", "formats", "mayReplace", "expiresIn", "expiresAt"];
    checkNames("upload", rest, names);
    const expires = readExpiry({ expiresIn, expiresAt, now }, this.#bucket);
    const t = ["t", await signer.upload(key, expires, { maxBytes, formats, mayReplace })];
    return key.endsWith("/*") ? this.#address.mount([t]) : this.#address.url(key, [t]);
  }

  #need(method) {
    if (!this.#signer) throw new TypeError(`${method} signs: give keys to ImageOrigin, on a server, never in a page`);
    return this.#signer;
  }

  /** With keys a promise, and mistakes reject it; without, the value, and mistakes throw. */
  #reply(make) {
    return this.#signer ? (async () => make())() : make();
  }

  #url(key, options, ends) {
    checkKey(key);
    const pairs = writeOptions(options);
    const expires = readExpiry(ends, this.#bucket);
    if (this.#signer) {
      if (expires !== undefined) pairs.push(["e", String(expires)]);
      return this.#signer
        .token(this.#address.prefix, key, pairs)
        .then((token) => this.#address.url(key, [...pairs, ["t", token]]));
    }
    if (expires !== undefined) throw new TypeError("only a signed URL ends: give keys to ImageOrigin, or no expiry");
    if (this.#grant) {
      if (this.#read) checkInside(this.#read, key, pairs, ends?.now ?? Date.now() / 1000);
      pairs.push(["t", this.#grant]);
    }
    return this.#address.url(key, pairs);
  }

  #join(key, candidates, ends) {
    const urls = candidates.map(([options]) => this.#url(key, options, ends));
    return all(urls, (texts) => texts.map((url, at) => `${url} ${candidates[at][1]}`).join(", "));
  }

  #ask(given, defaults = {}) {
    const tag = { placeholder: "lqip", loading: "lazy" };
    const rest = {};
    for (const [name, value] of Object.entries(given ?? {})) {
      if (TAG.includes(name)) {
        if (value !== undefined && (value !== null || name in tag)) tag[name] = value;
      } else rest[name] = value;
    }
    const options = { ...defaults, ...readOptions(rest) };
    if (isEmpty(tag.info)) delete tag.info; // a field of a database, for a picture that was there before it
    checkTag(tag);
    return { tag, options, ...this.#choose(options, tag) };
  }

  /** The candidates that a grant admits. */
  #list(options, widths, densities) {
    return keepAdmitted(this.#read, listCandidates(options, widths, densities));
  }

  #choose(options, { widths = [], densities = [], sizes }) {
    checkSteps(widths, densities);
    if (widths.length && !densities.length) {
      const candidates = this.#list(options, widths);
      const [largest] = candidates.reduce((one, other) => (other[0].w > one[0].w ? other : one));
      return { src: "w" in options ? options : largest, candidates, sizes: sizes ? writeSizes(sizes) : "100vw" };
    }
    if (sizes !== undefined) {
      throw new TypeError("sizes tells the browser which of widths to take: give widths, or leave it out");
    }
    if (widths.length || densities.length) {
      const candidates = this.#list(options, widths, densities);
      return { src: candidates[0][0], candidates };
    }
    const doubles = !this.#grant && ("w" in options || "h" in options) && !("dpr" in options);
    return { src: options, candidates: doubles ? [[{ ...options, dpr: 2 }, "2x"]] : [] };
  }

  #img(key, { tag, options, src, candidates, sizes }, ends) {
    const [width, height] = findSize({ ...options, ...src }, tag.info) ?? [];
    return all([this.#url(key, src, ends), this.#join(key, candidates, ends)], ([url, srcset]) =>
      writeTag("img", {
        src: url,
        srcset: srcset || null,
        sizes,
        width,
        height,
        alt: tag.alt,
        loading: tag.loading,
        ...Object.fromEntries(ATTRIBUTES.map((name) => [name, tag[name]])),
        ...tag.attrs,
        style: [writeStyle(tag, options), { ...tag, ...tag.attrs }.style].filter(Boolean).join("; ") || null,
      }),
    );
  }

  #source(key, { src, candidates, sizes }, format, ends) {
    const options = candidates.map(([own, size]) => [{ ...own, f: format }, size]);
    const first = candidates.some(([own]) => own === src) || sizes ? [] : [[{ ...src, f: format }, "1x"]];
    return all([this.#join(key, [...first, ...options], ends)], ([srcset]) =>
      writeTag("source", { type: FORMATS[format].mime, srcset, sizes }),
    );
  }
}

/** `then` of the values: now where none is a promise. */
function all(values, then) {
  return values.some((value) => value instanceof Promise) ? Promise.all(values).then(then) : then(values);
}

/** The options among what a tag was given; an unknown name may have been meant for either. */
function readOptions(rest) {
  try {
    return canonicalize(rest);
  } catch (error) {
    const wrong = Object.keys(rest).find((name) => error.message.startsWith(`${name} is not an option`));
    const near = wrong && !error.message.includes("did you mean") && suggest(wrong, TAG);
    throw near ? new TypeError(`${wrong} is not an option; did you mean ${near}?`) : error;
  }
}

/** `{}` alone: a promise or a `Response` has no keys either, and was meant to be more. */
function isEmpty(info) {
  return info?.constructor === Object && !Object.keys(info).length;
}

function checkTag({ alt, info, placeholder }) {
  if (typeof alt !== "string") throw new TypeError('alt: say what the picture shows, or "" where it only decorates');
  if (!PLACEHOLDERS.includes(placeholder)) {
    throw new RangeError(`placeholder: expected "lqip", "dominant" or null, got ${JSON.stringify(placeholder)}`);
  }
  if (info === undefined || info === null) return;
  if (![info.width, info.height].every((side) => Number.isInteger(side) && side > 0)) {
    throw new RangeError("info: expected what f=json answers, with width and height in pixels");
  }
  for (const [name, pattern] of [["dominant", COLOUR], ["lqip", LQIP]]) {
    if (info[name] !== undefined && info[name] !== null && !pattern.test(info[name])) {
      throw new RangeError(`info: ${name} is not what f=json answers`);
    }
  }
}

/** What is seen until the picture is. */
function writeStyle({ info, placeholder }, options) {
  if (!info || info.alpha || OPENINGS.some((name) => name in options) || options.fit === "contain") return null;
  if (placeholder === "lqip" && info.lqip) {
    return `background: ${info.dominant ?? ""} url(${info.lqip}) center / cover no-repeat`;
  }
  return placeholder && info.dominant ? `background: ${info.dominant}` : null;
}

function listFormats(given = ["avif", "webp"], info) {
  const names = readList("formats", given, '["avif", "webp"]').map(readFormat);
  for (const name of names) {
    if (!Object.hasOwn(FORMATS, name)) {
      throw new RangeError(`formats: ${JSON.stringify(name)} is none of ${Object.keys(FORMATS).join(", ")}`);
    }
  }
  return names.filter((name) => !info || (info.frames ?? 1) === 1 || FORMATS[name].moves);
}

/** `{ 640: "100vw", else: 600 }` is `(max-width: 640px) 100vw, 600px`. */
function writeSizes(ladder) {
  if (typeof ladder === "string") {
    const bare = BARE.exec(ladder);
    if (bare) throw new TypeError(`sizes: ${bare[1]} has no unit: write ${bare[1]}px`);
    return ladder;
  }
  if (ladder === null || typeof ladder !== "object" || Array.isArray(ladder) || !("else" in ladder)) {
    throw new TypeError('sizes: expected a text, or widths of the window and an else: { 640: "100vw", else: "600px" }');
  }
  const { else: last, ...steps } = ladder;
  const length = (size) => (typeof size === "number" ? `${size}px` : size);
  const texts = Object.entries(steps).map(([window, size]) => {
    if (!/^\d+$/.test(window) && !window.startsWith("(")) {
      throw new TypeError(`sizes: ${JSON.stringify(window)} is no width in pixels and no media condition in brackets`);
    }
    return `${/^\d+$/.test(window) ? `(max-width: ${window}px)` : window} ${length(size)}`;
  });
  return [...texts, length(last)].join(", ");
}
