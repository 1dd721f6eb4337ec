// How large a result is in a page, so that its place is kept free while it loads: the rules of docs/urls.md.

import { readValue } from "./urls.js";

const SCALES_TO_FIT = ["inside", "outside"];
const round = (side) => Math.floor(side + 0.5 + 1e-9);

/** [width, height] in CSS pixels of the result of these options, under canonical names; null where they cannot
 *  be told. Without `info` the original is taken to be as large as asked for. */
export function findSize(options, info) {
  const box = readBox(options);
  const known = !info || "p" in options || "trim" in options ? null : part(options, info);
  const size = known ? resultOf(box, ...known) : unknownOriginal(box);
  const rotate = (((readValue(options, "rotate") ?? 0) % 360) + 360) % 360;
  if (!size || rotate % 90) return null;
  const [width, height] = (rotate % 180 ? size.reverse() : size).map((side) => Math.max(1, round(side)));
  const [top, right, bottom, left] = (readValue(options, "pad") ?? "0,0,0,0").split(",").map(Number).map(round);
  return [width + left + right, height + top + bottom];
}

function readBox(options) {
  let [width, height] = ["w", "h"].map((side) => readValue(options, side) ?? 0);
  const aspect = readValue(options, "ar");
  if (aspect && !width !== !height) [width, height] = [width || height * aspect, height || width / aspect];
  const fit = readValue(options, "fit") ?? (readValue(options, "c") === false ? "inside" : "cover");
  return { width, height, aspect: width || height ? undefined : aspect, fit, enlarge: readValue(options, "enlarge") };
}

function unknownOriginal({ width, height, fit }) {
  return width && height && !SCALES_TO_FIT.includes(fit) ? [width, height] : null;
}

function resultOf(box, width, height) {
  const { aspect, fit, enlarge } = box;
  if (!box.width && !box.height) {
    return aspect ? [Math.min(width, height * aspect), Math.min(height, width / aspect)] : [width, height];
  }
  if (box.width && box.height && !SCALES_TO_FIT.includes(fit)) {
    if (fit === "contain" || enlarge) return [box.width, box.height];
    return [Math.min(box.width, width), Math.min(box.height, height)];
  }
  const scales = [box.width / width, box.height / height].filter(Boolean);
  const scale = fit === "outside" ? Math.max(...scales) : Math.min(...scales);
  const held = enlarge ? scale : Math.min(scale, 1);
  return [width * held, height * held];
}

/** The sides of the part of the original that counts. */
function part(options, info) {
  const rect = readValue(options, "rect");
  if (!rect) return [info.width, info.height];
  const numbers = rect.split(",").map(Number);
  const share = Math.max(...numbers) <= 1;
  const [left, top, width, height] = numbers.map((n, at) => (share ? n * (at % 2 ? info.height : info.width) : n));
  return [Math.max(1, Math.min(width, info.width - left)), Math.max(1, Math.min(height, info.height - top))];
}
