// Photos that are chosen in the grid, and what is done with them.

import { at, make, numbered } from "./dom.js";
import { photos } from "./photos.js";
import { address } from "./picture.js";

let chosen = new Set(); // numbers of photos
let last = null; // where a range begins

export function checkbox(photo, number) {
  const box = make("input", { type: "checkbox", ariaLabel: `Select ${photo.key}` });
  box.addEventListener("click", ({ shiftKey }) => choose(number, box.checked, shiftKey));
  return make("label", { className: "select" }, box);
}

function choose(number, isChosen, isRange) {
  const from = isRange && last !== null ? last : number;
  for (let one = Math.min(from, number); one <= Math.max(from, number); one += 1) {
    if (isChosen) chosen.add(one);
    else chosen.delete(one);
  }
  last = number;
  show();
}

function show() {
  at("grid").querySelectorAll(".select input").forEach((box, number) => { box.checked = chosen.has(number); });
  at("grid").classList.toggle("selecting", chosen.size > 0);
  at("selected").hidden = chosen.size === 0;
  at("chosen").textContent = `${chosen.size.toLocaleString()} selected`;
  at("done").textContent = "";
  offerAll();
}

function offerAll() {
  at("all-shown").disabled = chosen.size === photos.length;
}

function clear() {
  chosen = new Set();
  last = null;
  show();
}

const chosenPhotos = () => [...chosen].sort((one, other) => one - other).map((number) => photos[number]);

function link(photo, text) {
  return make("a", { href: address("original", photo), target: "_blank", rel: "noopener noreferrer" }, text);
}

// A browser opens one tab for a click, and blocks the others: of several photos there are links.
function openOriginals() {
  const wanted = chosenPhotos();
  if (wanted.length === 1) {
    link(wanted[0], "").click();
    return;
  }
  at("links").replaceChildren(...wanted.map((photo) => make("li", {}, link(photo, photo.key))));
  at("originals").showModal();
}

async function copyNames() {
  const keys = chosenPhotos().map((photo) => photo.key);
  try {
    await navigator.clipboard.writeText(keys.join("\n"));
    at("done").textContent = `${numbered(keys.length, "name")} copied.`;
  } catch {
    at("done").textContent = "The browser does not allow copying: allow this page to use the clipboard.";
  }
}

addEventListener("searched", clear);
addEventListener("loaded", offerAll);
at("all-shown").addEventListener("click", () => { chosen = new Set(photos.keys()); show(); });
at("open").addEventListener("click", openOriginals);
at("copy").addEventListener("click", copyNames);
at("clear").addEventListener("click", clear);
at("originals-close").addEventListener("click", () => at("originals").close());
addEventListener("keydown", ({ key, target }) => {
  if (key === "Escape" && target !== at("text") && !document.querySelector("dialog[open]")) clear();
});
