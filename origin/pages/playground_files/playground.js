// The playground. What is shown comes from this origin alone, and only ever as text or as a picture.

const ACCEPT = "image/avif,image/webp,image/apng,image/*,*/*;q=0.8"; // as browsers ask for pictures
const PAUSE = 250; // ms without a change before the origin is asked
const LARGE = 1000; // px of the original as it is shown here
const HERE = "/-/playground";
const root = location.pathname.slice(0, location.pathname.lastIndexOf(HERE)); // where another program has mounted this one

const $ = (id) => document.getElementById(id);
const chosen = { handler: null, key: "", options: {} };
const codes = {};
const blobs = {};
const listed = {}; // pictures of handlers, as far as they were asked for
const visited = {}; // the last key of each handler
let site, info, infoOf, type, timer, offeredFor, offered = new Set(), turn = 0;

// Small helpers

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** Text in which `this` is code. */
function withCode(text) {
  return text.split("`").map((part, n) => (n % 2 ? make("code", { textContent: part }) : part));
}

function say(id, text) {
  $(id).textContent = text;
  $(id).hidden = !text;
}

/** What is wrong, or nothing: below the address, at the option that it names, and where a phone shows the result. */
function tell(problem) {
  say("problem", problem);
  const name = /\boption (\w+):/.exec(problem)?.[1];
  for (const { control, field } of controls) field.setAttribute("aria-invalid", [control.name, control.alias].includes(name));
  $("mini-facts").textContent = problem || $("result-facts").textContent;
  $("mini-facts").classList.toggle("problem", problem !== "");
}

function bytes(n) {
  return n < 1000 ? `${n} B` : n < 1e6 ? `${(n / 1000).toFixed(n < 1e4 ? 1 : 0)} kB` : `${(n / 1e6).toFixed(2)} MB`;
}

const NO_TOKEN = "This needs an admin token, and the configuration has none.";
const TOKEN_NEEDED = "This needs the admin token.";

/** Why nothing is signed or explained here; empty where it is. */
function refusal() {
  if (site.signs === "never") return NO_TOKEN;
  return site.signs === "with token" && !$("token").value ? TOKEN_NEEDED : "";
}

async function post(path, value) {
  const headers = { "content-type": "application/json" };
  if ($("token").value) headers.authorization = `Bearer ${$("token").value}`;
  const answer = await fetch(`${root}${HERE}/${path}`, { method: "POST", headers, body: JSON.stringify(value) });
  const told = await answer.json().catch(() => ({}));
  if (answer.status === 401) throw new Error($("token").value ? "This is not the admin token." : TOKEN_NEEDED);
  if (answer.status === 404 && !told.error) throw new Error(NO_TOKEN);
  if (!answer.ok) throw new Error(told.error || `The origin answers ${answer.status}.`);
  return told;
}

// What is chosen, as an address and back

const takes = (name) => chosen.handler.options.includes(name);
const grant = () => (chosen.handler.signing === "none" ? "" : $("grant").value.trim());
const signs = () => chosen.handler.signing === "required" || (chosen.handler.signing === "optional" && $("sign").checked);

function only(options) {
  return Object.fromEntries(Object.entries(options).filter(([name, text]) => text !== "" && takes(name)));
}

function address() {
  const path = [...chosen.handler.prefix.split("/"), ...chosen.key.split("/")].filter((part, n) => n || part).map(encodeURIComponent);
  const escape = (text) => encodeURIComponent(text).replace(/%(2C|3A|2F)/g, decodeURIComponent);
  const pairs = Object.entries(only(chosen.options)).map(([name, text]) => `${name}=${escape(text)}`);
  return `/${path.join("/")}${pairs.length ? "?" + pairs.join("&") : ""}`;
}

/** What stands before the keys of a handler in its paths. */
const above = (handler) => (handler.prefix ? `${handler.prefix}/` : "");

