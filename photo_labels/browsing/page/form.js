// What a person asks for: the search box with its suggestions, the confidence, and which photos.

import { go, isOfLabels, wanted } from "./address.js";
import { at, make } from "./dom.js";
import { quoted } from "./query.js";
import { suggested } from "./vocabulary.js";

const SUGGESTIONS = 12;

// All photos begin with a time; a search is of a time, and stays so.
function search(changes = {}) {
  const q = at("text").value;
  go({ q, min: at("min").value, when: wanted.q || !q.trim() ? wanted.when : "", ...changes });
}

function show() {
  at("text").value = wanted.q;
  at("min").value = wanted.min;
  at("least").value = at("min").value;
  at("sureness").hidden = !isOfLabels();
  for (const radio of document.querySelectorAll("input[name=kind]")) radio.checked = radio.value === wanted.kind;
}

function suggest() {
  // The label that is being written is what follows the last word that joins, or the last parenthesis.
  const [head] = /^(.*(\b(and|or|not)\s+|\())?/is.exec(at("text").value);
  const beginning = at("text").value.slice(head.length).trim().toLowerCase();
  const fitting = suggested.filter((name) => name.toLowerCase().startsWith(beginning)).slice(0, SUGGESTIONS);
  at("suggestions").replaceChildren(...fitting.map((name) => make("option", { value: head + quoted(name) })));
}

addEventListener("searched", show);
at("search").addEventListener("submit", (event) => { event.preventDefault(); search(); });
at("text").addEventListener("input", suggest);
at("text").addEventListener("focus", suggest);
at("min").addEventListener("input", () => { at("least").value = at("min").value; });
at("min").addEventListener("change", () => search());
at("kinds").addEventListener("change", ({ target }) => search({ kind: target.value, when: wanted.when }));
addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.key !== "/") return;
  if (document.querySelector("dialog[open]") || document.activeElement === at("text")) return;
  event.preventDefault();
  at("text").focus();
});
