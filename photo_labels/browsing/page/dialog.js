// One photo, with its boxes and labels, and what it says of itself.

import { go } from "./address.js";
import { at, button, make } from "./dom.js";
import { load, more, photos } from "./photos.js";
import { address, inWords, show as showPicture } from "./picture.js";
import { quoted } from "./query.js";

let open = -1;

export function show(number) {
  if (!photos[number]) return;
  open = number;
  const photo = photos[number];
  at("name").textContent = photo.key;
  picture(photo);
  at("original").href = address("original", photo);
  facts(photo);
  at("previous").disabled = number === 0;
  at("next").disabled = number === photos.length - 1 && more === null;
  at("boxes").replaceChildren();
  at("labels").replaceChildren(...photo.labels.map(row));
  at("labels").parentElement.hidden = !photo.labels.length;
  if (!at("photo").open) at("photo").showModal();
  if (number > photos.length - 5) load();
}

function picture(photo) {
  at("frame").querySelector(".missing")?.remove();
  at("large").removeAttribute("src"); // until the next is there, the one before would stand under its name
  at("large").hidden = false;
  at("boxes").hidden = false;
  at("large").alt = `${photo.key}: ${inWords(photo)}`;
  showPicture(at("large"), address("view", photo), photo.key, (missing, sentence) => {
    at("boxes").hidden = true;
    if (sentence !== photo.detail) missing.append(make("span", {}, sentence)); // else it is said beside it
    at("large").after(missing);
  });
}

function facts(photo) {
  const cut = photo.truncated ? "The file lacks its end: the labels are of what is there." : "";
  const none = photo.labels.length ? "" : "This photo has no labels.";
  at("reason").textContent = photo.reason ? `${photo.reason}: ${photo.detail}` : `${none} ${cut}`.trim();
  const style = { dateStyle: "long", timeStyle: "short" };
  const taken = photo.taken && new Date(`${photo.taken}Z`)
    .toLocaleString([], { ...style, timeZone: "UTC" }); // as its own clock showed it
  const byUpload = photo.month ? "It does not say when it was taken: it is listed by its upload." : "";
  at("taken").textContent = taken ? `taken ${taken}` : byUpload;
  at("camera").textContent = photo.camera ?? "";
  at("place").textContent = photo.place ? `at ${photo.place.map((degrees) => degrees.toFixed(5)).join(", ")}` : "";
  at("uploaded").textContent = photo.uploaded ? `uploaded ${new Date(photo.uploaded).toLocaleString([], style)}` : "";
}

function row(label) {
  const boxes = label.boxes.map((box) => outlined(label, box));
  at("boxes").append(...boxes);
  const search = button(label.name,
    () => go({ q: quoted(label.name), kind: "labelled", min: "0", when: "" }),
    { className: "link", title: `Search for ${label.name}` });
  const element = make("tr", {},
    make("th", { scope: "row" }, search), make("td", {}, label.confidence.toFixed(1)));
  const choose = (isChosen) => boxes.forEach((box) => box.classList.toggle("chosen", isChosen));
  for (const event of ["mouseenter", "focusin"]) element.addEventListener(event, () => choose(true));
  for (const event of ["mouseleave", "focusout"]) element.addEventListener(event, () => choose(false));
  return element;
}

function outlined(label, [left, top, width, height]) {
  // The name is written towards the middle of the photo, where it has room.
  const className = left + width / 2 > 0.5 ? "right" : "";
  const box = make("div", { className, ariaHidden: "true" }, make("span", {}, label.name));
  const inside = (edge) => Math.min(1, Math.max(0, edge));
  box.style.left = `${inside(left) * 100}%`;
  box.style.top = `${inside(top) * 100}%`;
  box.style.width = `${(inside(left + width) - inside(left)) * 100}%`;
  box.style.height = `${(inside(top + height) - inside(top)) * 100}%`;
  return box;
}

addEventListener("searched", () => at("photo").close());
at("previous").addEventListener("click", () => show(open - 1));
at("next").addEventListener("click", () => show(open + 1));
at("close").addEventListener("click", () => at("photo").close());
at("photo").addEventListener("click", (event) => { if (event.target === at("photo")) at("photo").close(); });
at("photo").addEventListener("close", () => at("grid").querySelectorAll(".tile")[open]?.focus());
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || !at("photo").open) return;
  if (event.key === "ArrowLeft") show(open - 1);
  else if (event.key === "ArrowRight") show(open + 1);
});
