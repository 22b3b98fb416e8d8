// Pictures of photos, and what stands in the place of those that cannot be shown.

import { make } from "./dom.js";

// By the status of the answer.
const WORDS = { 410: "gone", 413: "too large", 415: "not readable", 503: "no connection" };

export const address = (path, photo) =>
  `${path}?${new URLSearchParams({ image: photo.image, version: photo.version })}`;

export const inWords = (photo) =>
  photo.labels.slice(0, 5).map((label) => label.name).join(", ") || photo.reason || "no labels";

// Shows a picture in an image of the page. `onMissing` gets what to show instead, once it is known why.
export function show(image, source, key, onMissing) {
  image.onload = () => { image.hidden = false; };
  image.onerror = async () => {
    const { word, sentence, isPassing } = await whyNot(source);
    if (image.getAttribute("src") !== source) return; // it shows another photo by now
    image.hidden = true;
    const missing = make("span", { className: "missing", title: sentence },
      make("strong", {}, key), make("span", {}, word));
    onMissing(missing, sentence);
    if (isPassing) again(image, source, missing);
  };
  image.src = source;
}

async function whyNot(source) {
  try {
    const response = await fetch(source);
    const isPassing = response.ok || response.status === 503;
    const sentence = response.ok ? "The picture did not arrive." : await response.text();
    return { word: WORDS[response.status] ?? "not shown", sentence, isPassing };
  } catch {
    return { word: "no connection", sentence: "The server of this page does not answer.", isPassing: true };
  }
}

// An image that is not seen is not loaded where it is lazy.
function again(image, source, missing) {
  addEventListener("answering", () => {
    if (image.getAttribute("src") !== source || !image.isConnected) return;
    missing.remove();
    image.hidden = false;
    image.removeAttribute("src");
    image.src = source;
  }, { once: true });
}
