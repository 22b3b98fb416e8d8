// The years, and the months of the year that is looked at: of all photos to jump to, of a search to choose from.

import { UNDATED, go, inWords, isByTime, wanted } from "./address.js";
import { at, button, make } from "./dom.js";
import { get } from "./network.js";
import { more, photos } from "./photos.js";

let years = null; // not known yet
const months = {}; // by year, of the years that were looked at
let here = null; // the month at the top of the screen
let hasUndated = true; // until all of them were looked for in vain
let isAsked = false;

function rail() {
  at("times").hidden = wanted.kind === "rejected" || years?.length === 0; // its room is kept until it is there
  if (!years || at("times").hidden) return;
  const focused = document.activeElement?.dataset.when;
  const year = (here ?? wanted.when).slice(0, 4);
  const stops = years.map((one) => [stop(one, one, isHere(one)), ...(one === year ? monthsOf(one) : [])]);
  if (hasUndated && isByTime())
    stops.push([Object.assign(stop(UNDATED, "No date", here === UNDATED), { className: "undated" })]);
  at("rail").replaceChildren(...stops.map((parts) => make("li", {}, ...parts)));
  // Whoever works by keyboard stays at the place that was chosen.
  if (focused) at("rail").querySelector(`[data-when="${focused}"]`)?.focus({ preventScroll: true });
  at("rail").querySelector("ol [aria-current]")?.scrollIntoView({ block: "nearest" });
}

const isHere = (when) => isByTime()
  ? when === here || (when.length === 4 && when === here?.slice(0, 4))
  : when === wanted.when;

function monthsOf(year) {
  return months[year] ? [make("ol", {}, ...months[year].map((month) => make("li", {}, ofMonth(month))))] : [];
}

function ofMonth(month) {
  return Object.assign(stop(month, inWords(month, "short"), isHere(month)), { ariaLabel: inWords(month) });
}

function stop(when, text, isCurrent) {
  const one = button(text, () => isByTime() ? jump(when) : go({ when: wanted.when === when ? "" : when }));
  one.dataset.when = when;
  if (isCurrent) one.ariaCurrent = "true";
  return one;
}

function jump(when) {
  // What is shown begins with a whole month, or with a whole year.
  const isWhole = when.length > 4 || wanted.when.slice(0, 4) !== when || wanted.when === when;
  const shown = [...at("grid").children].find((one) => one.dataset.month.startsWith(when));
  if (shown && isWhole) shown.scrollIntoView();
  else go({ when });
}

function mark() {
  if (!isByTime()) return;
  const top = document.querySelector("header").offsetHeight + 1;
  const sections = [...at("grid").children];
  const first = sections.findLast((one) => one.getBoundingClientRect().top <= top) ?? sections[0];
  const month = first?.dataset.month ?? null;
  if (month === here) return;
  here = month;
  rail();
  askForMonths(month?.slice(0, 4));
}

async function askForMonths(year) {
  if (!years?.includes(year) || months[year]) return;
  months[year] = []; // asked for once
  try {
    months[year] = (await get("api/months", { year })).months;
    rail();
  } catch {
    delete months[year];
  }
}

function step(event) {
  const all = [...at("rail").querySelectorAll("button")];
  const to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!to) return;
  event.preventDefault();
  all[all.indexOf(document.activeElement) + to]?.focus();
}

async function askForYears() {
  if (years || isAsked) return;
  isAsked = true;
  try {
    ({ years } = await get("api/years"));
    here = null;
    mark();
    if (wanted.when) askForMonths(wanted.when.slice(0, 4));
    rail();
  } catch { // asked again with the next answer of the server
  } finally {
    isAsked = false;
  }
}

addEventListener("searched", () => {
  here = null;
  rail();
  if (wanted.when) askForMonths(wanted.when.slice(0, 4));
});
addEventListener("loaded", () => {
  const areAllSeen = isByTime() && more === null;
  if (areAllSeen) hasUndated = photos.some((photo) => !photo.month);
  mark();
  if (areAllSeen) rail(); // also where the month at the top is the same
});
addEventListener("answering", askForYears);
addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
at("rail").addEventListener("keydown", step);
new ResizeObserver(([header]) => document.documentElement.style.setProperty(
  "--below-header", `${header.target.offsetHeight}px`)).observe(document.querySelector("header"));
askForYears();
