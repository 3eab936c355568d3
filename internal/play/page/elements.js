// make makes an element; attributes that begin with "on" are listeners.
export function make(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value === true) e.setAttribute(name, "");
    else if (value !== false && value !== undefined) e.setAttribute(name, value);
  }
  e.append(...children);
  return e;
}
// options are those of a select, the chosen one among them.
export const options = (list, chosen) => [...new Set(chosen === undefined ? list : [...list, chosen])].map(text => {
  const o = make("option", { value: text }, text || "–");
  o.selected = text === chosen;
  return o;
});
