// What was found, in words: how many photos, what words were taken for, and what may have been meant.

import { UNDATED, asked, go, inWords, isByTime, isIgnored, wanted } from "./address.js";
import { at, button, numbered } from "./dom.js";
import { more, photos } from "./photos.js";
import { replaced, terms } from "./query.js";

const EMPTY = "No photo is labelled yet: `photos import DIR` uploads those of a folder to AWS, "
  + "`photos --local import DIR` to the local cloud.";
const EMPTY_TIMES = { "": EMPTY, [UNDATED]: "Every photo has a date." };
const NO_LABELS = "Rejected photos have no labels: those of the search do not count here.";

function count() {
  if (!photos.length && more === null && isByTime())
    return EMPTY_TIMES[wanted.when] ?? `No photo is from ${inWords(wanted.when)} or before.`;
  return numbered(photos.length, "photo") + (more === null ? "" : " so far");
}

// Buttons that search for one of some labels instead of a word.
function instead(word, names) {
  return names.flatMap((name, number) => [
    ...(number ? [" or "] : []),
    button(name, () => go({ q: replaced(wanted.q, word, name) }), { className: "link" }),
  ]);
}

function unknown(word, close, excludingNone) {
  const without = excludingNone.includes(word) ? ": “not” leaves out nothing" : "";
  return [` No photo is labelled ${word}${without}.`,
    ...(close.length ? [" Did you mean ", ...instead(word, close), "?"] : [])];
}

function say(answer) {
  const counted = count();
  const found = asked().q ? `: ${answer.query}` : "";
  at("said").replaceChildren(
    counted.endsWith(".") ? counted : `${counted}${found}.`,
    terms(wanted.q).some(isIgnored) ? ` ${NO_LABELS}` : "",
    ...Object.entries(answer.taken ?? {}).flatMap(
      ([word, names]) => [` ${word}: searched as `, ...instead(word, names), "."]),
    ...(answer.hidden ?? []).map((label) => ` ${label} is hidden.`),
    ...Object.entries(answer.unknown ?? {}).flatMap(
      ([word, close]) => unknown(word, close, answer.excluding_none ?? [])));
}

addEventListener("searched", () => { at("said").textContent = "…"; });
addEventListener("loaded", ({ detail }) => say(detail));
addEventListener("failed", ({ detail }) => { at("said").textContent = detail; });
