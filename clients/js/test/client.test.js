import assert from "node:assert/strict";
import { test } from "node:test";
import { ImageOrigin } from "image-origin";
import { createLoader } from "image-origin/next";
import provider, { getImage } from "image-origin/nuxt";
import { transform } from "image-origin/unpic";

const BASE = { baseUrl: "https://img.example.com", prefix: "photos" };
const KEYS = ["correct-horse-battery-staple-0123456789"];
const CAT = "https://img.example.com/photos/cat.jpg";
const plain = new ImageOrigin(BASE);
const signed = new ImageOrigin({ ...BASE, keys: KEYS });
const NOW = 1790000000;

test("with keys every method gives a promise, and mistakes reject it", async () => {
  const calls = {
    url: ["cat.jpg", { w: 3 }],
    srcset: ["cat.jpg", { widths: [3] }],
    img: ["cat.jpg", { alt: "" }],
    picture: ["cat.jpg", { alt: "" }],
    sizes: [{ else: "3px" }],
    sign: ["cat.jpg", { w: 3 }],
    grant: ["cat.jpg", { w: 3 }],
    upload: ["cat.jpg", { expiresIn: 60 }],
  };
  for (const [name, args] of Object.entries(calls)) {
    assert.ok(signed[name](...args) instanceof Promise, name);
    assert.equal(typeof (await signed[name](...args)), "string", name);
    await assert.rejects(signed[name](null, { hight: 3 }), name);
  }
});

test("without keys values come at once, and what signs says so", async () => {
  assert.equal(plain.url("cat.jpg", { w: 3 }), `${CAT}?w=3`);
  assert.equal(plain.srcset("cat.jpg", { w: 3, densities: [1, 2] }), `${CAT}?w=3&dpr=1 1x, ${CAT}?w=3&dpr=2 2x`);
  for (const name of ["sign", "grant", "upload"]) {
    await assert.rejects(plain[name]("cat.jpg", {}), /^TypeError: \w+ signs: give keys to ImageOrigin/);
  }
  assert.throws(() => plain.url("cat.jpg", {}, { expiresIn: 5 }), /only a signed URL ends/);
});

test("a grant stands in every URL and bounds them all", async () => {
  const grant = await signed.grant("users/42/*", { w: { min: 1, max: 600 }, f: ["webp", "jpg"] }, { now: NOW });
  const images = new ImageOrigin({ ...BASE, grant });
  assert.equal(images.url("users/42/a.jpg", { w: 600, f: "jpg" }), `${CAT.replace("cat", "users/42/a")}?w=600&f=jpg&t=${grant}`);
  const refused = (key, options, message) => assert.throws(() => images.url(key, options), { message });
  refused("users/42/a.jpg", { w: 601, f: "jpg" }, "outside the grant: w=601");
  refused("users/42/a.jpg", { w: 600 }, "outside the grant: f is missing");
  refused("users/42/a.jpg", { w: 600, f: "jpg", h: 3 }, "outside the grant: it does not name h");
  refused("cat.jpg", { w: 600, f: "jpg" }, "outside the grant: it is for 'users/42/*'");
  assert.ok(!images.img("users/42/a.jpg", { alt: "", w: 30, f: "jpg" }).includes("srcset"));
  const short = await signed.grant("cat.jpg", {}, { expiresAt: NOW + 1, now: NOW });
  assert.throws(() => new ImageOrigin({ ...BASE, grant: short }).url("cat.jpg", {}, { now: NOW + 4000 }), /has expired/);
  assert.throws(() => new ImageOrigin({ ...BASE, grant: "x".repeat(43) }), /not a grant/);
  assert.throws(() => new ImageOrigin({ ...BASE, grant, keys: KEYS }), /keys or a grant/);
});

