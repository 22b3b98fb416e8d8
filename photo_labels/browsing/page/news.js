// Photos that were labelled since all photos were loaded, as far as they are among the newest.
//
// Asked for only while the pipeline says that it has labelled something, and while the page is seen: 1 or 2 read
// units, once a minute on AWS however many pages are open. That is at most 120 an hour, and none while nothing is
// uploaded.

import { isByTime, wanted } from "./address.js";
import { at, numbered } from "./dom.js";
import { get } from "./network.js";
import { photos, start } from "./photos.js";

let known = null; // the newest photos when the list was loaded; null: not known yet
let running = new AbortController();

const isOfNewest = () => isByTime() && !wanted.when;

async function look() {
  const { signal } = running;
  let newest;
  try {
    newest = (await get("api/newest", {}, signal)).images;
  } catch { // the line of the pipeline tells of it
    return;
  }
  if (signal.aborted) return;
  if (known === null) known = new Set(newest);
  const loaded = new Set(photos.map((photo) => photo.image));
  const fresh = newest.filter((image) => !known.has(image) && !loaded.has(image)).length;
  const isMore = fresh === newest.length && known.size;
  at("news").hidden = !fresh;
  at("news").textContent = isMore ? `${fresh} or more new photos` : numbered(fresh, "new photo");
}

addEventListener("searched", () => {
  running.abort();
  running = new AbortController();
  known = null;
  at("news").hidden = true;
  if (isOfNewest()) look();
});
addEventListener("answering", ({ detail }) => { if (isOfNewest() && detail?.labelled !== 0) look(); });
at("news").addEventListener("click", start);
