// The text of a search, as photo_labels/library/searching/query.py reads it: its terms, and the labels in it.

const TOKEN = /[^\s()":]+:(?:"[^"]*"?|\([^\s()"]*\)|[^\s()"])*|"[^"]*"?|[()]|[^\s()"]+/g;
const TERM = /^[^\s()":]+:/; // in:2019/ or name:IMG*
const JOINTS = ["and", "or", "not", "(", ")"];

function tokens(text) {
  return [...text.matchAll(TOKEN)].map(({ 0: token, index }) => {
    const folded = token.toLowerCase();
    const type = JOINTS.includes(folded) ? folded : TERM.test(token) ? "term" : "word";
    return { token, type, start: index, end: index + token.length };
  });
}

// The parts that are joined by `and`, each as it is written; a search with `or` between its parts is one.
export function terms(text) {
  const parts = [];
  let depth = 0;
  let isOpen = false; // whether what follows is of the same part
  for (const { type, start, end } of tokens(text)) {
    if (depth === 0 && type === "or") return [text.trim()];
    if (depth === 0 && type === "and") {
      isOpen = false;
      continue;
    }
    const last = parts.at(-1);
    const begins = depth === 0 && (!isOpen || (last.type !== "not" && (type !== "word" || last.type !== "word")));
    if (begins && type !== ")") parts.push({ start, end, type });
    else if (last) Object.assign(last, { end, type: depth === 0 ? type : last.type });
    if (type === "(") depth += 1;
    if (type === ")") depth -= 1;
    if (type === ")" && depth === 0 && last) last.type = ")";
    isOpen = true;
  }
  return depth === 0 ? parts.map(({ start, end }) => text.slice(start, end)) : [text.trim()];
}

function labels(text) {
  const found = [];
  let before = null;
  for (const one of tokens(text)) {
    if (one.type === "word" && before === "word") found.at(-1).end = one.end;
    else if (one.type === "word") found.push({ ...one });
    before = one.type;
  }
  const label = ({ start, end }) => text.slice(start, end).replaceAll('"', " ").trim().split(/\s+/).join(" ");
  return found.map((one) => ({ start: one.start, end: one.end, label: label(one) }));
}

export const hasLabel = (text) => labels(text).length > 0;

export function quoted(name) {
  return /\b(and|or|not)\b|[():]/i.test(name) ? `"${name}"` : name;
}

// The same search with another label in the place of one.
export function replaced(text, label, other) {
  const same = labels(text).filter((one) => one.label.toLowerCase() === label.toLowerCase());
  const put = (now, { start, end }) => now.slice(0, start) + quoted(other) + now.slice(end);
  return same.reverse().reduce(put, text); // from its end, so that places before stay
}

// The same search with one label more.
export function narrowed(text, name) {
  const plain = text.trim();
  if (!plain) return quoted(name);
  const isOneOfSome = terms(plain).length === 1 && tokens(plain).some(({ type }) => type === "or");
  return `${isOneOfSome && !/^\([^()]*\)$/.test(plain) ? `(${plain})` : plain} and ${quoted(name)}`;
}
