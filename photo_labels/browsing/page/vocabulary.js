// All labels that there are, as they were last counted.

import { get } from "./network.js";

export let counts = {};
export let merged = []; // names whose counts are at most so many
export let suggested = [];
export let countedAt = null;
let isKnown = false;
let isAsked = false;

async function ask() {
  if (isKnown || isAsked) return;
  isAsked = true;
  try {
    const answer = await get("api/labels");
    ({ labels: counts, merged, suggested, at: countedAt } = answer);
    isKnown = true;
    dispatchEvent(new Event("vocabulary"));
  } catch { // the line of the pipeline tells of it, too
  } finally {
    isAsked = false;
  }
}

addEventListener("answering", ask);
ask();
