// The grid. Photos of a search are one list; of all photos, each month has one.

import { UNDATED, inWords as timeInWords, isByTime } from "./address.js";
import { at, button, make } from "./dom.js";
import { photos } from "./photos.js";
import { address, inWords, show as showPicture } from "./picture.js";
import { show } from "./dialog.js";
import { checkbox } from "./selection.js";

function list(photo) {
  const month = isByTime() ? photo.month ?? UNDATED : "";
  const last = at("grid").lastElementChild;
  if (last?.dataset.month === month) return last.querySelector("ul");
  const photosOfIt = make("ul", { ariaLabel: month ? timeInWords(month) : "Photos found" });
  const section = make("section", {}, ...(month ? [make("h2", {}, timeInWords(month))] : []), photosOfIt);
  section.dataset.month = month;
  at("grid").append(section);
  return photosOfIt;
}

function tile(photo, number) {
  const image = make("img", { loading: "lazy", decoding: "async", alt: `${photo.key}: ${inWords(photo)}` });
  const caption = make("span", { className: "caption", ariaHidden: "true" },
    photo.reason ? `${photo.reason}: ${photo.key}` : inWords(photo));
  const opening = button(image, () => show(number), { className: "tile" });
  opening.append(caption);
  showPicture(image, address("thumbnail", photo), photo.key, (missing) => image.after(missing));
  return make("li", {}, opening, checkbox(photo, number));
}

addEventListener("searched", () => at("grid").replaceChildren());
addEventListener("loaded", ({ detail }) => {
  const first = photos.length - detail.photos.length;
  detail.photos.forEach((photo, number) => list(photo).append(tile(photo, first + number)));
});