/** Take what an address says. Returns what is wrong with it, or nothing. */
function take(text) {
  say("note", "");
  let url, path;
  try {
    url = new URL(text.trim().replaceAll("&amp;", "&"), location.origin); // as the source of a page has it
    path = decodeURIComponent(url.pathname).slice(1);
  } catch {
    return "This is no address.";
  }
  const fits = site.handlers.filter((handler) => path.startsWith(above(handler)));
  const handler = fits.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  if (!handler) return `No handler is mounted there; there are ${site.handlers.map((one) => `/${above(one)}`).join(", ")}.`;
  const options = {}, ignored = [], empty = [];
  for (const [name, value] of url.searchParams) {
    if (["t", "token"].includes(name) && value.includes(".")) $("grant").value = value; // a grant is for other URLs, too
    const control = site.controls.find((one) => one.name === name || one.alias === name);
    if (!control || !handler.options.includes(control.name)) ignored.push(name);
    else if (!value) empty.push(name);
    else options[control.name] = value;
  }
  Object.assign(chosen, { handler, key: path.slice(above(handler).length), options });
  const others = ignored.filter((name) => !["t", "token", "e", "expires"].includes(name));
  const notes = [];
  if (others.length) notes.push(`Ignored, since no option here has this name: ${others.join(", ")}`);
  if (empty.length) notes.push(`Ignored, since it has no value behind =: ${empty.join(", ")}`);
  say("note", notes.join(". "));
  return "";
}

// Controls

function buildControl(control) {
  const id = `option-${control.name}`;
  const label = make("label", { htmlFor: id }, make("code", { textContent: control.name }));
  if (control.alias) label.append(make("span", { textContent: control.alias }));
  const inputs = make("div", { className: "inputs" });
  const box = make("div", { className: "option" }, label, inputs, make("small", { id: `${id}-meaning` }, ...withCode(control.meaning)));
  const change = (text) => {
    chosen.options[control.name] = text.trim();
    changed();
  };
  let field;
  if (control.control === "choice") {
    field = make("select", { id }, new Option("", ""), ...control.choices.map((choice) => new Option(choice, choice)));
  } else {
    field = make("input", { id, spellcheck: false, autocomplete: "off", title: control.expected });
    const suggestions = control.suggestions_of ? site.names[control.suggestions_of] : control.suggestions;
    if (suggestions && suggestions.length) {
      field.setAttribute("list", `${id}-list`);
      box.append(make("datalist", { id: `${id}-list` }, ...suggestions.map((text) => make("option", { value: text }))));
    }
  }
  field.setAttribute("aria-describedby", `${id}-meaning`);
  field.addEventListener("input", () => change(field.value));
  const helper = buildHelper(control, change);
  if (helper) inputs.append(helper);
  else inputs.classList.add("one");
  inputs.append(field);
  return { control, box, field, helper };
}

/** What sets the field without a keyboard: a slider, or a field of colours. */
function buildHelper(control, change) {
  if (control.control === "slider") {
    const helper = make("input", { type: "range", step: control.step });
    helper.setAttribute("aria-label", `${control.alias ?? control.name}, slider`);
    helper.addEventListener("input", () => change(Number(helper.value) < control.min ? "" : helper.value));
    helper.addEventListener("blur", show);
    return helper;
  }
  if (control.control === "colour") {
    const helper = make("input", { type: "color" });
    helper.setAttribute("aria-label", `${control.alias ?? control.name}, field of colours`);
    helper.addEventListener("input", () => change(helper.value.slice(1)));
    return helper;
  }
  return null;
}

let controls = [];

/** The value that counts for an option while it is absent, by a preset, the handler or itself; null where there is none. */
function restOf(control) {
  const names = `${chosen.handler.preset},${chosen.options.p ?? ""}`.split(",");
  return names.map((one) => site.presets[one.trim()]?.[control.name]).findLast((text) => text !== undefined) ?? ownRest(control);
}

/** The same without presets. */
function ownRest({ name, rest }) {
  const { rests, qualities } = chosen.handler;
  if (name === "q") return qualities[format()] ?? qualities.jpg;
  if (name === "fit") return /^[t1]/i.test(chosen.options.c || restOf({ name: "c" })) ? "cover" : "inside";
  return rests[name] ?? rest ?? null;
}