test("what a grant does not admit is left out of a srcset", async () => {
  const grant = await signed.grant("cat.jpg", { w: { min: 100, max: 600 }, h: { max: 500 }, f: ["jpg"] }, { now: NOW });
  const images = new ImageOrigin({ ...BASE, grant });
  const shape = { widths: [50, 300, 600, 900], w: 300, h: 200, f: "jpg" };
  const sizes = (text) => [...text.matchAll(/w=(\d+)&(?:amp;)?h=(\d+)/g)].map(([, w, h]) => `${w}x${h}`);
  assert.deepEqual(sizes(images.srcset("cat.jpg", shape)), ["300x200", "600x400"]);
  assert.deepEqual(sizes(images.picture("cat.jpg", { ...shape, formats: ["jpg"], alt: "" })), [
    ...["300x200", "600x400"], // of the source
    ...["300x200", "300x200", "600x400"], // of the <img>
  ]);
  assert.deepEqual(sizes(images.srcset("cat.jpg", { ...shape, h: 300 })), ["300x300"]);
  const wide = await signed.grant("cat.jpg", { w: [300, 600], dpr: [1, 2] }, { now: NOW });
  const dense = new ImageOrigin({ ...BASE, grant: wide }).srcset("cat.jpg", { densities: [1, 2, 3], w: 300 });
  assert.deepEqual(dense.split(", ").map((text) => text.split(" ")[1]), ["1x", "2x"]);
  const none = () => new ImageOrigin({ ...BASE, grant }).srcset("cat.jpg", { ...shape, widths: [700, 900] });
  assert.throws(none, /^RangeError: outside the grant: w=700$/);
  const loose = await signed.grant("cat.jpg", { w: { max: 600 } }, { now: NOW });
  const image = new ImageOrigin({ ...BASE, grant: loose }).img("cat.jpg", { alt: "", widths: [300, 600, 900] });
  assert.match(image, /src="[^"]*\?w=600&/); // the widest that is left
});

test("bounds that no URL can meet, or that mean nothing, are refused", async () => {
  for (const [bounds, message] of [
    [{ w: "300" }, /option w: a grant holds a number/],
    [{ w: { min: 5, max: 3 } }, /no value lies between/],
    [{ q: { min: 101 } }, /no value lies between/],
    [{ w: { maximum: 3 } }, /a bound is min and max/],
    [{ f: { min: 3 } }, /a bound is a list, or one value/],
    [{ w: [] }, /no value is left/],
    [{ f: ["webq"] }, /option f: expected/],
    [{ rect: [0, 0, 1, 1] }, /option rect: expected/],
    [{ hight: 3 }, /did you mean height/],
    [{ w: 1, width: 2 }, /bounded twice/],
    [{ e: 3 }, /belongs to the token/],
  ]) {
    await assert.rejects(signed.grant("cat.jpg", bounds), message, JSON.stringify(bounds));
  }
  await assert.rejects(signed.grant("a*b", {}), /no other \* means anything/);
  await assert.rejects(signed.upload("-/x", { expiresIn: 9 }), /reserved/);
  await assert.rejects(signed.upload("x", {}), /needs expiresIn/);
  await assert.rejects(signed.upload("x", { expiresIn: 9, maxByte: 3 }), /did you mean maxBytes/);
  await assert.rejects(signed.upload("x", { expiresIn: 9, formats: ["exe"] }), /not the name of a format/);
  assert.ok((await signed.grant("cat.jpg", { rect: [[0, 0, 1, 1]], pad: 5 })).includes("."));
});

