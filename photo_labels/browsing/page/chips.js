// What is searched for, each part of it with a button that takes it away.

import { UNDATED, go, inWords, isByTime, isOfLabels, wanted } from "./address.js";
import { at, button, make } from "./dom.js";
import { terms } from "./query.js";

let isRemoved = false; // who works by keyboard goes on with the next one

function chip(text, changes) {
  const remove = button(text, () => { isRemoved = true; go(changes); }, { ariaLabel: `Remove ${text}` });
  remove.append(make("span", { ariaHidden: "true" }, " ✕"));
  return make("li", {}, remove);
}

function time() {
  if (!isByTime() || wanted.when === UNDATED) return inWords(wanted.when);
  return `${inWords(wanted.when)} and before`;
}

function chips() {
  const parts = terms(wanted.q);
  const without = (part) => parts.filter((other) => other !== part).join(" and ");
  const shown = parts.map((part) => chip(part, { q: without(part) }));
  if (isOfLabels() && wanted.min !== "0") shown.push(chip(`at least ${wanted.min} %`, { min: "0" }));
  if (wanted.kind !== "rejected" && wanted.when) shown.push(chip(time(), { when: "" }));
  if (wanted.kind === "rejected") shown.push(chip("Rejected", { kind: "labelled" }));
  at("chips").replaceChildren(...shown);
  at("chips").hidden = !shown.length;
  if (isRemoved) (at("chips").querySelector("button") ?? at("text")).focus();
  isRemoved = false;
}

addEventListener("searched", chips);
