// Labels with their counts: of all photos as they were last counted; of a search those of the photos that are
// loaded, and then of all that it finds, as they are counted.

import { go, isByTime, wanted } from "./address.js";
import { at, button, make, numbered } from "./dom.js";
import { get } from "./network.js";
import { more, photos } from "./photos.js";
import { narrowed } from "./query.js";
import { countedAt, counts as allCounts, merged } from "./vocabulary.js";

const FACETS = 40;
const BY_ITSELF = 5000; // photos; counting more of them costs what nobody has asked for

let running = new AbortController();
let counted = null; // of the search, as far as it was counted
let isAwaited = false; // whether photos of the search, and with them labels, may still come

function loadedCounts() {
  const found = {};
  for (const photo of photos)
    for (const { name, confidence } of photo.labels)
      if (confidence >= wanted.min) found[name] = (found[name] ?? 0) + 1;
  return found;
}

function shown() {
  if (isByTime() && countedAt) return { counts: allCounts, atMost: merged, note: `counted ${day()}` };
  if (counted?.photos) return { counts: counted.labels, atMost: [], note: progress() };
  const note = more === null ? "of all photos found" : `of the ${numbered(photos.length, "photo")} shown`;
  return { counts: loadedCounts(), atMost: [], note };
}

function day() {
  const date = new Date(countedAt);
  if (date.toDateString() === new Date().toDateString()) return "today";
  return `on ${date.toLocaleDateString("en", { day: "numeric", month: "long", year: "numeric" })}`;
}

function progress() {
  const all = numbered(counted.photos, "photo");
  const far = counted.more === null ? `${counted.photos === 1 ? "the" : "all"} ${all}` : `${all} so far`;
  return `counted ${far} · ${numbered(Math.ceil(counted.units), "read unit")}`;
}

function show() {
  const { counts, atMost, note } = shown();
  const sorted = Object.entries(counts).sort((one, other) => other[1] - one[1]).slice(0, FACETS);
  const focused = at("facets").contains(document.activeElement) ? document.activeElement.dataset.name : null;
  at("facets").replaceChildren(...sorted.map(([name, count]) => {
    const one = button(make("span", {}, name),
      () => go({ q: narrowed(wanted.q, name), kind: "labelled", when: wanted.q ? wanted.when : "" }));
    one.append(make("span", {}, `${atMost.includes(name) ? "≤ " : ""}${count.toLocaleString()}`));
    one.dataset.name = name;
    return make("li", {}, one);
  }));
  at("facets-title").hidden = !sorted.length && !isAwaited;
  at("counted").textContent = sorted.length ? note : "";
  at("count-all").hidden = !(counted?.more && counted.isWaiting);
  // Whoever works by keyboard stays at the label that was chosen.
  if (focused) [...at("facets").querySelectorAll("button")].find((one) => one.dataset.name === focused)?.focus();
}

async function count(most) {
  const { signal } = running;
  counted = { labels: {}, photos: 0, units: 0, ...counted, isWaiting: false };
  try {
    while (counted.more !== null && counted.photos < most) {
      const answer = await get("api/facets", { ...wanted, after: counted.more ?? "" }, signal);
      if (signal.aborted) return;
      for (const [name, number] of Object.entries(answer.labels))
        counted.labels[name] = (counted.labels[name] ?? 0) + number;
      counted.photos += answer.photos;
      counted.units += answer.units;
      counted.more = answer.more;
      show();
    }
  } catch {
    if (signal.aborted) return;
  }
  if (counted.more === undefined) counted = null; // those of the photos shown are left
  else counted.isWaiting = true;
  show();
}

addEventListener("searched", () => {
  running.abort();
  running = new AbortController();
  counted = null;
  isAwaited = wanted.kind !== "rejected";
  show();
});
addEventListener("failed", () => {
  isAwaited = false;
  show();
});
addEventListener("loaded", () => {
  isAwaited = false;
  // What is loaded whole needs no counting.
  const isToCount = !isByTime() && wanted.kind !== "rejected" && more !== null && !counted;
  show();
  if (isToCount) count(BY_ITSELF);
});
addEventListener("vocabulary", show);
at("count-all").addEventListener("click", () => count(Infinity));
