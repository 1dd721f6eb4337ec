// The same URLs, tokens and verdicts as the origin's own, byte for byte: tests/vectors/signing.json.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { checkInside, readGrant } from "../src/grants.js";
import { ImageOrigin } from "../src/index.js";
import { Signer } from "../src/signing.js";

const VECTORS = JSON.parse(readFileSync(new URL("../../../tests/vectors/signing.json", import.meta.url)));
const BASE = { baseUrl: "https://img.example.com", prefix: "photos" };
const ends = ({ expires, now }) => ({ now, ...(expires ? { expiresAt: expires } : {}) });

test("exact tokens", async () => {
  assert.ok(VECTORS.exact.length > 50);
  for (const row of VECTORS.exact) {
    const token = await new Signer([row.secret]).token(row.prefix, row.key, row.pairs);
    assert.equal(token, row.token, row.name);
  }
});

test("URLs", async () => {
  for (const row of VECTORS.urls) {
    const { base_url: baseUrl, prefix, keys } = row;
    const images = new ImageOrigin({ baseUrl, prefix, ...(keys ? { keys } : {}) });
    assert.equal(await images.url(row.key, row.options, ends(row)), row.url, row.name);
  }
});

test("grants that are made", async () => {
  for (const row of VECTORS.made_grants) {
    const images = new ImageOrigin({ ...BASE, keys: row.keys });
    assert.equal(await images.grant(row.key, row.bounds, ends(row)), row.token, row.name);
  }
});

test("upload grants that are made", async () => {
  for (const row of VECTORS.made_uploads) {
    const images = new ImageOrigin({ ...BASE, keys: row.keys });
    const { max_bytes: maxBytes, formats, may_replace: mayReplace } = row.arguments;
    const url = await images.upload(row.key, { maxBytes, formats, mayReplace, ...ends(row) });
    assert.equal(new URL(url).searchParams.get("t"), row.token, row.name);
  }
});

test("grants that are read, as far as one can without the key", () => {
  let judged = 0;
  for (const row of VECTORS.grants) {
    for (const { key, query, verdict } of row.requests) {
      // A program writes no option twice, none that is absent and none that is no option, and its clock is right.
      const pairs = [...new URLSearchParams(query)];
      const odd = pairs.some(([name, value]) => !value || name === "utm_source" || name === "e" || value === "0");
      if (odd || verdict === "malformed" || verdict === "wrong" || row.name.includes("leeway")) continue;
      const names = { width: "w", format: "f", crop: "c" };
      const canonical = pairs.map(([name, value]) => [names[name] ?? name, value]);
      const judge = () => checkInside(readGrant(row.token), key, canonical, row.now);
      if (verdict === "granted") assert.doesNotThrow(judge, `${row.name}: ${key}?${query}`);
      else assert.throws(judge, /outside the grant|has expired/, `${row.name}: ${key}?${query}`);
      judged++;
    }
  }
  assert.ok(judged > 25, String(judged));
});
