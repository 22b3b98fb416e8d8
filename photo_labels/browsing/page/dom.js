// Elements of the page. Texts from outside (keys, labels) only ever become text, never markup.

export const at = (id) => document.getElementById(id);

export const make = (tag, properties = {}, ...children) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
};

export function button(text, onClick, properties = {}) {
  const element = make("button", { type: "button", ...properties }, text);
  element.addEventListener("click", onClick);
  return element;
}

export const numbered = (count, noun) => `${count.toLocaleString()} ${noun}${count === 1 ? "" : "s"}`;