test("mistakes are named before a URL is made", () => {
  const throws = (call, message) => assert.throws(call, (error) => error.message.includes(message) || assert.fail(error.message));
  throws(() => plain.url("cat.jpg", { hight: 3 }), "hight is not an option; did you mean height?");
  throws(() => plain.url("cat.jpg", { qualty: 3 }), "did you mean quality?");
  throws(() => plain.url("cat.jpg", { __proto__x: 3 }), "__proto__x is not an option");
  throws(() => plain.url("cat.jpg", { constructor: 3 }), "constructor is not an option");
  throws(() => plain.url("cat.jpg", { w: "300px" }), "option w: expected a number of CSS pixels, got '300px'");
  throws(() => plain.url("cat.jpg", { f: "toString" }), "option f: expected jpg");
  throws(() => plain.url("cat.jpg", { bg: "constructor" }), "option bg: expected a colour");
  throws(() => plain.url("cat.jpg", { w: 0 }), "option w: 0 is the same as absent");
  throws(() => plain.url("cat.jpg", { w: NaN }), "option w: expected");
  throws(() => plain.url("cat.jpg", { dl: "\ud800" }), "option dl");
  throws(() => plain.url("cat.jpg", {}, { expire_in: 60 }), "expiry: expire_in is unknown; did you mean expiresIn?");
  throws(() => plain.url(undefined, {}), "a key is a text, not undefined");
  throws(() => plain.url("a//b"), "no empty segment");
  throws(() => plain.url(""), "a key has at least one character");
  throws(() => plain.url("/cat.jpg"), "no slash at an end");
  throws(() => plain.url("https://a.example/cat.jpg"), "it is no URL");
  throws(() => plain.url("a\ud800"), "no control character");
  throws(() => plain.img("cat.jpg", { w: 3 }), "alt: say what the picture shows");
  throws(() => plain.img("cat.jpg", { alt: "", szies: "x" }), "szies is not an option; did you mean sizes?");
  throws(() => plain.img("cat.jpg", { alt: "", sizes: "x" }), "give widths");
  throws(() => plain.picture("cat.jpg", { alt: "", formats: ["bmp"] }), 'formats: "bmp" is none of');
  throws(() => plain.picture("cat.jpg", { alt: "", formats: "webp" }), 'formats: expected a list, such as ["avif", "webp"], got "webp"');
  throws(() => plain.img("cat.jpg", { alt: "", widths: 300 }), "widths: expected a list, such as [300, 600], got 300");
  throws(() => plain.img("cat.jpg", { alt: "", widths: "300,600" }), 'widths: expected a list, such as [300, 600], got "300,600"');
  throws(() => plain.srcset("cat.jpg", { w: 3, densities: 2 }), "densities: expected a list, such as [1, 2], got 2");
  throws(() => plain.url("cat.jpg", { w: 3, expiresIn: 60 }), "expiresIn is not an option; it stands behind them: { expiresIn: 3600 }");
  throws(() => plain.img("cat.jpg", { alt: "", expiresAt: 60 }), "expiresAt is not an option; it stands behind them");
  throws(() => plain.img("cat.jpg", { alt: "", info: { width: 3 } }), "info: expected what f=json answers");
  throws(() => plain.img("cat.jpg", { alt: "", info: { width: 3, height: 2, lqip: "x" } }), "info: lqip");
  throws(() => new ImageOrigin({ baseURL: "x", prefix: "x" }), "baseURL is unknown; did you mean baseUrl?");
  throws(() => new ImageOrigin({ prefix: "x" }), "baseUrl: expected a text");
  throws(() => new ImageOrigin(), "expected an object");
  throws(() => new ImageOrigin({ ...BASE, keys: ["short"] }), "fewer than 32");
  throws(() => new ImageOrigin({ ...BASE, keys: [`${"k".repeat(40)}\n`] }), "read with its newline");
  throws(() => new ImageOrigin({ ...BASE, keys: [undefined] }), "is its environment variable set");
  throws(() => new ImageOrigin({ ...BASE, baseUrl: "img.example.com" }), 'got "img.example.com"');
  throws(() => new ImageOrigin({ ...BASE, keys: KEYS[0] }), "a list");
});

test("a mistaken name of an expiry signs nothing that never ends", async () => {
  for (const ends of [{ expires_in: 60 }, { expiresin: 60 }, { expires: 60 }, { ttl: 60 }, 60, null]) {
    for (const call of [
      () => signed.sign("cat.jpg", { w: 3 }, ends),
      () => signed.url("cat.jpg", { w: 3 }, ends),
      () => signed.srcset("cat.jpg", { widths: [3] }, ends),
      () => signed.picture("cat.jpg", { alt: "", w: 3 }, ends),
      () => signed.grant("cat.jpg", {}, ends),
    ]) {
      await assert.rejects(call, { name: "TypeError", message: /^expiry: / });
    }
  }
  await assert.rejects(() => signed.upload("cat.jpg", { expiresIn: 60, formats: ["constructor"] }), /not the name of a format/);
  await assert.rejects(() => signed.upload("cat.jpg", { expiresIn: 60, formats: "jpg" }), /^TypeError: formats: expected a list/);
});

test("info that is not there yet is absent", () => {
  const tag = { alt: "", w: 300 };
  for (const info of [null, undefined, {}]) assert.equal(plain.picture("cat.jpg", { ...tag, info }), plain.picture("cat.jpg", tag));
  for (const info of [Promise.resolve({}), new Response("{}")]) {
    assert.throws(() => plain.img("cat.jpg", { ...tag, info }), /info: expected what f=json answers/);
  }
});

test("no error repeats a secret", () => {
  assert.throws(() => plain.url("cat.jpg", { w: KEYS[0] }), (error) => !error.message.includes(KEYS[0]));
});