/** The format of the result, as far as it is known: of `auto` and `original` it is that of the last one. */
function format() {
  const asked = (chosen.options.f || restOf({ name: "f" })).toLowerCase();
  return (["auto", "original"].includes(asked) ? type ?? "" : asked).replace(/^image\//, "").replace("jpeg", "jpg");
}

/** A slider stands where the option does. Of an absent one without a value of its own that is the left end. */
function showSlider(helper, control, text, rest) {
  helper.min = rest === null ? 0 : control.min;
  helper.max = control.max ?? chosen.handler.max_dimension;
  helper.setAttribute("aria-valuetext", text || inWords(rest));
  const stands = [text, rest, ownRest(control)].find((one) => one !== "" && one !== null && !isNaN(one));
  if (document.activeElement !== helper) helper.value = stands ?? helper.min;
}

const inWords = (rest) => (rest === null ? "as it is" : `default ${rest}`);

/** Bring every control to what is chosen. */
function show() {
  $("handler").value = chosen.handler.name;
  const pictures = picturesOf(chosen.handler), offered = pictures.includes(chosen.key);
  if ($("picture").options.length !== pictures.length + 1 || pictures.some((key, n) => $("picture").options[n].value !== key)) {
    $("picture").replaceChildren(...pictures.map((key) => new Option(key, key)), new Option("another, by its key", ""));
  }
  $("picture-field").hidden = !pictures.length;
  $("picture").value = offered ? chosen.key : "";
  $("key-field").hidden = offered;
  if (document.activeElement !== $("key")) $("key").value = chosen.key;
  if (document.activeElement !== $("address")) $("address").value = address();
  $("sign-field").hidden = chosen.handler.signing !== "optional";
  $("expires-field").hidden = !signs() || grant() !== "";
  $("grant-field").hidden = chosen.handler.signing === "none" || (site.signs === "for all" && !grant());
  $("token-field").hidden = site.signs !== "with token";
  for (const { control, box, field, helper } of controls) {
    const text = chosen.options[control.name] ?? "";
    box.hidden = !takes(control.name) || (control.suggestions_of && !site.names[control.suggestions_of].length);
    box.classList.toggle("set", text !== "");
    const rest = restOf(control);
    if (control.control === "choice") {
      field.options[0].textContent = inWords(rest);
      pick(field, text);
    } else {
      field.placeholder = inWords(rest);
      if (document.activeElement !== field) field.value = text;
    }
    if (control.control === "slider") showSlider(helper, control, text, rest);
    if (control.control === "colour") helper.value = opaque(text || rest || "fff");
  }
}

const probe = make("canvas").getContext("2d");

/** A colour of CSS or of a URL as a field of colours has it. */
function opaque(text) {
  probe.fillStyle = "#fff";
  probe.fillStyle = /^([0-9a-f]{3,4}){1,2}$/i.test(text) ? `#${text}` : text;
  const [, ...numbers] = /^rgba\((\d+), (\d+), (\d+)/.exec(probe.fillStyle) ?? [];
  return numbers.length ? `#${numbers.map((number) => Number(number).toString(16).padStart(2, "0")).join("")}` : probe.fillStyle;
}

/** Choose in a list; a text that was written by hand and is not there joins it. */
function pick(field, text) {
  const same = [...field.options].find((one) => one.value === text.toLowerCase());
  if (!same) field.append(new Option(text, text));
  field.value = same ? same.value : text;
}

/** Show what is chosen, and keep it in the address of the page. */
function keep() {
  show();
  history.replaceState(null, "", `#${address()}`);
}

function changed() {
  keep();
  setBusy(true);
  clearTimeout(timer);
  timer = setTimeout(refresh, PAUSE);
}

// The origin's answers

function setBusy(busy) {
  document.querySelectorAll(".frame").forEach((frame) => frame.classList.toggle("busy", busy));
}

function wanted(options, own = {}) {
  return {
    handler: chosen.handler.name, key: chosen.key, options: only(options), sign: signs(), grant: grant(),
    expires_in: signs() && !grant() && $("expires").value ? Number($("expires").value) : null, ...own,
  };
}

/** The address at which this page asks for the picture of these options. */
async function place(options) {
  const { path } = await post("code", wanted(options));
  return root + site.pictures_at + path;
}

async function ask(url) {
  const begun = performance.now();
  const answer = await fetch(url, { headers: { accept: ACCEPT }, cache: "no-store" });
  const blob = await answer.blob();
  return { answer, blob, ms: performance.now() - begun, type: (answer.headers.get("content-type") ?? "").split(";")[0] };
}

async function showPicture(id, { blob }) {
  const image = $(id), old = blobs[id];
  image.src = blobs[id] = URL.createObjectURL(blob);
  await image.decode().catch(() => {});
  image.hidden = false;
  if (old) URL.revokeObjectURL(old);
}

/** What to do where there is no key. */
function needed({ name, is_listed }) {
  if (listed[name]) return "There is no picture yet. Write the key of one.";
  return `Write the key of a picture${is_listed && refusal() === TOKEN_NEEDED ? ", or the admin token to choose from a list" : ""}.`;
}

async function refresh() {
  const mine = ++turn;
  const late = () => mine !== turn;
  setBusy(true);
  offerKeys();
  try {
    const listing = listPictures(chosen.handler).then(show);
    if (!chosen.key && document.activeElement !== $("key")) {
      await listing;
      if (late()) return;
      chosen.key = picturesOf(chosen.handler)[0] ?? "";
      keep();
    }
    if (!chosen.key) throw new Error(needed(chosen.handler));
    if (signs() && !grant() && refusal()) throw new Error(`The URLs of this handler are signed. ${refusal()}`);
    await loadOriginal(late);
    if (late()) return;
    const texts = { alt: $("alt").value.trim(), base_url: base(), layout: $("layout").value };
    if (!texts.layout) Object.assign(texts, { widths: $("widths").value, sizes: $("widths").value.trim() && $("sizes").value });
    const code = await post("code", wanted(chosen.options, { ...texts, info }));
    if (late()) return;
    showCode(code);
    const got = await ask(root + site.pictures_at + code.path);
    if (late()) return;
    await showResult(got);
    tell(describeFailure(got.answer));
    explain(code.path, late);
    $("compare").hidden = !(got.answer.ok && got.type.startsWith("image/"));
    if (!$("compare").hidden) await showCompared(got, late);
  } catch (error) {
    if (!late()) tell(error.message);
  } finally {
    if (!late()) setBusy(false);
  }
}

/** What went wrong, and why where the handler has `debug`; nothing for a picture. */
function describeFailure({ status, headers }) {
  const failure = headers.get("x-origin-error"), reason = headers.get("x-origin-reason");
  return failure ? `${status}: the origin answers ${failure}, with its fallback image${reason ? `: ${reason}` : "."}` : "";
}

/** The original and what the origin knows of it, once for each picture. */
async function loadOriginal(late) {
  const name = JSON.stringify([chosen.handler.name, chosen.key, signs(), $("token").value, grant()]);
  if (name === infoOf) return;
  info = null;
  // A grant may allow neither.
  const may = (options) => place(options).then(ask, (error) => (grant() ? null : Promise.reject(error)));
  const whole = await may({ w: String(LARGE) });
  const known = takes("f") ? await may({ f: "json" }) : null;
  if (late()) return;
  if (known && known.answer.ok && known.type === "application/json") info = JSON.parse(await known.blob.text());
  if (whole) await showPicture("original", whole);
  else $("original").hidden = true;
  const facts = $("original-facts");
  facts.replaceChildren();
  if (info) {
    facts.append(make("b", { textContent: bytes(info.bytes) }), ` · ${info.format} · ${info.width} × ${info.height}`);
    if (info.frames > 1) facts.append(` · ${info.frames} frames`);
  }
  infoOf = name;
}

async function showResult(got) {
  const isPicture = got.type.startsWith("image/");
  $("result-text").hidden = isPicture;
  $("result").hidden = !isPicture;
  if (isPicture) await showPicture("result", got);
  else $("result-text").textContent = await got.blob.text();
  const size = isPicture ? ` · ${$("result").naturalWidth} × ${$("result").naturalHeight}` : "";
  $("result-facts").replaceChildren(
    make("b", { textContent: bytes(got.blob.size) }), ` · ${got.type.replace("image/", "")}${size} · ${Math.round(got.ms)}\u00a0ms`);
  type = got.type;
  show();
  $("mini").src = $("result").src;
  $("mini").hidden = !isPicture;
  const rows = { Bytes: share(got), Type: got.type, Time: `${got.ms.toFixed(1)} ms in this browser` };
  for (const name of ["Cache-Status", "Server-Timing", "X-Origin-Error", "Vary"]) rows[name] = got.answer.headers.get(name);
  $("details").replaceChildren(...Object.entries(rows).flatMap(([name, text]) => (text ? [make("dt", { textContent: name }), make("dd", { textContent: text })] : [])));
}

function share({ blob }) {
  const part = info && info.bytes ? `, ${((100 * blob.size) / info.bytes).toFixed(1)} % of the original` : "";
  return `${blob.size}${part}`;
}

async function showCompared(got, late) {
  if (!$("compare").open) {
    $("compare-box").hidden = true; // what it shows is of other options
    return;
  }
  const shape = site.controls.filter((control) => control.shape).map((control) => control.name);
  const options = Object.fromEntries(Object.entries(chosen.options).filter(([name]) => shape.includes(name)));
  const sided = options.w || options.h;
  const asked = place({ ...options, ...(sided ? { f: "png" } : { f: "webp", q: "95" }) });
  const before = await asked.then(ask, (error) => (grant() ? null : Promise.reject(error)));
  if (late()) return;
  if (!before) return ($("compare").hidden = true); // outside the grant
  await Promise.all([showPicture("before", before), showPicture("after", got)]);
  const box = $("compare-box"), { naturalWidth: w, naturalHeight: h } = $("after");
  box.style.aspectRatio = `${w} / ${h}`;
  box.style.width = `min(100%, ${w}px, calc(75vh * ${w / h}))`;
  box.hidden = false;
}

const PICTURE = /\.(avif|bmp|gif|hei[cf]|ico|jpe?g|jxl|pdf|png|svg|tiff?|webp)$/i;

/** The keys of a handler that are offered in a list. */
const picturesOf = ({ name, pictures }) => (pictures.length ? pictures : listed[name] ?? []);

/** Ask once for the pictures of a handler, where that is allowed. */
async function listPictures(handler) {
  if (listed[handler.name] || handler.pictures.length) return;
  const keys = await keysBelow(handler, "");
  if (keys) listed[handler.name] = keys.filter((key) => PICTURE.test(key));
}

/** The first keys that begin so; null where they cannot be had. */
async function keysBelow({ name, is_listed }, prefix) {
  if (!is_listed || refusal()) return null;
  return post("keys", { handler: name, prefix }).then(({ keys }) => keys, () => null);
}

/** The picture to show where the handler is another: the same where it has that, else its first. */
async function keyIn(handler) {
  await listPictures(handler);
  const first = picturesOf(handler)[0] ?? visited[handler.name] ?? chosen.key;
  if (picturesOf(handler).includes(chosen.key)) return chosen.key;
  const same = chosen.key && (await keysBelow(handler, chosen.key));
  return same && same.includes(chosen.key) ? chosen.key : first;
}

/** Offer the keys that are there, for those who have the token: those that begin as what is written. */
async function offerKeys() {
  const handler = chosen.handler, { name } = handler;
  const asked = JSON.stringify([name, chosen.key, $("token").value]);
  if (asked === offeredFor || $("key-field").hidden || refusal()) return;
  offeredFor = asked;
  const prefix = chosen.key.slice(0, chosen.key.lastIndexOf("/") + 1);
  const keys = (await keysBelow(handler, offered.has(chosen.key) ? prefix : chosen.key)) ?? [];
  if (asked !== offeredFor) return;
  offered = new Set(keys);
  $("keys").replaceChildren(...keys.map((value) => make("option", { value })));
}

// To copy

const PARTS = { picture: "<picture>", img: "<img>", srcset: "srcset", url: "URL", explain: "origin explain" };

function buildCode(name) {
  const text = make("code"), title = make("h3", { textContent: PARTS[name] });
  const button = make("button", { type: "button", textContent: "Copy" });
  button.setAttribute("aria-label", `Copy ${PARTS[name]}`);
  const pre = make("pre", { tabIndex: 0 }, text);
  button.addEventListener("click", async () => {
    await copy(text);
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = "Copy"), 1500);
  });
  codes[name] = { title, text, button };
  return make("div", { className: "code", id: `code-${name}` }, make("div", { className: "bar" }, title, button), pre);
}

