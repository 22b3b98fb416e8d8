// The photos of a search, page by page. Tells the rest of the page by events: `searched`, `loaded` and `failed`.

import { at } from "./dom.js";
import { asked, isByTime, read } from "./address.js";
import { Unreachable, get } from "./network.js";

const AHEAD = 2500; // so many pixels below the screen photos are asked for already
const LOOKS = 3; // in vain, before a person is asked whether to look further

export let photos = [];
export let more = null; // where the next page begins; null: there is none
let running = new AbortController();
let isLoading = false;
let isLost = false;
let inVain = 0;

export function start() {
  read();
  running.abort();
  running = new AbortController();
  photos = [];
  more = "";
  isLoading = false;
  inVain = 0;
  scrollTo(0, 0);
  dispatchEvent(new Event("searched"));
  load();
}

export async function load() {
  if (isLoading || more === null) return;
  isLoading = true;
  isLost = false;
  further("");
  const { signal } = running;
  try {
    const answer = await get("api/photos", { ...asked(), after: more }, signal);
    if (signal.aborted) return;
    more = answer.more;
    inVain = answer.photos.length ? 0 : inVain + 1;
    photos.push(...answer.photos);
    dispatchEvent(new CustomEvent("loaded", { detail: answer }));
  } catch (error) {
    if (signal.aborted) return;
    isLoading = false;
    isLost = error instanceof Unreachable;
    dispatchEvent(new CustomEvent("failed", { detail: error.message }));
    if (photos.length && !isLost) further(`${error.message} Try again`);
    return;
  }
  isLoading = false;
  if (more === null) return;
  if (inVain >= LOOKS) further(isByTime() ? "Look further for photos without a date" : "Look further");
  // What was answered may not fill the screen, and then nothing scrolls.
  else if (at("end").getBoundingClientRect().top < innerHeight + AHEAD) load();
}

function further(text) {
  at("further").hidden = !text;
  at("further").textContent = text;
}

at("further").addEventListener("click", () => { inVain = 0; load(); });
addEventListener("answering", () => { if (isLost) load(); });
new IntersectionObserver(() => { if (at("further").hidden && !isLost) load(); }, { rootMargin: `${AHEAD}px` })
  .observe(at("end"));
