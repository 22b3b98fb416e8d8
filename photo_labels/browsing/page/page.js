// The page of `photos browse`. Texts from outside (keys, labels) only ever become text, never markup.

const at = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const FACETS = 40;
const STATUS_MS = 5000;
const AHEAD = 2500; // so many pixels below the screen photos are asked for already

const LOOKS = 3; // in vain, before a person is asked whether to look further

let wanted = {}; // what is shown is of this search, whatever is written in the box meanwhile
let running = new AbortController();
let photos = [];
let more = null;
let isLoading = false;
let inVain = 0;
let names = {};
let merged = []; // names whose counts are at most so many
let suggested = [];
let open = -1;
let years = null; // not known yet
let months = {}; // by year, of the years that were looked at
let here = null; // the month at the top of the screen

async function get(path, parameters = {}, signal = undefined) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`, { signal });
  const answer = response.headers.get("content-type")?.includes("json")
    ? await response.json()
    : { error: await response.text() };
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

const picture = (path, photo) =>
  `${path}?${new URLSearchParams({ image: photo.image, version: photo.version })}`;
const kind = () => document.querySelector("input[name=kind]:checked").value;
const inWords = (photo) =>
  photo.labels.slice(0, 5).map((label) => label.name).join(", ") || photo.reason || "no labels";

// What is searched for is in the address, so that it can be gone back to.

function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  wanted = {
    q: given.get("q") ?? "", min: given.get("min") ?? "0", kind: given.get("kind") ?? "labelled",
    when: given.get("when") ?? "",
  };
  at("text").value = wanted.q;
  at("min").value = wanted.min;
  at("least").value = at("min").value;
  for (const radio of document.querySelectorAll("input[name=kind]")) radio.checked = radio.value === wanted.kind;
}

function search() {
  const next = new URLSearchParams();
  if (at("text").value.trim()) next.set("q", at("text").value.trim());
  if (at("min").value !== "0") next.set("min", at("min").value);
  if (kind() !== "labelled") next.set("kind", kind());
  if (`#${next}` === (location.hash || "#")) start();
  else location.hash = next.toString();
}

function start() {
  read();
  running.abort();
  running = new AbortController();
  at("photo").close();
  photos = [];
  more = "";
  isLoading = false;
  inVain = 0;
  at("min").disabled = !wanted.q;
  here = null;
  at("grid").replaceChildren();
  at("back").hidden = !(isByTime() && wanted.when);
  rail();
  at("said").textContent = "…";
  scrollTo(0, 0);
  load();
}

