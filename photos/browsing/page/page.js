// The page of `photos browse`. Texts from outside (keys, labels) only ever become text, never markup.

const at = (id) => document.getElementById(id);
const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

const FACETS = 40;
const STATUS_MS = 5000;
const AHEAD = "2500px"; // so far below the screen photos are asked for already

let asked = 0; // of answers to earlier searches nothing is shown
let photos = [];
let more = null;
let isLoading = false;
let names = {};
let open = -1;

async function get(path, parameters = {}) {
  const response = await fetch(`${path}?${new URLSearchParams(parameters)}`);
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
  const wanted = new URLSearchParams(location.hash.slice(1));
  at("text").value = wanted.get("q") ?? "";
  at("min").value = wanted.get("min") ?? "0";
  at("least").value = at("min").value;
  for (const radio of document.querySelectorAll("input[name=kind]"))
    radio.checked = radio.value === (wanted.get("kind") ?? "labelled");
}

function search() {
  const wanted = new URLSearchParams();
  if (at("text").value.trim()) wanted.set("q", at("text").value.trim());
  if (at("min").value !== "0") wanted.set("min", at("min").value);
  if (kind() !== "labelled") wanted.set("kind", kind());
  if (`#${wanted}` === (location.hash || "#")) start();
  else location.hash = wanted.toString();
}

function start() {
  read();
  asked += 1;
  photos = [];
  more = "";
  isLoading = false;
  at("grid").replaceChildren();
  at("said").textContent = "…";
  scrollTo(0, 0);
  load();
}

async function load() {
  if (isLoading || more === null) return;
  isLoading = true;
  const mine = asked;
  try {
    const answer = await get("api/photos", {
      q: at("text").value, min: at("min").value, kind: kind(), after: more,
    });
    if (mine !== asked) return;
    more = answer.more;
    at("grid").append(...answer.photos.map((photo, number) => cell(photo, photos.length + number)));
    photos.push(...answer.photos);
    say(answer);
    facets();
  } catch (error) {
    if (mine !== asked) return;
    more = null;
    at("said").textContent = error.message;
  }
  isLoading = false;
  // What was answered may not fill the screen, and then nothing scrolls.
  if (more !== null && at("end").getBoundingClientRect().top < innerHeight + 2500) load();
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
  const unknown = Object.entries(answer.unknown ?? {}).map(([label, close]) =>
    ` No photo is labelled ${label}.${close.length ? ` Did you mean ${close.join(" or ")}?` : ""}`);
  at("said").textContent = `${count} photo${photos.length === 1 && more === null ? "" : "s"}${found}.${unknown.join("")}`;
}

// Labels: all of them, as they were counted; of a search, those of the photos that are shown.

function facets() {
  let counts = Object.entries(names);
  if (at("text").value.trim() || kind() === "rejected" || !counts.length) {
    const here = new Map();
    for (const photo of photos)
      for (const label of photo.labels) here.set(label.name, (here.get(label.name) ?? 0) + 1);
    counts = [...here].sort((one, other) => other[1] - one[1]);
  }
  at("facets").replaceChildren(...counts.slice(0, FACETS).map(([name, count]) => {
    const button = make("button", { type: "button" },
      make("span", {}, name), make("span", {}, count.toLocaleString()));
    button.addEventListener("click", () => narrow(name));
    return make("li", {}, button);
  }));
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
  const fitting = Object.keys(names).filter((name) => name.toLowerCase().startsWith(beginning)).slice(0, 12);
  at("suggestions").replaceChildren(...fitting.map((name) => make("option", { value: head + quoted(name) })));
}

// One photo

function show(number) {
  if (!photos[number]) return;
  open = number;
  const photo = photos[number];
  at("name").textContent = photo.key;
  at("large").src = picture("view", photo);
  at("large").alt = `${photo.key}: ${inWords(photo)}`;
  at("original").href = `original?${new URLSearchParams({ image: photo.image })}`;
  at("reason").textContent = photo.reason ? `${photo.reason}: ${photo.detail}` : "";
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
at("photo").addEventListener("close", () => at("grid").children[open]?.querySelector("button").focus());
addEventListener("keydown", (event) => {
  if (at("photo").open && event.key === "ArrowLeft") show(open - 1);
  else if (at("photo").open && event.key === "ArrowRight") show(open + 1);
  else if (event.key === "/" && !at("photo").open && document.activeElement !== at("text")) {
    event.preventDefault();
    at("text").focus();
  }
});
addEventListener("hashchange", start);
new IntersectionObserver(() => load(), { rootMargin: AHEAD }).observe(at("end"));

start();
status();
get("api/labels").then((answer) => { names = answer.labels; facets(); });