async function copy(element) {
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    // Browsers have no clipboard for scripts on a page that came over plain HTTP.
    getSelection().selectAllChildren(element);
    document.execCommand("copy");
  }
}

function write(name, text, isCode = true) {
  codes[name].text.textContent = text;
  codes[name].button.hidden = !isCode;
}

function showCode(code) {
  $("codes").hidden = false;
  if ($("layout").value) for (const name of ["widths", "sizes"]) $(name).value = code[name];
  $("alt-note").hidden = $("alt").value.trim() !== "";
  codes.url.title.textContent = signs() ? "Signed URL" : "URL";
  for (const name of ["url", "srcset", "img", "picture"]) {
    if (code[name] === null) write(name, code.errors[name], false);
    else write(name, code[name].replace(/, (?=\S+ [\d.]+[wx])/g, ",\n").replace(/(?<=>)(?=<)/g, "\n"));
  }
}

async function explain(path, late) {
  if (refusal()) return write("explain", refusal(), false);
  try {
    const { lines } = await post("explain", { url: path });
    if (!late()) write("explain", lines.join("\n"));
  } catch (error) {
    if (!late()) write("explain", error.message, false);
  }
}

const base = () => $("base").value.trim();

function publicUrl() {
  if (!site.pictures_at) return location.origin + root;
  return site.public_url ?? `${location.protocol}//${location.hostname}:${site.public_port}`;
}