async function load() {
  if (isLoading || more === null) return;
  isLoading = true;
  further("");
  const { signal } = running;
  try {
    const answer = await get("api/photos", { ...wanted, after: more }, signal);
    if (signal.aborted) return;
    more = answer.more;
    inVain = answer.photos.length ? 0 : inVain + 1;
    answer.photos.forEach((photo, number) => list(photo).append(cell(photo, photos.length + number)));
    photos.push(...answer.photos);
    say(answer);
    facets();
    mark();
  } catch (error) {
    if (signal.aborted) return;
    isLoading = false;
    at("said").textContent = error.message;
    if (photos.length) further(`${error.message} Try again`);
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

// Photos of a search are one list; of all photos, each month has one.

const isByTime = () => !wanted.q && wanted.kind !== "rejected";
const UNDATED = "undated";
const inWordsOf = (month, form = "long") => month === UNDATED ? "Without a date" : new Date(`${month}-01T00:00Z`)
  .toLocaleString("en", { month: form, year: form === "long" ? "numeric" : undefined, timeZone: "UTC" });

function list(photo) {
  const month = isByTime() ? photo.month ?? UNDATED : "";
  const last = at("grid").lastElementChild;
  if (last?.dataset.month === month) return last.querySelector("ul");
  const photosOfIt = make("ul", { ariaLabel: month ? inWordsOf(month) : "Photos found" });
  const section = make("section", {}, ...(month ? [make("h2", {}, inWordsOf(month))] : []), photosOfIt);
  section.dataset.month = month;
  at("grid").append(section);
  return photosOfIt;
}

function cell(photo, number) {
  const image = make("img", {
    src: picture("thumbnail", photo), loading: "lazy", decoding: "async", alt: `${photo.key}: ${inWords(photo)}`,
  });
  const name = make("span", { ariaHidden: "true" }, photo.reason ? `${photo.reason}: ${photo.key}` : inWords(photo));
  const button = make("button", { type: "button" }, image, name);
  button.addEventListener("click", () => show(number));
  return make("li", {}, button);
}

function say(answer) {
  const count = `${photos.length.toLocaleString()}${more === null ? "" : " and more"}`;
  const found = answer.query ? `: ${answer.query}` : "";
  const taken = Object.entries(answer.taken ?? {}).map(([word, names]) => ` ${word}: searched as ${names.join(" or ")}.`);
  const hidden = (answer.hidden ?? []).map((label) => ` ${label} is hidden.`);
  const unknown = Object.entries(answer.unknown ?? {}).map(([label, close]) =>
    ` No photo is labelled ${label}${answer.excluding_none.includes(label) ? ": “not” leaves out nothing" : ""}.${close.length ? ` Did you mean ${close.join(" or ")}?` : ""}`);
  at("said").textContent = `${count} photo${photos.length === 1 && more === null ? "" : "s"}${found}.${[...taken, ...hidden, ...unknown].join("")}`;
}

// The years, and the months of the year that is looked at, to jump to

function rail() {
  at("times").hidden = !isByTime() || years?.length === 0; // its room is kept until it is there
  if (!years || at("times").hidden) return;
  const focused = document.activeElement?.dataset.when;
  const year = (here ?? wanted.when).slice(0, 4);
  at("rail").replaceChildren(
    ...years.map((one) => make("li", {}, stop(one, one, one === year),
      ...(one === year && months[one] ? [make("ol", {}, ...months[one].map((month) => make("li", {}, ofMonth(month))))] : []))),
    make("li", {}, Object.assign(stop(UNDATED, "No date", here === UNDATED), { className: "undated" })));
  // Whoever works by keyboard stays at the place that was chosen.
  if (focused) at("rail").querySelector(`[data-when="${focused}"]`)?.focus({ preventScroll: true });
  at("rail").querySelector("ol [aria-current]")?.scrollIntoView({ block: "nearest" });
}

function ofMonth(month) {
  return Object.assign(stop(month, inWordsOf(month, "short"), month === here), { ariaLabel: inWordsOf(month) });
}

function stop(when, text, isHere) {
  const button = make("button", { type: "button" }, text);
  button.dataset.when = when;
  if (isHere) button.ariaCurrent = "true";
  button.addEventListener("click", () => jump(when));
  return button;
}

function jump(when) {
  // What is shown begins with a whole month, or with a whole year.
  const isWhole = when.length > 4 || wanted.when.slice(0, 4) !== when || wanted.when === when;
  const shown = [...at("grid").children].find((one) => one.dataset.month.startsWith(when));
  if (shown && isWhole) shown.scrollIntoView();
  else location.hash = new URLSearchParams({ when }).toString();
}

function mark() {
  if (!isByTime()) return;
  const top = document.querySelector("header").offsetHeight + 1;
  const sections = [...at("grid").children];
  const month = (sections.findLast((one) => one.getBoundingClientRect().top <= top) ?? sections[0])?.dataset.month ?? null;
  if (month === here) return;
  here = month;
  rail();
  const year = month?.slice(0, 4);
  if (!years?.includes(year) || months[year]) return;
  months[year] = []; // asked for once
  get("api/months", { year }).then((answer) => { months[year] = answer.months; rail(); }, () => { delete months[year]; });
}

function step(event) {
  const all = [...at("rail").querySelectorAll("button")];
  const to = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!to) return;
  event.preventDefault();
  all[all.indexOf(document.activeElement) + to]?.focus();
}

// Labels: all of them, as they were counted; of a search, those of the photos that are shown.

function facets() {
  let counts = Object.entries(names);
  let atMost = merged;
  if (wanted.q || wanted.kind === "rejected" || !counts.length) {
    atMost = [];
    const here = new Map();
    for (const photo of photos)
      for (const label of photo.labels) here.set(label.name, (here.get(label.name) ?? 0) + 1);
    counts = [...here].sort((one, other) => other[1] - one[1]);
  }
  const focused = at("facets").contains(document.activeElement) ? document.activeElement.dataset.name : null;
  at("facets").replaceChildren(...counts.slice(0, FACETS).map(([name, count]) => {
    const button = make("button", { type: "button" },
      make("span", {}, name), make("span", {}, `${atMost.includes(name) ? "≤ " : ""}${count.toLocaleString()}`));
    button.dataset.name = name;
    button.addEventListener("click", () => narrow(name));
    return make("li", {}, button);
  }));
  // Whoever works by keyboard stays at the label that was chosen.
  if (focused) [...at("facets").querySelectorAll("button")].find((one) => one.dataset.name === focused)?.focus();
}

function quoted(name) {
  return /\b(and|or|not)\b|[()]/i.test(name) ? `"${name}"` : name;
}

function narrow(name) {
  const text = at("text").value.trim();
  at("text").value = !text ? quoted(name) : / or /i.test(text) ? `(${text}) and ${quoted(name)}` : `${text} and ${quoted(name)}`;
  document.querySelector("input[name=kind][value=labelled]").checked = true;
  search();
}

function suggest() {
  // The label that is being written is what follows the last word that joins, or the last parenthesis.
  const [head] = /^(.*(\b(and|or|not)\s+|\())?/is.exec(at("text").value);
  const beginning = at("text").value.slice(head.length).trim().toLowerCase();
  const fitting = suggested.filter((name) => name.toLowerCase().startsWith(beginning)).slice(0, 12);
  at("suggestions").replaceChildren(...fitting.map((name) => make("option", { value: head + quoted(name) })));
}

// One photo

function show(number) {
  if (!photos[number]) return;
  open = number;
  const photo = photos[number];
  at("name").textContent = photo.key;
  at("large").removeAttribute("src"); // until the next is there, the one before would stand under its name
  at("large").src = picture("view", photo);
  at("large").alt = `${photo.key}: ${inWords(photo)}`;
  at("original").href = `original?${new URLSearchParams({ image: photo.image })}`;
  const cut = photo.truncated ? "The file lacks its end: the labels are of what is there." : "";
  at("reason").textContent = photo.reason ? `${photo.reason}: ${photo.detail}` : cut;
  const taken = photo.taken && new Date(`${photo.taken}Z`)
    .toLocaleString([], { dateStyle: "long", timeStyle: "short", timeZone: "UTC" }); // as its own clock showed it
  at("taken").textContent = taken ? `taken ${taken}` : "";
  at("camera").textContent = photo.camera ?? "";
  at("place").textContent = photo.place ? `at ${photo.place.map((degrees) => degrees.toFixed(5)).join(", ")}` : "";
  at("uploaded").textContent = photo.uploaded ? `uploaded ${new Date(photo.uploaded).toLocaleString()}` : "";
  at("previous").disabled = number === 0;
  at("next").disabled = number === photos.length - 1 && more === null;
  at("boxes").replaceChildren();
  at("labels").replaceChildren(...photo.labels.map((label) => {
    const boxes = label.boxes.map((box) => outlined(label, box));
    at("boxes").append(...boxes);
    const row = make("tr", {},
      make("th", { scope: "row" }, label.name), make("td", {}, label.confidence.toFixed(1)));
    row.addEventListener("mouseenter", () => boxes.forEach((box) => box.classList.add("chosen")));
    row.addEventListener("mouseleave", () => boxes.forEach((box) => box.classList.remove("chosen")));
    return row;
  }));
  if (!at("photo").open) at("photo").showModal();
  if (number > photos.length - 5) load();
}

function outlined(label, [left, top, width, height]) {
  const box = make("div", { ariaHidden: "true" }, make("span", {}, label.name));
  const inside = (edge) => Math.min(1, Math.max(0, edge));
  box.style.left = `${inside(left) * 100}%`;
  box.style.top = `${inside(top) * 100}%`;
  box.style.width = `${(inside(left + width) - inside(left)) * 100}%`;
  box.style.height = `${(inside(top + height) - inside(top)) * 100}%`;
  return box;
}

// The pipeline

async function status() {
  if (document.hidden) {
    setTimeout(status, STATUS_MS);
    return;
  }
  try {
    const told = await get("api/status");
    const alarms = told.alarms.length ? `alarm: ${told.alarms.join(", ")}` : "no alarm";
    const texts = [
      told.is_on ? "labelling" : "paused", `${told.waiting.toLocaleString()} waiting`,
      `${told.labelled.toLocaleString()} labelled in 5 minutes`, `${told.dead.toLocaleString()} dead letters`, alarms,
    ];
    at("status").textContent = texts.join(" · ");
    at("status").className = told.alarms.length || told.dead ? "alarm" : "";
  } catch (error) {
    at("status").textContent = `The pipeline does not answer: ${error.message}`;
    at("status").className = "alarm";
  }
  setTimeout(status, STATUS_MS);
}

at("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
at("text").addEventListener("input", suggest);
at("text").addEventListener("focus", suggest);
at("min").addEventListener("input", () => { at("least").value = at("min").value; });
at("min").addEventListener("change", search);
at("kinds").addEventListener("change", search);
at("previous").addEventListener("click", () => show(open - 1));
at("next").addEventListener("click", () => show(open + 1));
at("close").addEventListener("click", () => at("photo").close());
at("photo").addEventListener("click", (event) => { if (event.target === at("photo")) at("photo").close(); });
at("photo").addEventListener("close", () => at("grid").querySelectorAll("button")[open]?.focus());
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  if (at("photo").open && event.key === "ArrowLeft") show(open - 1);
  else if (at("photo").open && event.key === "ArrowRight") show(open + 1);
  else if (event.key === "/" && !at("photo").open && document.activeElement !== at("text")) {
    event.preventDefault();
    at("text").focus();
  }
});
addEventListener("hashchange", start);
addEventListener("scroll", () => requestAnimationFrame(mark), { passive: true });
at("rail").addEventListener("keydown", step);
at("newest").addEventListener("click", () => { location.hash = ""; });
new ResizeObserver(([header]) => document.documentElement.style.setProperty(
  "--below-header", `${header.target.offsetHeight}px`)).observe(document.querySelector("header"));
at("further").addEventListener("click", () => { inVain = 0; load(); });
new IntersectionObserver(() => { if (at("further").hidden) load(); }, { rootMargin: `${AHEAD}px` }).observe(at("end"));

start();
status();
get("api/years").then((answer) => { years = answer.years; here = null; mark(); rail(); }, () => {});
get("api/labels").then((answer) => { names = answer.labels; merged = answer.merged; suggested = answer.suggested; facets(); }, () => {}); // the status tells of it, too
