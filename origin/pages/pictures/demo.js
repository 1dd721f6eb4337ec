// Says under each picture what came: its format and its bytes.

const ACCEPT = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8"; // as browsers ask for pictures

async function tell(figure) {
  const image = figure.querySelector("img");
  const answer = await fetch(image.currentSrc, { cache: "force-cache", headers: { accept: ACCEPT } });
  const { size, type } = await answer.blob();
  const format = type.split(";")[0].replace("image/", "").toUpperCase().replace("WEBP", "WebP");
  const kilobytes = (size / 1000).toLocaleString("en", { maximumSignificantDigits: size < 1e6 ? 3 : 4 });
  figure.querySelector(".facts").textContent = `${format}, ${kilobytes} kB`;
}

for (const figure of document.querySelectorAll("figure")) {
  const image = figure.querySelector("img");
  if (image.complete && image.naturalWidth) tell(figure);
  else image.addEventListener("load", () => tell(figure), { once: true });
}
