// What is searched for is in the address, so that it can be gone back to.

import { hasLabel, terms } from "./query.js";

const NOTHING = { q: "", min: "0", kind: "labelled", when: "" };
export const UNDATED = "undated"; // a time, too: that of photos without one

// What is shown is of this search, whatever is written in the box meanwhile.
export let wanted = NOTHING;

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  wanted = Object.fromEntries(Object.entries(NOTHING).map(([name, none]) => [name, given.get(name) ?? none]));
}

export function go(changes) {
  const next = { ...wanted, ...changes };
  next.q = next.q.trim();
  if (!hasLabel(next.q)) next.min = NOTHING.min;
  const said = Object.entries(next).filter(([name, value]) => value !== NOTHING[name]);
  const hash = `#${new URLSearchParams(said)}`;
  if (hash === (location.hash || "#")) dispatchEvent(new Event("hashchange"));
  else location.hash = hash;
}

// Rejected photos have no labels: there only the other terms count.
export const isIgnored = (term) => wanted.kind === "rejected" && hasLabel(term);
export function asked() {
  if (wanted.kind !== "rejected") return wanted;
  return { kind: wanted.kind, q: terms(wanted.q).filter((term) => !isIgnored(term)).join(" and ") };
}

export const isOfLabels = () => wanted.kind !== "rejected" && hasLabel(wanted.q);
// All photos: the newest first, each month with a heading.
export const isByTime = () => !wanted.q && wanted.kind !== "rejected";

export const inWords = (when, form = "long") => {
  if (when === UNDATED) return "Without a date";
  if (!/^\d{4}-\d{2}$/.test(when)) return when;
  return new Date(`${when}-01T00:00Z`)
    .toLocaleString("en", { month: form, year: form === "long" ? "numeric" : undefined, timeZone: "UTC" });
};