test("sizes", () => {
  assert.equal(plain.sizes({ 1024: "50vw", 640: "100vw", else: 600 }), "(max-width: 640px) 100vw, (max-width: 1024px) 50vw, 600px");
  assert.equal(plain.sizes({ "(orientation: portrait)": "100vw", else: "50vw" }), "(orientation: portrait) 100vw, 50vw");
  assert.equal(plain.sizes("50vw"), "50vw");
  for (const wrong of [{ 640: "3px" }, { wide: 3, else: 3 }, null, [], "600", "(max-width: 600px) 100vw, 600 "]) assert.throws(() => plain.sizes(wrong), /^TypeError: sizes: /);
});

test("Web Crypto is found where it is in a module alone, as in Node 18", async () => {
  const { value } = await import("node:child_process").then(({ execFileSync }) => ({
    value: execFileSync(process.execPath, [
      "--input-type=module",
      "-e",
      `delete globalThis.crypto;
       const { ImageOrigin } = await import(${JSON.stringify(new URL("../src/index.js", import.meta.url).href)});
       const images = new ImageOrigin(${JSON.stringify({ ...BASE, keys: KEYS })});
       process.stdout.write(await images.url("cat.jpg", { w: 300 }));`,
    ]).toString(),
  }));
  assert.equal(value, await signed.url("cat.jpg", { w: 300 }));
});

test("next/image", async () => {
  const loader = createLoader(BASE);
  assert.equal(loader({ src: "/a b/cat.jpg", width: 640, quality: 75 }), "https://img.example.com/photos/a%20b/cat.jpg?w=640&q=75");
  assert.equal(loader({ src: "cat.jpg", width: 640 }), `${CAT}?w=640`);
  assert.equal(loader({ src: `${CAT}`, width: 640 }), `${CAT}?w=640`);
  for (const src of ["/_next/static/media/x.png", "data:image/png;base64,A", "https://other.example/x.png", "//x/y"]) {
    assert.equal(loader({ src, width: 640 }), src);
  }
  assert.equal(createLoader({ ...BASE, options: { f: "auto", q: 60 } })({ src: "cat.jpg", width: 9 }), `${CAT}?w=9&f=auto&q=60`);
  const grant = await signed.grant("cat.jpg", { w: { min: 1 } });
  assert.equal(createLoader({ ...BASE, grant })({ src: "cat.jpg", width: 9 }), `${CAT}?w=9&t=${grant}`);
  assert.throws(() => createLoader({ ...BASE, keys: KEYS }), /cannot wait for a signature/);
  assert.throws(() => createLoader({ ...BASE, option: {} }), /option is unknown/);
});

test("Nuxt Image", () => {
  assert.equal(provider().getImage, getImage);
  const url = (modifiers, options = BASE) => getImage("/cat.jpg", { ...options, modifiers }).url;
  assert.equal(url({ width: 300, height: 200, format: "jpeg", quality: 80, fit: "contain" }), `${CAT}?w=300&h=200&fit=contain&f=jpeg&q=80`);
  assert.equal(url({ width: undefined, height: "", background: "#fff", position: "top" }), `${CAT}?g=top&bg=%23fff`);
  assert.equal(url({ width: 10, height: 10, quality: 50, blur: 3 }), `${CAT}?w=10&h=10&blur=3&q=50`);
  assert.equal(url({}, { baseURL: "https://img.example.com/photos" }), CAT);
  assert.throws(() => url({ kernel: "nearest" }), /kernel is not an option/);
});

test("unpic", async () => {
  assert.equal(transform(CAT, { width: 300, height: 200, format: "webp", quality: 80 }), `${CAT}?w=300&h=200&f=webp&q=80`);
  assert.equal(transform(new URL(`${CAT}?f=webp&w=9`), { width: 300 }), `${CAT}?w=300&f=webp`);
  assert.equal(transform("/photos/a%20b.jpg", { width: 300, height: undefined }), "/photos/a%20b.jpg?w=300");
  assert.equal(transform("a b.jpg", { width: 3 }, BASE), "https://img.example.com/photos/a%20b.jpg?w=3");
  const grant = await signed.grant("cat.jpg", { w: { min: 1 } });
  assert.equal(transform(`${CAT}?t=${grant}`, { width: 3 }), `${CAT}?w=3&t=${grant}`);
  assert.equal(transform("cat.jpg", { width: 3 }, { ...BASE, grant }), `${CAT}?w=3&t=${grant}`);
  assert.throws(() => transform(`${CAT}?t=${"x".repeat(43)}`, { width: 3 }), /cannot be changed/);
});
