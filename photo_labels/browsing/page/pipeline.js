// The pipeline's state, in a line below. The event `answering` tells the rest of the page that there are answers.

import { at, numbered } from "./dom.js";
import { Unreachable, get } from "./network.js";

const POLL_MS = 5000;

function show(told) {
  const alarms = told.alarms.length ? `${told.alarms.length === 1 ? "alarm" : "alarms"}: ${told.alarms.join(", ")}` : "no alarm";
  const texts = [
    told.is_on ? "labelling" : "paused",
    `${told.waiting.toLocaleString()} waiting`,
    `${told.labelled.toLocaleString()} labelled in 5 minutes`,
    numbered(told.dead, "dead letter"),
    alarms,
  ];
  say(texts.join(" · "), told.alarms.length || told.dead);
}

function say(text, isAlarm) {
  at("status").textContent = text;
  at("status").className = isAlarm ? "alarm" : "";
}

async function poll() {
  let told = null;
  try {
    told = await get("api/status");
    show(told);
  } catch (error) {
    const isLost = error instanceof Unreachable;
    say(isLost ? error.message : `The pipeline does not answer: ${error.message}`, true);
    if (isLost) return;
  }
  dispatchEvent(new CustomEvent("answering", { detail: told }));
}

export async function follow() {
  if (!document.hidden) await poll();
  setTimeout(follow, POLL_MS);
}