// The start

function choose(properties) {
  Object.assign(chosen, properties);
  say("note", "");
  changed();
}

function listen() {
  $("handler").addEventListener("change", async (event) => {
    const handler = site.handlers.find((one) => one.name === event.target.value);
    visited[chosen.handler.name] = chosen.key;
    setBusy(true);
    const key = await keyIn(handler);
    if ($("handler").value === handler.name) choose({ handler, key });
  });
  $("picture").addEventListener("change", (event) => {
    choose({ key: event.target.value });
    if (!event.target.value) $("key").focus();
  });
  $("key").addEventListener("input", (event) => choose({ key: event.target.value.trim() }));
  $("address").addEventListener("input", (event) => {
    const wrong = take(event.target.value);
    tell(wrong);
    if (!wrong) changed();
  });
  $("address").addEventListener("blur", show);
  $("key").addEventListener("blur", show);
  $("reset").addEventListener("click", () => choose({ options: {} }));
  for (const id of ["widths", "sizes"]) $(id).addEventListener("input", () => ($("layout").value = ""));
  for (const id of ["sign", "expires", "token", "grant", "base", "alt", "layout", "widths", "sizes"]) $(id).addEventListener("input", changed);
  $("go").addEventListener("click", () => $("to-copy").focus());
  $("edge").addEventListener("input", (event) => $("compare-box").style.setProperty("--edge", `${event.target.value}%`));
  $("compare").addEventListener("toggle", () => $("compare").open && $("compare-box").hidden && changed());
  addEventListener("hashchange", () => {
    const wrong = take(location.hash.slice(1));
    if (wrong) tell(wrong);
    else changed();
  });
}

async function start() {
  site = await (await fetch(`${root}${HERE}/state`, { cache: "no-store" })).json();
  if (!site.handlers.length) throw new Error("The configuration has no handler whose pictures can be tried here.");
  $("handler").append(...site.handlers.map(({ name }) => new Option(name, name)));
  controls = site.controls.map(buildControl);
  for (const { control, box } of controls) $(control.shape ? "group-shape" : "group-look").lastElementChild.append(box);
  $("group-shape").hidden = $("group-look").hidden = false;
  if (matchMedia("(max-width: 48rem)").matches) $("group-shape").open = $("group-look").open = false;
  $("codes").append(...Object.keys(PARTS).map(buildCode));
  $("base").value = publicUrl();
  listen();
  Object.assign(chosen, { handler: site.handlers[0], key: site.handlers[0].pictures[0] ?? "", options: { w: "600", f: "auto" } });
  const wrong = location.hash.length > 1 ? take(location.hash.slice(1)) : "";
  changed();
  if (wrong) tell(wrong);
}

start().catch((error) => tell(error.message));
