// Compiled by a test, never run. What has to be refused stands below @ts-expect-error.

import { ImageOrigin } from "image-origin";
import type { Info, Options, Settings } from "image-origin";
import { createLoader } from "image-origin/next";
import provider, { getImage } from "image-origin/nuxt";
import { transform } from "image-origin/unpic";

const plain = new ImageOrigin({ baseUrl: "https://img.example.com", prefix: "photos" });
const signed = new ImageOrigin({ baseUrl: "https://img.example.com", prefix: "photos", keys: ["k".repeat(32)] });
const info: Info = { width: 3, height: 2, palette: ["#000000"] };

const url: string = plain.url("cat.jpg", { w: 300, f: "webp", g: [0.3, 0.6], ar: "16:9", q: "auto" });
const later: Promise<string> = signed.url("cat.jpg", { width: 300 }, { expiresIn: 3600 });
const options: Options = { c: true, bg: "tomato", p: ["thumb", "gray"], h: null };
const html: string = plain.picture("cat.jpg", { ...options, alt: "", widths: [300], sizes: { 640: "100vw", else: 600 }, info });
const srcset: string = plain.srcset("cat.jpg", { w: 3, densities: [1, 2] });
const token: Promise<string> = signed.grant("users/*", { w: { min: 1, max: 1600 }, f: ["webp", "jpg"], c: true });
const upload: Promise<string> = signed.upload("users/*", { maxBytes: 5_000_000, formats: ["jpg"], expiresIn: 60 });
const loader: string = createLoader({ baseUrl: "", prefix: "photos", options: { f: "auto" } })({ src: "cat.jpg", width: 3 });
const image: string = getImage("cat.jpg", { modifiers: { width: 3 }, baseURL: "/photos" }).url;
const same: string = provider().getImage("cat.jpg", {}).url;
const unpic: string = transform(new URL("https://img.example.com/photos/cat.jpg"), { width: 3, format: "webp", blur: 3 });

// What may be absent may be undefined, also under exactOptionalPropertyTypes.
declare const maybe: number | undefined;
declare const env: string | undefined;
const absent: string = plain.picture("cat.jpg", {
  ...{ w: maybe, f: undefined, alt: "", widths: undefined, sizes: undefined, loading: undefined, class: env, info: undefined },
});
const endless: string = plain.url("cat.jpg", undefined, { expiresIn: maybe });
// Where there may be keys, there may be a promise.
const either = new ImageOrigin({ baseUrl: "", prefix: "photos", keys: env === undefined ? undefined : [env] });
const awaited: string = await either.url("cat.jpg");
const settings: Settings = { baseUrl: "", prefix: "photos" };
const unknown: string | Promise<string> = new ImageOrigin(settings).url("cat.jpg");
export const all = [absent, endless, awaited, unknown, url, later, html, srcset, token, upload, loader, image, same, unpic];

// @ts-expect-error no such option
plain.url("cat.jpg", { hight: 3 });
// @ts-expect-error no such format
plain.url("cat.jpg", { f: "webq" });
// @ts-expect-error a number
plain.url("cat.jpg", { w: "300px" });
// @ts-expect-error alt is missing
plain.picture("cat.jpg", { w: 300 });
// @ts-expect-error with keys it is a promise
const wrong: string = signed.url("cat.jpg");
// @ts-expect-error where there may be keys it may be a promise
const wronger: string = either.url("cat.jpg");
// @ts-expect-error a name has no range
signed.grant("cat.jpg", { f: { min: 3 } });
// @ts-expect-error sizes needs an else
plain.sizes({ 640: "100vw" });
// @ts-expect-error no prefix
new ImageOrigin({ baseUrl: "" });
export { wrong, wronger };
